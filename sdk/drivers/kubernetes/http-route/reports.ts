/**
 * What instances behind an HTTPRoute carry, as far as that can be told: whether their Service sends to them, and how long it
 * has not.
 *
 * @module
 */
import { labels } from "../../../contract/names";
import type { CarryingInstance, RouteRef } from "../../../contract/subscriber-split";
import { TargetError } from "../../../contract/target";
import { isDraining } from "../actions/drain";
import { type Reports, servingOf, type Watch } from "../actions/reports";
import type { Cnf } from "../cnf-context";
import { isAlive, type KubeObject, type Pod, paths } from "../objects";
import type { AnyWatched } from "../wait";
import type { Watched } from "../watched";
import { type EndpointSlice, readyPods, SERVICE_NAME, type Service, workloadOf } from "./objects";

export class RouteReports implements Reports {
  readonly sources: readonly AnyWatched[];
  readonly labels = {
    drained: { [labels.routed]: null },
    serving: { [labels.routed]: "true" },
  };
  private readonly cnf: Cnf;
  private readonly ref: RouteRef;
  private readonly workload: string;
  private readonly pods: Watched<Pod>;
  private readonly services: readonly Watched<Service>[];
  private readonly slices: Watched<EndpointSlice>;
  /** When a pod was first seen to be sent nothing any more, ms since 1970. */
  private readonly leftAt = new Map<string, number>();

  constructor(cnf: Cnf, ref: RouteRef, workload: string, pods: Watched<Pod>, watch: Watch) {
    this.cnf = cnf;
    this.ref = ref;
    this.workload = workload;
    this.pods = pods;
    const { namespace } = cnf;
    this.services = ref.services.map((name) =>
      watch<Service>(paths.services(namespace), { fieldSelector: `metadata.name=${name}` }),
    );
    this.slices = watch<EndpointSlice>(paths.endpointSlices(namespace), {
      labelSelector: `${SERVICE_NAME} in (${ref.services.join(",")})`,
    });
    this.sources = [...this.services, this.slices];
  }

  /** Nobody sends to a workload that no Service leads to. */
  get asked(): boolean {
    return this.service !== undefined;
  }

  get reported(): boolean {
    return [...this.slices.items.values()].some(
      ({ metadata }) => metadata.labels?.[SERVICE_NAME] === this.service,
    );
  }

  carrying(): Map<string, CarryingInstance> {
    const there = this.sentTo();
    const alive = [...this.pods.items.values()].filter(isAlive);
    return new Map(
      alive.map((pod) => {
        const { name } = pod.metadata;
        const serving = there.has(name);
        const draining = isDraining(pod) && !serving;
        // What they carry nobody knows: no instance is preferred on that account.
        return [name, { name, workload: this.workload, serving, draining, subscribers: 0, sessions: 0 }];
      }),
    );
  }

  empty(names: ReadonlySet<string>): boolean {
    return this.leftMs(names) === 0;
  }

  draining(names: ReadonlySet<string>, what: string): string {
    const there = this.sentTo();
    const still = [...names].filter((name) => there.has(name)).length;
    if (still > 0) return `${what} draining: service/${this.service} still sends to ${still} of them`;
    return `${what} draining: their connections have ${Math.ceil(this.leftMs(names) / 1000)} s to end`;
  }

  tally(ready: readonly KubeObject[]): string {
    return servingOf(ready, this.carrying());
  }

  silent(): TargetError {
    const { cnf, ref, workload } = this;
    return new TargetError(
      "NO_ENDPOINTS",
      this.service === undefined
        ? `neither service/${ref.services.join(" nor service/")} leads to ${workload}. Expected one whose selector the campaign had set. See whether somebody sets spec.selector of these Services, then run again.`
        : `service/${this.service} in namespace ${cnf.namespace} has no EndpointSlice after ${cnf.patience.silenceMs / 1000} s. Expected the cluster's controller to make one from its selector. Check that kube-controller-manager runs.`,
    );
  }

  /** Time that the last of them still has, in ms. */
  private leftMs(names: ReadonlySet<string>): number {
    const there = this.sentTo();
    const now = Date.now();
    let left = 0;
    for (const name of names) {
      if (there.has(name)) this.leftAt.delete(name);
      else if (!this.leftAt.has(name)) this.leftAt.set(name, now);
      const since = this.leftAt.get(name) ?? now;
      left = Math.max(left, since + 1000 * this.ref.drainSeconds - now);
    }
    return left;
  }

  private get service(): string | undefined {
    const all = this.services.flatMap(({ items }) => [...items.values()]);
    return all.find((one) => workloadOf(one) === this.workload)?.metadata.name;
  }

  private sentTo(): Set<string> {
    return this.service === undefined ? new Set() : readyPods([...this.slices.items.values()], this.service);
  }
}
