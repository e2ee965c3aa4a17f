/**
 * The cluster as its administrator sees and touches it, beside the campaign: nodes, plain workloads, budgets.
 *
 * @module
 */

import { connect } from "#sdk/drivers/kubernetes/index.js";
import { Watched } from "#sdk/drivers/kubernetes/watched.js";
import { Api, type KubeObject } from "../../lab/cluster/api.ts";
import { control } from "../../lab/control.ts";
import type { Lab } from "../../lab/lab.ts";
import { until } from "./until.ts";

export interface NodeSeen {
  readonly name: string;
  /** Of its kubelet, MAJOR.MINOR.PATCH. */
  readonly version: string;
  readonly ready: boolean;
  readonly cordoned: boolean;
  /** What campaigns wrote on it, but for the epoch, which stays. */
  readonly marks: readonly string[];
}

interface Node extends KubeObject {
  readonly spec: { readonly unschedulable?: boolean };
  readonly status: {
    readonly nodeInfo: { readonly kubeletVersion: string };
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

interface Pod extends KubeObject {
  readonly spec: { readonly nodeName?: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

interface BudgetSeen {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly generation?: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly currentHealthy?: number;
    readonly desiredHealthy?: number;
  };
}

export interface MachineSeen {
  readonly id: string;
  readonly power: string;
}

export interface PlainWorkload {
  readonly name: string;
  readonly replicas: number;
  /** Absent: no budget. */
  readonly minAvailable?: number;
  /** The one node that its pods may be on. */
  readonly node?: string;
  readonly finalizer?: string;
}

const OURS = "matrix.pulumi-issu.dev/of";
const isReady = ({ status }: Pick<Pod, "status">): boolean =>
  (status?.conditions ?? []).some((one) => one.type === "Ready" && one.status === "True");

export class SeenCluster {
  readonly api: Api;
  readonly #lab: Lab;
  readonly #budgets: Watched<BudgetSeen>;
  /** Budgets that had fewer healthy pods than they ask for, since they were last forgotten. */
  readonly broken = new Set<string>();

  constructor(lab: Lab) {
    this.#lab = lab;
    this.api = new Api(lab.kubeconfigPath);
    // The lab's own way in: no fault of the API acts on it.
    this.#budgets = new Watched<BudgetSeen>(
      connect({ kubeconfig: lab.kubeconfigPath }).api,
      "/apis/policy/v1/poddisruptionbudgets",
      {},
      ({ metadata }) => `${metadata.namespace}/${metadata.name}`,
    );
    this.#budgets.onChange(() => {
      for (const [name, { metadata, status }] of this.#budgets.items) {
        const { observedGeneration = 0, currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
        if (observedGeneration >= (metadata.generation ?? 0) && currentHealthy < desiredHealthy)
          this.broken.add(name);
      }
    });
  }

  close(): void {
    this.#budgets.stop();
    this.api.close();
  }

  async nodes(): Promise<readonly NodeSeen[]> {
    const all = (await this.api.list("/api/v1/nodes")) as unknown as readonly Node[];
    return all
      .map(
        ({ metadata, spec, status }): NodeSeen => ({
          name: metadata.name,
          version: status.nodeInfo.kubeletVersion.replace(/^v/, ""),
          ready: isReady({ status }),
          cordoned: spec.unschedulable === true,
          marks: Object.keys((metadata.annotations ?? {}) as object)
            .filter((one) => one.startsWith("pulumi-issu.dev/") && one !== "pulumi-issu.dev/epoch")
            .map((one) => one.slice("pulumi-issu.dev/".length)),
        }),
      )
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  machines(): Promise<readonly MachineSeen[]> {
    const at = this.#lab.endpoints.machines;
    if (!at) throw new Error("the lab has no machines");
    return control<readonly MachineSeen[]>(at, "GET", "/state");
  }

  /** As `kubectl cordon` and `uncordon`. */
  cordon(name: string, cordoned: boolean): Promise<void> {
    return this.api.patch(`/api/v1/nodes/${name}`, { spec: { unschedulable: cordoned ? true : null } });
  }

  /** A Deployment and its budget; all of its pods are ready afterwards. */
  async deploy({ name, replicas, minAvailable, node, finalizer }: PlainWorkload): Promise<void> {
    const { namespace } = this.#lab;
    const labels = { app: name, [OURS]: "true" };
    await this.api.create({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace, labels },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels, ...(finalizer === undefined ? {} : { finalizers: [finalizer] }) },
          spec: podSpec(node),
        },
      },
    });
    await until(
      `${name} to be ready`,
      async () => (await this.#podsOf(name)).filter(isReady).length === replicas,
    );
    if (minAvailable === undefined) return;
    await this.api.create({
      apiVersion: "policy/v1",
      kind: "PodDisruptionBudget",
      metadata: { name, namespace, labels: { [OURS]: "true" } },
      spec: { minAvailable, selector: { matchLabels: { app: name } } },
    });
    await until(
      `the budget of ${name} to be counted`,
      async () => (this.#budgets.items.get(`${namespace}/${name}`)?.status?.observedGeneration ?? 0) > 0,
    );
  }

  /** A pod that nothing would start anew. */
  async barePod(name: string, node: string): Promise<void> {
    const { namespace } = this.#lab;
    await this.api.create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, labels: { app: name, [OURS]: "true" } },
      spec: podSpec(node),
    });
    await until(`${name} to be ready`, async () => (await this.#podsOf(name)).some(isReady));
  }

  /** One pod of a workload says that it is not ready, and stays so. */
  async unready(name: string): Promise<void> {
    const [pod] = await this.#podsOf(name);
    if (!pod) throw new Error(`no pod of ${name}`);
    await this.api.patch(`${this.#path("pods")}/${pod.metadata.name}/status`, {
      status: { conditions: [{ type: "Ready", status: "False" }] },
    });
  }

  /** Takes away all that was put there for a case, whatever holds it. */
  async clear(): Promise<void> {
    const ours = `?labelSelector=${encodeURIComponent(OURS)}`;
    const { namespace } = this.#lab;
    await this.api.delete(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets${ours}`);
    await this.api.delete(`/apis/apps/v1/namespaces/${namespace}/deployments${ours}`, {
      propagationPolicy: "Background",
    });
    await until(
      "the case's own workloads to be gone",
      async () => {
        const left = await this.api.list(`${this.#path("pods")}${ours}`);
        for (const { metadata } of left) {
          const path = `${this.#path("pods")}/${metadata.name}`;
          if (metadata.finalizers) await this.api.patch(path, { metadata: { finalizers: null } });
          await this.api.delete(path, { gracePeriodSeconds: 0 });
        }
        return left.length === 0;
      },
      30_000,
    );
  }

  /** In a few words, what an `up` left behind; empty if nothing. */
  async leftBehind(staying: readonly string[]): Promise<readonly string[]> {
    const nodes = await this.nodes();
    const pods = (await this.api.list("/api/v1/pods")) as unknown as readonly Pod[];
    const ending = pods.filter(({ metadata }) => metadata.deletionTimestamp).length;
    const pending = pods.filter(({ spec }) => spec.nodeName === undefined).length;
    return [
      ...nodes.flatMap(({ name, ready, cordoned, marks }) => {
        const is = [
          ...(staying.includes(name) ? [] : ["additional"]),
          ...(ready ? [] : ["not ready"]),
          ...(cordoned ? [marks.includes("cordoned") ? "cordoned" : "cordoned by somebody else"] : []),
        ];
        return is.length > 0 ? [`${name} ${is.join(", ")}`] : [];
      }),
      ...(nodes.some(({ marks }) => marks.length > 0) ? ["marks"] : []),
      ...(ending > 0 ? [`${ending} pods ending`] : []),
      ...(pending > 0 ? [`${pending} pods without a node`] : []),
    ];
  }

  async #podsOf(app: string): Promise<readonly Pod[]> {
    const query = `?labelSelector=${encodeURIComponent(`app=${app}`)}`;
    return (await this.api.list(`${this.#path("pods")}${query}`)) as unknown as readonly Pod[];
  }

  #path(collection: string): string {
    return `/api/v1/namespaces/${this.#lab.namespace}/${collection}`;
  }
}

/** On that node to begin with; it may be started anew on another, or a plan would refuse to drain the node at all. */
const podSpec = (node: string | undefined) => ({
  terminationGracePeriodSeconds: 1,
  containers: [{ name: "plain", image: "example.com/plain:1" }],
  ...(node === undefined ? {} : { affinity: { nodeAffinity: { [PREFERRED]: [preference(node)] } } }),
});

const PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution";

const preference = (node: string) => ({
  weight: 100,
  preference: {
    matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }],
  },
});
