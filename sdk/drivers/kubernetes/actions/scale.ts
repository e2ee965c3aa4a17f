/**
 * `scale`: another number of instances of one workload. Upwards it waits until they serve; downwards it empties the
 * surplus first, so that no session ends with its instance (GRY-01, GRY-05, TEF-9).
 *
 * @module
 */
import { annotations, labels } from "../../../contract/names";
import { groupName } from "../../../contract/redundancy-group";
import type { CarryingInstance } from "../../../contract/subscriber-split";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import type { Query } from "../api";
import { countArg, nameIn } from "../arguments";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { claim } from "../fence";
import {
  type Deployment,
  isAlive,
  isReady,
  type KubeObject,
  marks,
  type Pod,
  paths,
  selectorText,
} from "../objects";
import { inParallel } from "../parallel";
import { splitOf } from "../read-split";
import { checkAborted, retrying } from "../retry";
import { type Traffic, trafficOf } from "../traffic";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { surplus } from "./drain";
import { DrainRequests } from "./drain-requests";
import { refuseWhileInService } from "./loss";
import { refuseActive } from "./members";
import { complaints, PodTrouble } from "./pod-trouble";
import { GroupReports, type Reports } from "./reports";

/** @throws TargetError `UNSCHEDULABLE`, `NOT_STARTING`, `CANNOT_CREATE_PODS`, `WOULD_LOSE_SESSIONS`, `NO_LOAD_BALANCER`, `STALE_EPOCH`, `TIMEOUT`, `ABORTED` */
export async function scale(cnf: Cnf, action: Action, context: ActionContext): Promise<string> {
  const scaling = new Scaling(cnf, action, context);
  try {
    return await scaling.run();
  } finally {
    scaling.stop();
  }
}

class Scaling {
  private readonly cnf: Cnf;
  private readonly context: ActionContext;
  private readonly name: string;
  private readonly wanted: number;
  private readonly from: number;
  private readonly awaitServing: boolean;
  /** Nothing is left to hand over to, and the plan says so. */
  private readonly mayLose: boolean;
  private readonly path: string;
  private readonly say: (line: string) => void;
  private requests!: DrainRequests;
  private readonly watches: { stop(): void }[] = [];
  private readonly deployments: Watched<Deployment>;
  private pods!: Watched<Pod>;
  private reports!: Reports;

  constructor(cnf: Cnf, action: Action, context: ActionContext) {
    this.cnf = cnf;
    this.context = context;
    this.name = nameIn(action, "deployment");
    this.wanted = countArg(action, "replicas");
    this.from = countArg(action, "from");
    this.awaitServing = action.args.awaitServing === true;
    this.mayLose = action.args.mayLose === true;
    this.path = paths.deployments(cnf.namespace, this.name);
    this.say = onceEach(context.progress);
    this.deployments = this.watch(paths.deployments(cnf.namespace), {
      fieldSelector: `metadata.name=${this.name}`,
    });
  }

  stop(): void {
    for (const watch of this.watches) watch.stop();
  }

  async run(): Promise<string> {
    const found = await this.claimed().catch((error) => {
      throw isNotFound(error) ? this.gone() : error;
    });
    this.pods = this.watch(paths.pods(this.cnf.namespace), {
      labelSelector: selectorText(found.spec.selector),
    });
    const split = await retrying(this.context, "reading the split", () =>
      splitOf(this.cnf, (path) => this.cnf.api.get(path)),
    );
    const traffic = trafficOf(this.cnf, split);
    this.reports = this.reportsOn(found, traffic);
    this.requests = new DrainRequests(this.cnf, this.context, this.reports.labels);
    await this.until("the cluster's answer", () => true);

    const before = found.spec.replicas;
    const notes: string[] = [];
    if (before === this.wanted) this.generation = found.metadata.generation ?? 0;
    if (before !== this.from && before !== this.wanted) {
      notes.push(`the plan took it to have ${this.from}, someone else had set ${before}`);
    }
    const gone = before > this.wanted ? await this.down(before, traffic, split) : await this.up(before);
    if (gone !== undefined) notes.push(gone);
    return `${this.name} has ${this.wanted} of ${this.wanted} instances, was ${before}${notes.map((note) => `; ${note}`).join("")}`;
  }

  /** Of the members of a redundancy group that group tells, of others whoever brings them their work. */
  private reportsOn({ metadata }: Deployment, traffic: Traffic): Reports {
    const { cnf, name } = this;
    const watch = <T extends KubeObject>(path: string, query: Query) => this.watch<T>(path, query);
    const { [annotations.serviceType]: type = "load-sharing" } = metadata.annotations ?? {};
    if (type === "load-sharing") return traffic.reports(name, this.pods, watch);
    const group = groupName(cnf.name, metadata.labels?.[labels.component] ?? "");
    const query = { fieldSelector: `metadata.name=${group}` };
    return new GroupReports(cnf, watch(paths.groups(cnf.namespace), query), group, name);
  }

  private async up(before: number): Promise<undefined> {
    // What an earlier scaling down asked for and did not come to finish.
    await inParallel(this.alive(), (pod) => this.requests.takeBack(pod));
    if (before !== this.wanted) await this.set(this.wanted);
    const trouble = new PodTrouble(this.cnf.patience.unschedulableMs);
    let readySince: number | undefined;
    const what = () => {
      const said = complaints(this.alive());
      return `${this.wanted} instances of ${this.name} to ${this.awaitServing ? "serve" : "be Ready"}: ${this.tally()}${said ? `; ${said}` : ""}`;
    };
    await this.until(what, () => {
      const pods = this.alive();
      this.say(this.tally());
      this.checkUnchanged();
      // Those that an earlier run drained and took away are waited for too.
      const leaving = this.from > this.wanted && this.leaving() > 0;
      if (pods.length === this.wanted && pods.every(isReady) && !leaving) {
        if (!this.awaitServing) return true;
        const carrying = this.carrying();
        if (pods.every((pod) => carrying.get(pod.metadata.name)?.serving)) return true;
        readySince ??= Date.now();
        if (!this.reports.reported && Date.now() - readySince > this.cnf.patience.silenceMs)
          throw this.reports.silent("serving");
        return undefined;
      }
      trouble.check(this.deployments.items.get(this.name), pods);
      return undefined;
    });
  }

  /** @returns what went otherwise than asked for. */
  private async down(
    before: number,
    traffic: Traffic,
    split: Awaited<ReturnType<typeof splitOf>>,
  ): Promise<string | undefined> {
    if (this.mayLose) refuseWhileInService(this.name, split);
    else if (this.wanted === 0 && !(this.reports instanceof GroupReports))
      await traffic.refuseLoss(this.name, this.context);
    const chosen = this.mayLose ? [] : await this.emptied();
    const serving = new Set(this.alive().map(({ metadata }) => metadata.uid));
    await this.set(this.wanted);
    const surprised: string[] = [];
    await this.until(
      () => `the ${before - this.wanted} drained instances of ${this.name} to end: ${this.tally()}`,
      () => {
        this.say(this.tally());
        this.checkUnchanged();
        const ours = [...this.pods.items.values()].filter(({ metadata }) => serving.has(metadata.uid));
        if (!this.mayLose) surprised.push(...this.requests.askEnding(ours));
        return this.alive().length <= this.wanted && this.leaving() === 0 ? true : undefined;
      },
    );
    await this.requests.settled();
    // The ReplicaSet chooses; a pod that stopped being Ready in the last instant goes before the one we asked.
    const left = this.alive().filter(this.requests.has);
    for (const pod of left) await this.requests.takeBack(pod);
    if (left.length === 0) return undefined;
    const names = left.map((pod) => pod.metadata.name).join(", ");
    const others =
      surprised.length > 0
        ? `the ReplicaSet took ${surprised.join(", ")}, asked to hand over while ending`
        : "another had ended";
    return `of the drained instances ${chosen.join(", ")}, ${names} stayed and takes work again: ${others}`;
  }

  /** Drains the surplus and waits until it carries nobody. @returns names of those pods. */
  private async emptied(): Promise<string[]> {
    const { context, reports } = this;
    const started = Date.now();
    for (;;) {
      checkAborted(context.signal, `draining ${this.name}`);
      const count = Math.max(0, this.alive().length - this.wanted);
      const chosen = surplus(this.alive(), count, this.carrying(), this.requests.has);
      const names = new Set(chosen.map((pod) => pod.metadata.name));
      if (reports instanceof GroupReports) refuseActive(this.name, [...names], reports.group);
      await inParallel(this.alive(), (pod) =>
        names.has(pod.metadata.name) ? this.requests.ask(pod) : this.requests.takeBack(pod),
      );
      const line = () => reports.draining(names, `${names.size} instances of ${this.name}`);
      const done = await this.until(line, () => {
        this.say(line());
        this.checkUnchanged();
        const alive = this.alive();
        const more = Math.max(0, alive.length - this.wanted);
        const now = surplus(alive, more, this.carrying(), this.requests.has);
        const same = now.length === names.size && now.every((pod) => names.has(pod.metadata.name));
        if (!same) return "choose again";
        // Without a split, or a group, nobody was ever sent here.
        if (!reports.asked) return "empty";
        if (!reports.reported) {
          if (Date.now() - started > this.cnf.patience.silenceMs) throw reports.silent("carried");
          return undefined;
        }
        return reports.empty(names) && this.requests.shownBy(alive) ? "empty" : undefined;
      });
      if (done === "empty") return [...names];
    }
  }

  /** Sets the number, on condition that nobody has written the Deployment since we put our epoch on it. */
  private async set(replicas: number): Promise<void> {
    await retrying(this.context, `scaling deployment/${this.name}`, async () => {
      const { metadata, spec } = await this.claimed();
      this.generation = metadata.generation ?? 0;
      if (spec.replicas === replicas) return;
      // Not by the scale subresource: the admission policy lets only that write through which also says what it means.
      await this.cnf.api.merge(this.path, {
        metadata: {
          resourceVersion: metadata.resourceVersion,
          annotations: { [marks.instances]: String(replicas) },
        },
        spec: { replicas },
      });
      this.generation += 1;
    });
  }

  /** `metadata.generation` as our own write left it; later ones are someone else's. */
  private generation = Number.POSITIVE_INFINITY;

  /** Someone else's hand on the same number would be fought over for ever. */
  private checkUnchanged(): void {
    const now = this.deployments.items.get(this.name);
    if (now === undefined) {
      if (this.deployments.synced) throw this.gone();
      return;
    }
    if (now.spec.replicas !== this.wanted && (now.metadata.generation ?? 0) > this.generation) {
      throw new TargetError(
        "CONFLICT",
        `deployment/${this.name} was set to ${now.spec.replicas} instances by someone else while the campaign had set ${this.wanted}. Look for an autoscaler or an operator that scales it, and suspend it.`,
      );
    }
  }

  private claimed(): Promise<Deployment> {
    return retrying(this.context, `reading deployment/${this.name}`, () =>
      claim<Deployment>(this.cnf.api, this.path, this.context.epoch, `deployment/${this.name}`),
    );
  }

  private alive(): Pod[] {
    return [...this.pods.items.values()].filter(isAlive);
  }

  private leaving(): number {
    return [...this.pods.items.values()].filter((pod) => pod.metadata.deletionTimestamp !== undefined).length;
  }

  private carrying(): ReadonlyMap<string, CarryingInstance> {
    return this.reports.carrying();
  }

  private tally(): string {
    const pods = this.alive();
    const ready = pods.filter(isReady);
    const leaving = this.leaving();
    const shown = this.awaitServing || this.reports instanceof GroupReports ? this.reports.tally(ready) : "";
    return `${this.name}: ${ready.length} of ${this.wanted} Ready${shown}${leaving > 0 ? `, ${leaving} ending` : ""}`;
  }

  private gone(): TargetError {
    return new TargetError(
      "NOT_FOUND",
      `deployment/${this.name} does not exist in namespace ${this.cnf.namespace}. It is declared by the Pulumi program; let \`pulumi up\` create it again.`,
    );
  }

  private watch<T extends KubeObject>(path: string, query: Query): Watched<T> {
    const watched = new Watched<T>(this.cnf.api, path, query);
    this.watches.push(watched);
    return watched;
  }

  private until<T>(what: string | (() => string), check: () => T | undefined): Promise<T> {
    const sources = [this.deployments, this.pods, ...this.reports.sources];
    return waitUntil(sources, this.context, typeof what === "string" ? () => what : what, check);
  }
}
