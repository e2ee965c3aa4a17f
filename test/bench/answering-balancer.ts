/**
 * A load balancer for many network functions without subscribers: it answers each split as soon as it sees it, since there
 * is nobody to move. Only so that the installs of the benchmark can end.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { annotations, labels, type SubscriberSplitStatus } from "pulumi-issu/contract";
import { Api, type KubeObject } from "../../lab/cluster/api.ts";

interface Split extends KubeObject {
  readonly status?: SubscriberSplitStatus;
}

interface Pod extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly annotations?: Readonly<Record<string, string>> };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** A split is answered this soon; a campaign waits for it, so it is part of no figure but the installs'. */
const EVERY_MS = 200;
const NOBODY = { subscribers: 0, sessions: 0 };

export class AnsweringBalancer {
  private readonly api: Api;
  private readonly namespace: string;
  private stopped = false;
  private readonly running: Promise<void>;

  constructor(kubeconfig: string, namespace: string) {
    this.api = new Api(kubeconfig);
    this.namespace = namespace;
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
    this.api.close();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.turn().catch(() => undefined);
      await delay(EVERY_MS);
    }
  }

  private async turn(): Promise<void> {
    const splitsPath = `/apis/pulumi-issu.dev/v1alpha1/namespaces/${this.namespace}/subscribersplits`;
    const [splits, pods] = (await Promise.all([
      this.api.list(splitsPath),
      this.api.list(`/api/v1/namespaces/${this.namespace}/pods?labelSelector=${labels.cnf}`),
    ])) as [readonly Split[], readonly Pod[]];
    await Promise.all(
      splits.map(async (split) => {
        const status = statusOf(split, pods);
        // The API server keeps fields in an order of its own.
        if (isDeepStrictEqual(status, split.status)) return;
        await this.api.patch(`${splitsPath}/${split.metadata.name}/status`, { status });
      }),
    );
  }
}

function statusOf({ metadata }: Split, pods: readonly Pod[]): SubscriberSplitStatus {
  const instances = pods
    .filter((pod) => pod.metadata.labels?.[labels.cnf] === metadata.name && !pod.metadata.deletionTimestamp)
    .map(({ metadata: of, status }) => {
      const ready = status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
      const draining = of.annotations?.[annotations.drain] !== undefined;
      const workload = of.labels?.[labels.workload] ?? "";
      return { name: of.name, workload, serving: ready && !draining, draining, ...NOBODY };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    observedGeneration: Number(metadata.generation),
    left: NOBODY,
    right: NOBODY,
    moving: 0,
    instances,
  };
}
