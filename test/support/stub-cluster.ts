/** A cluster without a control plane: pods and split are what the test says. */
import type {
  DataTransferSpec,
  DataTransferStatus,
  DialTestStatus,
  RedundancyGroupSpec,
  RedundancyGroupStatus,
  SubscriberSplitSpec,
  SubscriberSplitStatus,
} from "pulumi-issu/contract";
import type {
  ClusterEvents,
  CnfCluster,
  CnfPod,
  NamedDialTest,
  NamedGroup,
  NamedTransfer,
} from "../../lab/cnf/cluster.ts";

export class StubCluster implements CnfCluster {
  #events: ClusterEvents | undefined;
  #pods: CnfPod[] = [];
  #generation = 0;
  #spec: SubscriberSplitSpec | undefined;
  readonly #network: string;
  #nextHost = 1;
  status: SubscriberSplitStatus | undefined;
  readonly dialStatus = new Map<string, DialTestStatus>();
  readonly groupStatus = new Map<string, RedundancyGroupStatus>();
  readonly transferStatus = new Map<string, DataTransferStatus>();
  readonly #groups = new Map<string, NamedGroup>();
  readonly #transfers = new Map<string, NamedTransfer>();

  /** @param network first three octets of the pods' addresses, within 127.0.0.0/8 */
  constructor(network: string) {
    this.#network = network;
  }

  start(events: ClusterEvents): void {
    this.#events = events;
  }

  stop(): void {}

  async writeSplitStatus(_name: string, status: SubscriberSplitStatus): Promise<void> {
    this.status = status;
  }

  async writeDialTestStatus(name: string, status: DialTestStatus): Promise<void> {
    this.dialStatus.set(name, status);
  }

  async writeGroupStatus(name: string, status: RedundancyGroupStatus): Promise<void> {
    this.groupStatus.set(name, status);
  }

  async writeTransferStatus(name: string, status: DataTransferStatus): Promise<void> {
    this.transferStatus.set(name, status);
  }

  get generation(): number {
    return this.#generation;
  }

  get pods(): readonly CnfPod[] {
    return this.#pods;
  }

  /** Makes a workload have so many pods; those made last go first. */
  scale(workload: string, version: string, replicas: number, more: Partial<CnfPod> = {}): void {
    const own = this.#pods.filter((pod) => pod.workload === workload);
    const gone = new Set(own.slice(replicas));
    this.#pods = this.#pods.filter((pod) => !gone.has(pod));
    for (let i = own.length; i < replicas; i++) {
      const host = this.#nextHost++;
      this.#pods.push({
        uid: `uid-${host}`,
        name: `${workload}-${host}`,
        address: `${this.#network}.${host}`,
        workload,
        version,
        ready: true,
        deleting: false,
        draining: false,
        metricsPort: 9090,
        metricsPath: "/metrics",
        ...more,
      });
    }
    this.#events?.pods(this.#pods);
  }

  annotate(matches: (pod: CnfPod) => boolean, change: Partial<CnfPod>): void {
    this.#pods = this.#pods.map((pod) => (matches(pod) ? { ...pod, ...change } : pod));
    this.#events?.pods(this.#pods);
  }

  split(spec: Partial<SubscriberSplitSpec>): void {
    const whole: SubscriberSplitSpec = { ratio: 0, admission: "by-ratio", pinned: [], epoch: 1, ...spec };
    this.#spec = whole;
    this.#generation++;
    this.#events?.split({ name: "amf", generation: this.#generation, spec: whole });
  }

  /** Takes the split away. */
  remove(): void {
    this.#spec = undefined;
    this.#events?.split(undefined);
  }

  get spec(): SubscriberSplitSpec | undefined {
    return this.#spec;
  }

  /** Sets parts of a group's spec; the first time, of a new one. Named `amf-<component>`. */
  group(component: string, change: Partial<RedundancyGroupSpec>): void {
    const name = `amf-${component}`;
    const before = this.#groups.get(name);
    const spec: RedundancyGroupSpec = {
      cnf: "amf",
      component,
      kind: "data-storage",
      workloads: [],
      selfHealing: "on",
      epoch: 1,
      ...before?.spec,
      ...change,
    };
    this.#groups.set(name, { name, generation: (before?.generation ?? 0) + 1, spec });
    this.#events?.groups([...this.#groups.values()]);
  }

  /** Status of a group, once it answers the spec as it is. */
  answered(component: string): RedundancyGroupStatus | undefined {
    const status = this.groupStatus.get(`amf-${component}`);
    const generation = this.#groups.get(`amf-${component}`)?.generation;
    return status?.observedGeneration === generation ? status : undefined;
  }

  transfer(
    name: string,
    component: string,
    spec: Pick<DataTransferSpec, "kind"> & Partial<DataTransferSpec>,
  ): void {
    const whole = { cnf: "amf", component, tokenSha256: "", epoch: 1, ...spec };
    this.#transfers.set(name, { name, uid: `uid-${name}`, generation: 1, spec: whole });
    this.#events?.transfers([...this.#transfers.values()]);
  }

  endTransfer(name: string): void {
    this.#transfers.delete(name);
    this.#events?.transfers([...this.#transfers.values()]);
  }

  dialTests(tests: readonly NamedDialTest[]): void {
    this.#events?.dialTests(tests);
  }
}
