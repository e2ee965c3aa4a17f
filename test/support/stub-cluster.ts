/** A cluster without a control plane: pods and split are what the test says. */
import type { DialTestStatus, SubscriberSplitSpec, SubscriberSplitStatus } from "pulumi-issu/contract";
import type { ClusterEvents, CnfCluster, CnfPod, NamedDialTest } from "../../lab/cnf/cluster.ts";

export class StubCluster implements CnfCluster {
  #events: ClusterEvents | undefined;
  #pods: CnfPod[] = [];
  #generation = 0;
  #spec: SubscriberSplitSpec | undefined;
  readonly #network: string;
  #nextHost = 1;
  status: SubscriberSplitStatus | undefined;
  readonly dialStatus = new Map<string, DialTestStatus>();

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

  get generation(): number {
    return this.#generation;
  }

  get pods(): readonly CnfPod[] {
    return this.#pods;
  }

  /** Makes a workload have so many pods; those made last go first. */
  scale(workload: string, version: string, replicas: number): void {
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

  dialTests(tests: readonly NamedDialTest[]): void {
    this.#events?.dialTests(tests);
  }
}
