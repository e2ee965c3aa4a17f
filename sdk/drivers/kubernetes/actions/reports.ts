/**
 * Who tells what instances carry, and whether they serve: the load balancer, or the redundancy group that they are members of.
 *
 * @module
 */
import type { RedundancyGroup } from "../../../contract/redundancy-group";
import type { CarryingInstance, SubscriberSplit } from "../../../contract/subscriber-split";
import type { TargetError } from "../../../contract/target";
import type { Query } from "../api";
import type { Cnf } from "../cnf-context";
import type { KubeObject } from "../objects";
import type { AnyWatched } from "../wait";
import type { Watched } from "../watched";
import { noLoadBalancer } from "./load-balancer";
import { carriedByMembers, noGroup, tallyOf } from "./members";

/** Begins to watch, for as long as the action runs. */
export type Watch = <T extends KubeObject>(path: string, query: Query) => Watched<T>;

export interface Reports {
  readonly sources: readonly AnyWatched[];
  /** Whether anybody was ever told to bring work to these instances. */
  readonly asked: boolean;
  readonly reported: boolean;
  carrying(): ReadonlyMap<string, CarryingInstance>;
  /** Whether those that were asked to drain carry nothing any more. */
  empty(names: ReadonlySet<string>): boolean;
  /** How far they are, in a line. @param what e.g. `2 instances of amf-gsu-1-0-0` */
  draining(names: ReadonlySet<string>, what: string): string;
  /** What it adds to a line on the workload. */
  tally(ready: readonly KubeObject[]): string;
  /** It did not say in time what the instances do. */
  silent(missing: "serving" | "carried"): TargetError;
  /** Labels that keep a pod from work, and bring it back to it; null removes. */
  readonly labels?: {
    readonly drained: { readonly [label: string]: string | null };
    readonly serving: { readonly [label: string]: string | null };
  };
}

const isEmpty = ({ draining, subscribers, sessions }: CarryingInstance): boolean =>
  draining && subscribers === 0 && sessions === 0;

export class SplitReports implements Reports {
  readonly sources: readonly AnyWatched[];
  private readonly cnf: Cnf;
  private readonly splits: Watched<SubscriberSplit & KubeObject>;

  constructor(cnf: Cnf, splits: Watched<SubscriberSplit & KubeObject>) {
    this.cnf = cnf;
    this.splits = splits;
    this.sources = [splits];
  }

  get asked(): boolean {
    return this.splits.items.has(this.cnf.name);
  }

  get reported(): boolean {
    return this.splits.items.get(this.cnf.name)?.status !== undefined;
  }

  carrying(): Map<string, CarryingInstance> {
    const instances = this.splits.items.get(this.cnf.name)?.status?.instances ?? [];
    return new Map(instances.map((instance) => [instance.name, instance]));
  }

  /** An instance that the load balancer doesn't know carries nothing; when it learns of it, it sees the request too. */
  empty(names: ReadonlySet<string>): boolean {
    return this.of(names).every(isEmpty);
  }

  draining(names: ReadonlySet<string>, what: string): string {
    const subscribers = this.of(names).reduce((sum, one) => sum + one.subscribers, 0);
    const sessions = this.of(names).reduce((sum, one) => sum + one.sessions, 0);
    return `${what} draining: ${subscribers} subscribers, ${sessions} sessions left`;
  }

  tally(ready: readonly KubeObject[]): string {
    return servingOf(ready, this.carrying());
  }

  silent(missing: "serving" | "carried"): TargetError {
    const what = missing === "serving" ? "which instances serve" : "what its instances carry";
    return noLoadBalancer(this.cnf, `has not reported ${what}`);
  }

  private of(names: ReadonlySet<string>): CarryingInstance[] {
    return [...this.carrying().values()].filter(({ name }) => names.has(name));
  }
}

export const servingOf = (
  ready: readonly KubeObject[],
  carrying: ReadonlyMap<string, CarryingInstance>,
): string => `, ${ready.filter(({ metadata }) => carrying.get(metadata.name)?.serving).length} serving`;

export class GroupReports implements Reports {
  readonly sources: readonly AnyWatched[];
  private readonly cnf: Cnf;
  private readonly groups: Watched<RedundancyGroup & KubeObject>;
  private readonly name: string;
  private readonly workload: string;

  constructor(cnf: Cnf, groups: Watched<RedundancyGroup & KubeObject>, name: string, workload: string) {
    this.cnf = cnf;
    this.groups = groups;
    this.name = name;
    this.workload = workload;
    this.sources = [groups];
  }

  get asked(): boolean {
    return this.group?.spec.workloads.includes(this.workload) ?? false;
  }

  get reported(): boolean {
    return this.group?.status !== undefined;
  }

  get group(): RedundancyGroup | undefined {
    return this.groups.items.get(this.name);
  }

  carrying(): Map<string, CarryingInstance> {
    return new Map(carriedByMembers(this.group).map((member) => [member.name, member]));
  }

  empty(names: ReadonlySet<string>): boolean {
    return [...this.carrying().values()].every((one) => !names.has(one.name) || isEmpty(one));
  }

  draining(names: ReadonlySet<string>): string {
    return `${names.size} members of ${this.workload} are to leave`;
  }

  tally(): string {
    return `; ${tallyOf(this.name, this.group?.status)}`;
  }

  silent(missing: "serving" | "carried"): TargetError {
    const what = missing === "serving" ? "which members are in step" : "its members";
    return noGroup(this.cnf, this.name, `has not reported ${what}`);
  }
}
