/**
 * Requests are shared out by the weights of a Gateway API `HTTPRoute` among two Services, one for each side. The route is its
 * owner's: nothing but the weights of these two changes. The Services are given to the versions in turn, each only while no
 * request comes to it, so that a promotion changes neither weights nor selectors (GRY-02, TEF-12).
 *
 * @module
 */
import { labels } from "../../../contract/names";
import type { Domain, RouteRef, SubscriberSplitSpec } from "../../../contract/subscriber-split";
import { type ActionContext, TargetError } from "../../../contract/target";
import { refused } from "../actions/loss";
import type { Watch } from "../actions/reports";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { checkEpoch, checkSplitEpoch } from "../fence";
import { type Deployment, isAlive, type KubeList, marks, type Pod, paths } from "../objects";
import { type Limits, retrying } from "../retry";
import type { Traffic } from "../traffic";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { acceptanceOf } from "./acceptance";
import {
  type EndpointSlice,
  type HttpRoute,
  readyPods,
  SERVICE_NAME,
  type Service,
  selectorOf,
  workloadOf,
} from "./objects";
import { RouteReports } from "./reports";
import {
  foreignHand,
  ruleTroubles,
  shareOf,
  shownWeights,
  textOf,
  type Weights,
  wholeWeights,
  withWeights,
} from "./weights";

/** One side that is to get requests, or none yet. */
interface Wanted {
  readonly version: string;
  readonly workload: string;
  /** Weight. */
  readonly weight: number;
}

export class RouteTraffic implements Traffic {
  private readonly cnf: Cnf;
  private readonly ref: RouteRef;

  constructor(cnf: Cnf, ref: RouteRef) {
    this.cnf = cnf;
    this.ref = ref;
  }

  /**
   * Each side gets a Service, and those that requests go to must have an instance there.
   *
   * @throws TargetError `BAD_ROUTE`, `NOT_FOUND`, `CONFLICT`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED`
   */
  async prepare(spec: SubscriberSplitSpec, context: ActionContext): Promise<void> {
    const route = await this.route(context);
    const [trouble] = ruleTroubles(route, this.ref);
    if (trouble !== undefined) throw badRoute(this.ref, trouble);
    const wanted = await this.wantedBy(spec, context);
    await checkSplitEpoch(this.cnf, context.epoch);
    for (const side of wanted) {
      await retrying(context, `giving a Service to ${side.workload}`, () => this.give(side, wanted, context));
    }
    for (const side of wanted) if (side.weight > 0) await this.awaitInstance(side, context);
  }

  /** @throws TargetError `NO_GATEWAY`, `BAD_ROUTE`, `CONFLICT`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED` */
  async obey(spec: SubscriberSplitSpec, _generation: number, context: ActionContext): Promise<string> {
    const wanted = await this.wantedBy(spec, context);
    const services = await this.services(context);
    const serviceOf = ({ workload }: Wanted) =>
      services.find((one) => workloadOf(one) === workload)?.metadata.name;
    const weights: { [service: string]: number } = Object.fromEntries(
      this.ref.services.map((service) => [service, 0]),
    );
    for (const side of wanted) {
      const service = serviceOf(side);
      if (service === undefined) throw this.takenAway(side.workload);
      weights[service] = side.weight;
    }
    const { generation, note } = await retrying(context, `writing the weights of ${this.name}`, () =>
      this.write(weights, context.epoch),
    );
    const by = await this.takenUp(weights, generation, context);
    const sum = wanted.reduce((all, { weight }) => all + weight, 0);
    const shares = wanted.map(
      (side) =>
        `${Number(((100 * side.weight) / sum).toFixed(4))} % to ${side.version} by service/${serviceOf(side)}`,
    );
    const shown = shares.length > 0 ? `requests go ${shares.join(", ")}` : "no request goes anywhere";
    return `${this.name}: ${shown}; taken up by ${by.join(", ")}${note ? `; ${note}` : ""}`;
  }

  reports(workload: string, pods: Watched<Pod>, watch: Watch): RouteReports {
    return new RouteReports(this.cnf, this.ref, workload, pods, watch);
  }

  async refuseLoss(workload: string, limits: Limits): Promise<void> {
    const share = await this.shareOf(workload, limits);
    if (share > 0) throw refused(workload, `${this.name} still sends it ${share} % of the requests`);
  }

  /** Without requests and without instances it carries nobody; connections that go on nobody reports. */
  async carries(workload: string, limits: Limits): Promise<boolean | undefined> {
    const { api, namespace } = this.cnf;
    const [share, pods] = await Promise.all([
      this.shareOf(workload, limits),
      retrying(limits, "reading pods", () =>
        api.get<KubeList<Pod>>(paths.pods(namespace), { labelSelector: `${labels.workload}=${workload}` }),
      ),
    ]);
    if (!pods.items.some(isAlive)) return false;
    return share > 0 ? true : undefined;
  }

  private get name(): string {
    return `httproute/${this.ref.name}`;
  }

  /** Share of the requests that a workload gets, in percent. */
  private async shareOf(workload: string, limits: Limits): Promise<number> {
    const services = await this.services(limits);
    const service = services.find((one) => workloadOf(one) === workload)?.metadata.name;
    if (service === undefined) return 0;
    return shareOf(await this.route(limits), this.ref, service);
  }

  private route(limits: Limits): Promise<HttpRoute> {
    const { api, namespace } = this.cnf;
    return retrying(limits, `reading ${this.name}`, () =>
      api.get<HttpRoute>(paths.httpRoutes(namespace, this.ref.name)),
    ).catch((error) => {
      throw isNotFound(error) ? noRoute(this.cnf, this.ref.name) : error;
    });
  }

  private services(limits: Limits): Promise<Service[]> {
    const { api, namespace } = this.cnf;
    return Promise.all(
      this.ref.services.map((name) =>
        retrying(limits, `reading service/${name}`, () =>
          api.get<Service>(paths.services(namespace, name)),
        ).catch((error) => {
          throw isNotFound(error) ? noService(this.cnf, name) : error;
        }),
      ),
    );
  }

  /** The sides with the workload that the route leads to, and the weight of each. */
  private async wantedBy(spec: SubscriberSplitSpec, limits: Limits): Promise<Wanted[]> {
    const { api, name, namespace } = this.cnf;
    const { items } = await retrying(limits, "reading deployments", () =>
      api.get<KubeList<Deployment>>(paths.deployments(namespace), {
        labelSelector: `${labels.cnf}=${name}`,
      }),
    );
    const routed = new Set(
      items
        .filter(({ spec: of }) => of.template.metadata?.labels?.[labels.routed] !== undefined)
        .map(({ metadata }) => metadata.name),
    );
    const workloadIn = ({ version, workloads }: Domain): string => {
      const found = workloads.find((one) => routed.has(one));
      if (found !== undefined) return found;
      throw badRoute(
        this.ref,
        `none of ${workloads.join(", ")} (version ${version}) is a Deployment whose pods have the label ${labels.routed}. Expected the one that the route leads to; traffic.httpRoute of the Cnf has it declared so.`,
      );
    };
    const { left, right, ratio } = spec;
    const l = left && { version: left.version, workload: workloadIn(left) };
    const r = right && { version: right.version, workload: workloadIn(right) };
    if (l && r && l.workload !== r.workload) {
      const [toRight, toLeft] = wholeWeights(ratio);
      return [
        { ...l, weight: toLeft },
        { ...r, weight: toRight },
      ];
    }
    // One side, or two that share the instances which the route leads to: they get everything.
    const only = l ?? r;
    return only ? [{ ...only, weight: 100 }] : [];
  }

  /** A Service is given to another workload only while no request comes to it. */
  private async give(side: Wanted, wanted: readonly Wanted[], context: ActionContext): Promise<void> {
    const { api, namespace } = this.cnf;
    const [services, route] = await Promise.all([this.services(context), this.route(context)]);
    if (services.some((one) => workloadOf(one) === side.workload)) return;
    const taken = new Set(wanted.map(({ workload }) => workload));
    const free = await Promise.all(
      services
        .filter((one) => !taken.has(workloadOf(one) ?? ""))
        .map(async (service) => {
          const share = shareOf(route, this.ref, service.metadata.name);
          const inUse = share > 0 && (await this.pods(service.metadata.name, context)).size > 0;
          return { service, share, inUse };
        }),
    );
    const [found = free[0]] = free.filter(({ inUse }) => !inUse);
    if (!found) throw this.takenAway(side.workload);
    const { service, share, inUse } = found;
    const { name, resourceVersion } = service.metadata;
    checkEpoch(service, context.epoch, `service/${name}`);
    if (inUse) {
      throw new TargetError(
        "CONFLICT",
        `${this.name} sends ${share} % of the requests to service/${name}, which leads to instances of ${workloadOf(service) ?? "something else"}. Expected 0 before the Service is given to ${side.workload}. See who set these weights, set them back, then run again.`,
      );
    }
    await api.merge(paths.services(namespace, name), {
      metadata: { resourceVersion, annotations: { [marks.epoch]: String(context.epoch) } },
      spec: { selector: selectorOf(side.workload) },
    });
  }

  private async pods(service: string, limits: Limits): Promise<Set<string>> {
    const { api, namespace } = this.cnf;
    const { items } = await retrying(limits, `reading the endpoints of service/${service}`, () =>
      api.get<KubeList<EndpointSlice>>(paths.endpointSlices(namespace), {
        labelSelector: `${SERVICE_NAME}=${service}`,
      }),
    );
    return readyPods(items, service);
  }

  /** A Service without an endpoint answers 500 or 503 to each of its requests. */
  private async awaitInstance(side: Wanted, context: ActionContext): Promise<void> {
    const { api, namespace } = this.cnf;
    const services = await this.services(context);
    const service = services.find((one) => workloadOf(one) === side.workload)?.metadata.name;
    if (service === undefined) throw this.takenAway(side.workload);
    const slices = new Watched<EndpointSlice>(api, paths.endpointSlices(namespace), {
      labelSelector: `${SERVICE_NAME}=${service}`,
    });
    try {
      await waitUntil(
        [slices],
        context,
        () => `an instance of ${side.workload} behind service/${service}`,
        () => (readyPods([...slices.items.values()], service).size > 0 ? true : undefined),
      );
    } finally {
      slices.stop();
    }
  }

  /** Writes on condition that the route is as it was read, and that no later campaign was here. */
  private async write(weights: Weights, epoch: number): Promise<{ generation: number; note?: string }> {
    const { api, namespace } = this.cnf;
    const path = paths.httpRoutes(namespace, this.ref.name);
    const route = await api.get<HttpRoute>(path);
    checkEpoch(route, epoch, this.name);
    const wanted = textOf(weights);
    const foreign = foreignHand(route, this.ref);
    const note = foreign === undefined ? {} : { note: foreign };
    const { annotations = {}, resourceVersion, generation = 0 } = route.metadata;
    const same = shownWeights(route, this.ref) === wanted;
    if (same && annotations[marks.weights] === wanted && annotations[marks.epoch] === String(epoch))
      return { generation, ...note };
    const written = await api.merge<HttpRoute>(path, {
      metadata: {
        resourceVersion,
        annotations: { [marks.epoch]: String(epoch), [marks.weights]: wanted },
      },
      ...(same ? {} : { spec: { rules: withWeights(route, weights) } }),
    });
    return { generation: written.metadata.generation ?? generation, ...note };
  }

  /** @returns the controllers that took the weights up. */
  private async takenUp(
    weights: Weights,
    generation: number,
    context: ActionContext,
  ): Promise<readonly string[]> {
    const { cnf, ref } = this;
    const wanted = textOf(weights);
    const say = onceEach(context.progress);
    const routes = new Watched<HttpRoute>(cnf.api, paths.httpRoutes(cnf.namespace), {
      fieldSelector: `metadata.name=${ref.name}`,
    });
    const since = Date.now();
    let why = "no report yet";
    try {
      return await waitUntil(
        [routes],
        context,
        () => `${this.name} to be taken up with ${wanted}: ${why}`,
        () => {
          const now = routes.items.get(ref.name);
          if (!now) throw noRoute(cnf, ref.name);
          // The watch may still be behind our own write.
          if ((now.metadata.generation ?? 0) < generation) return undefined;
          checkEpoch(now, context.epoch, this.name);
          const shown = shownWeights(now, ref);
          if (shown !== wanted) {
            throw new TargetError(
              "CONFLICT",
              `${this.name} was set to ${shown || "other backends"} by someone else while the campaign had set ${wanted}. Look for what writes its weights (a GitOps controller, a progressive-delivery one, another program), have it leave them alone, and run again.`,
            );
          }
          const acceptance = acceptanceOf(now, now.metadata.generation ?? generation);
          if (acceptance.state === "accepted") return acceptance.by;
          why = acceptance.why;
          if (acceptance.state === "refused") throw badRoute(ref, `${why}.`);
          if (Date.now() - since > cnf.patience.silenceMs) throw noGateway(cnf, ref, why);
          say(`${this.name} has ${wanted}: ${why}`);
          return undefined;
        },
      );
    } finally {
      routes.stop();
    }
  }

  private takenAway(workload: string): TargetError {
    return new TargetError(
      "CONFLICT",
      `no Service leads to ${workload} any more: somebody else set spec.selector of service/${this.ref.services.join(" or service/")}. Expected the campaign alone to set it. Leave the selector out where these Services are declared, then run again.`,
    );
  }
}

const badRoute = (ref: Pick<RouteRef, "name">, why: string): TargetError =>
  new TargetError("BAD_ROUTE", `httproute/${ref.name} can't be used: ${why}`);

const noRoute = (cnf: Cnf, name: string): TargetError =>
  new TargetError(
    "NOT_FOUND",
    `there is no httproute/${name} in namespace ${cnf.namespace}, or the cluster has no Gateway API (gateway.networking.k8s.io/v1). Expected the route that ${cnf.name} is reached by. Declare it, or correct traffic.httpRoute.`,
  );

const noService = (cnf: Cnf, name: string): TargetError =>
  new TargetError(
    "NOT_FOUND",
    `there is no service/${name} in namespace ${cnf.namespace}. Expected both Services of traffic.services. Declare it without a selector, or correct the name.`,
  );

const noGateway = (cnf: Cnf, ref: RouteRef, why: string): TargetError =>
  new TargetError(
    "NO_GATEWAY",
    `no Gateway took up httproute/${ref.name} within ${cnf.patience.silenceMs / 1000} s: ${why}. Expected the controller of each of its parentRefs to report Accepted for the route as it is now. Check that the controller runs, and that the Gateway's listener lets routes of namespace ${cnf.namespace} in.`,
  );
