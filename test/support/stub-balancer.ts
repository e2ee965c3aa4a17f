/**
 * The least that the contract asks of a load balancer, for tests of the driver alone: obeys a split at once, moves the
 * sessions of draining pods to others of their workload, passes dial tests.
 *
 * @module
 */
import { annotations, labels } from "pulumi-issu/contract";
import { Api, type KubeObject } from "../../lab/cluster/api.ts";

interface SplitObject extends KubeObject {
  readonly spec: { readonly ratio: number; readonly right?: { readonly workloads: readonly string[] } };
  readonly status?: unknown;
}

interface PodObject extends KubeObject {
  readonly metadata: KubeObject["metadata"] & {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export class StubBalancer {
  /** Sessions by pod name. */
  readonly sessions = new Map<string, number>();
  /** Sessions that ended with their pod. */
  lost = 0;
  /** Results of dial tests: told for each subscriber and procedure. */
  dial: (subscriber: string, procedure: string, side: string) => Record<string, unknown> = (
    _s,
    _p,
    side,
  ) => ({
    passed: true,
    servedBy: "pod",
    side,
    durationMs: 5,
  });
  private readonly api: Api;
  private readonly base: string;
  private stopped = false;
  private loop: Promise<void> = Promise.resolve();
  private readonly namespace: string;
  private readonly cnf: string;

  constructor(kubeconfig: string, namespace: string, cnf: string) {
    this.api = new Api(kubeconfig);
    this.namespace = namespace;
    this.cnf = cnf;
    this.base = `/apis/pulumi-issu.dev/v1alpha1/namespaces/${namespace}`;
  }

  start(): void {
    this.stopped = false;
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.turn().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }

  private async turn(): Promise<void> {
    const pods = (await this.api.list(
      `/api/v1/namespaces/${this.namespace}/pods?labelSelector=${labels.cnf}%3D${this.cnf}`,
    )) as readonly PodObject[];
    const alive = new Set(
      pods.filter((pod) => !pod.metadata.deletionTimestamp).map((pod) => pod.metadata.name),
    );
    for (const [name, count] of this.sessions) {
      if (alive.has(name)) continue;
      this.lost += count;
      this.sessions.delete(name);
    }
    const instances = pods
      .filter((pod) => alive.has(pod.metadata.name))
      .map((pod) => {
        const ready = pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
        const draining = pod.metadata.annotations?.[annotations.drain] !== undefined;
        return {
          name: pod.metadata.name,
          workload: pod.metadata.labels?.[labels.workload] ?? "",
          serving: ready && !draining,
          draining,
        };
      });
    for (const instance of instances.filter((of) => of.draining)) {
      const to = instances.find((of) => of.serving && of.workload === instance.workload);
      const count = this.sessions.get(instance.name) ?? 0;
      if (!to || count === 0) continue;
      this.sessions.set(instance.name, 0);
      this.sessions.set(to.name, (this.sessions.get(to.name) ?? 0) + count);
    }
    const split = (await this.api.get(`${this.base}/subscribersplits/${this.cnf}`)) as SplitObject;
    const right = new Set(split.spec.right?.workloads ?? []);
    const told = instances.map((of) => ({
      ...of,
      subscribers: this.sessions.get(of.name) ?? 0,
      sessions: this.sessions.get(of.name) ?? 0,
    }));
    const sum = (side: boolean) => {
      const subscribers = told
        .filter((of) => right.has(of.workload) === side)
        .reduce((n, of) => n + of.subscribers, 0);
      return { subscribers, sessions: subscribers };
    };
    const status = {
      observedGeneration: split.metadata.generation,
      left: sum(false),
      right: sum(true),
      moving: 0,
      instances: told,
    };
    if (JSON.stringify(status) !== JSON.stringify(split.status)) {
      await this.api.patch(`${this.base}/subscribersplits/${this.cnf}/status`, { status });
    }
    for (const test of await this.api.list(`${this.base}/dialtests`)) {
      const { spec, status: before } = test as KubeObject & {
        spec: { subscribers: string[]; procedures: string[]; side: string };
        status?: unknown;
      };
      if (before) continue;
      const results = spec.subscribers.flatMap((subscriber) =>
        spec.procedures.map((procedure) => ({
          subscriber,
          procedure,
          ...this.dial(subscriber, procedure, spec.side),
        })),
      );
      await this.api.patch(`${this.base}/dialtests/${test.metadata.name}/status`, {
        status: { observedGeneration: test.metadata.generation, phase: "done", results },
      });
    }
  }
}
