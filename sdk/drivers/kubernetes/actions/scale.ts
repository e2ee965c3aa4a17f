/**
 * `scale`: another number of instances of one workload. Upwards it waits until they serve; downwards it empties the
 * surplus first, so that no session ends with its instance (GRY-01, GRY-05, TEF-9).
 *
 * @module
 */
import { annotations, labels } from "../../../contract/names";
import { groupName, type RedundancyGroup } from "../../../contract/redundancy-group";
import type { CarryingInstance, SubscriberSplit } from "../../../contract/subscriber-split";
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
import { checkAborted, retrying } from "../retry";
import { onceEach, waitUntil } from "../wait";
import { Watched } from "../watched";
import { surplus } from "./drain";
import { DrainRequests } from "./drain-requests";
import { noLoadBalancer } from "./load-balancer";
import { refuseLoss, refuseWhileInService } from "./loss";
import { carriedByMembers, noGroup, refuseActive, tallyOf } from "./members";
import { complaints, PodTrouble } from "./pod-trouble";

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
  private readonly requests: DrainRequests;
  private readonly watches: { stop(): void }[] = [];
  private readonly deployments: Watched<Deployment>;
  private readonly splits: Watched<SubscriberSplit>;
  private pods!: Watched<Pod>;
  /** Where the instances are members of a redundancy group: that group. */
  private groups: Watched<RedundancyGroup & KubeObject> | undefined;
  private group = "";

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
    this.requests = new DrainRequests(cnf, context);
    this.deployments = this.watch(paths.deployments(cnf.namespace), {
      fieldSelector: `metadata.name=${this.name}`,
    });
    this.splits = this.watch(paths.splits(cnf.namespace), { fieldSelector: `metadata.name=${cnf.name}` });
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
    const { [annotations.serviceType]: type = "load-sharing" } = found.metadata.annotations ?? {};
    if (type !== "load-sharing") {
      this.group = groupName(this.cnf.name, found.metadata.labels?.[labels.component] ?? "");
      this.groups = this.watch(paths.groups(this.cnf.namespace), {
        fieldSelector: `metadata.name=${this.group}`,
      });
    }
    await this.until("the cluster's answer", () => true);

    const before = found.spec.replicas;
    const notes: string[] = [];
    if (before === this.wanted) this.generation = found.metadata.generation ?? 0;
    if (before !== this.from && before !== this.wanted) {
      notes.push(`the plan took it to have ${this.from}, someone else had set ${before}`);
    }
    const gone = before > this.wanted ? await this.down(before) : await this.up(before);
    if (gone !== undefined) notes.push(gone);
    return `${this.name} has ${this.wanted} of ${this.wanted} instances, was ${before}${notes.map((note) => `; ${note}`).join("")}`;
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
        if (!this.reported && Date.now() - readySince > this.cnf.patience.silenceMs) {
          throw this.groups
            ? noGroup(this.cnf, this.group, "has not reported which members are in step")
            : noLoadBalancer(this.cnf, "has not reported which instances serve");
        }
        return undefined;
      }
      trouble.check(this.deployments.items.get(this.name), pods);
      return undefined;
    });
  }

  /** @returns what went otherwise than asked for. */
  private async down(before: number): Promise<string | undefined> {
    const split = this.splits.items.get(this.cnf.name);
    if (this.mayLose) refuseWhileInService(this.name, split);
    else if (this.wanted === 0 && !this.groups) await refuseLoss(this.cnf, this.name, this.context, split);
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
    const { context } = this;
    const started = Date.now();
    for (;;) {
      checkAborted(context.signal, `draining ${this.name}`);
      const count = Math.max(0, this.alive().length - this.wanted);
      const chosen = surplus(this.alive(), count, this.carrying(), this.requests.has);
      const names = new Set(chosen.map((pod) => pod.metadata.name));
      if (this.groups) refuseActive(this.name, [...names], this.groups.items.get(this.group));
      await inParallel(this.alive(), (pod) =>
        names.has(pod.metadata.name) ? this.requests.ask(pod) : this.requests.takeBack(pod),
      );
      const loads = () => {
        const carrying = this.carrying();
        return [...names]
          .map((name) => carrying.get(name))
          .filter((of): of is CarryingInstance => of !== undefined);
      };
      const line = () => {
        if (this.groups) return `${names.size} members of ${this.name} are to leave; ${this.tally()}`;
        const subscribers = loads().reduce((sum, of) => sum + of.subscribers, 0);
        const sessions = loads().reduce((sum, of) => sum + of.sessions, 0);
        return `${names.size} instances of ${this.name} draining: ${subscribers} subscribers, ${sessions} sessions left`;
      };
      const done = await this.until(line, () => {
        this.say(line());
        this.checkUnchanged();
        const alive = this.alive();
        const more = Math.max(0, alive.length - this.wanted);
        const now = surplus(alive, more, this.carrying(), this.requests.has);
        const same = now.length === names.size && now.every((pod) => names.has(pod.metadata.name));
        if (!same) return "choose again";
        // Without a split, or a group, nobody was ever sent here.
        if (!this.asked) return "empty";
        if (!this.reported) {
          if (Date.now() - started > this.cnf.patience.silenceMs) {
            throw this.groups
              ? noGroup(this.cnf, this.group, "has not reported its members")
              : noLoadBalancer(this.cnf, "has not reported what its instances carry");
          }
          return undefined;
        }
        // An instance that the load balancer doesn't know carries nothing; when it learns of it, it sees the request too.
        const empty = loads().every((of) => of.draining && of.subscribers === 0 && of.sessions === 0);
        return empty && this.requests.shownBy(alive) ? "empty" : undefined;
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

  /** Whether the network function was ever told what to do with these instances. */
  private get asked(): boolean {
    if (this.groups) return this.groups.items.get(this.group)?.spec.workloads.includes(this.name) ?? false;
    return this.splits.items.has(this.cnf.name);
  }

  private get reported(): boolean {
    const of = this.groups ? this.groups.items.get(this.group) : this.splits.items.get(this.cnf.name);
    return of?.status !== undefined;
  }

  private carrying(): Map<string, CarryingInstance> {
    const instances = this.groups
      ? carriedByMembers(this.groups.items.get(this.group))
      : (this.splits.items.get(this.cnf.name)?.status?.instances ?? []);
    return new Map(instances.map((instance) => [instance.name, instance]));
  }

  private tally(): string {
    const pods = this.alive();
    const ready = pods.filter(isReady);
    const leaving = this.leaving();
    const carrying = this.carrying();
    const serving = ready.filter((pod) => carrying.get(pod.metadata.name)?.serving).length;
    const shown = this.awaitServing && !this.groups ? `, ${serving} serving` : "";
    const group = this.groups ? `; ${tallyOf(this.group, this.groups.items.get(this.group)?.status)}` : "";
    return `${this.name}: ${ready.length} of ${this.wanted} Ready${shown}${leaving > 0 ? `, ${leaving} ending` : ""}${group}`;
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
    const sources = [this.deployments, this.splits, this.pods, ...(this.groups ? [this.groups] : [])];
    return waitUntil(sources, this.context, typeof what === "string" ? () => what : what, check);
  }
}
