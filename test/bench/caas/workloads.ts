/**
 * What runs on the benchmark's clusters: Deployments by the lab's own controllers and scheduler, some with a disruption budget, some
 * kept apart or spread.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Api, type KubeObject, until } from "../../../lab/cluster/api.ts";
import { BOOT_ANNOTATION } from "../../../lab/cluster/stages.ts";

export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly replicas: number;
  /** Milliseconds from being placed to being ready. */
  readonly bootMs: number;
  readonly graceSeconds: number;
  /** No two on one node. */
  readonly apart?: boolean;
  /** Evenly over the zones. */
  readonly spread?: boolean;
  /** Label that its nodes must have; any, if left out. */
  readonly only?: string;
  /** Its budget allows so many disruptions; no budget, if left out. */
  readonly maxUnavailable?: number;
}

const IMAGE = "registry.example/app:1.0.0";

const selectorOf = ({ name }: Workload) => ({ matchLabels: { app: name } });

export function deploymentOf(workload: Workload): KubeObject {
  const { name, namespace, replicas, bootMs, graceSeconds, apart, spread, only } = workload;
  const selector = selectorOf(workload);
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: {
      replicas,
      selector,
      template: {
        metadata: { labels: selector.matchLabels, annotations: { [BOOT_ANNOTATION]: String(bootMs) } },
        spec: {
          containers: [
            { name: "app", image: IMAGE, resources: { requests: { cpu: "500m", memory: "512Mi" } } },
          ],
          terminationGracePeriodSeconds: graceSeconds,
          automountServiceAccountToken: false,
          ...(only === undefined ? {} : { nodeSelector: { [only]: "true" } }),
          ...(apart
            ? {
                affinity: {
                  podAntiAffinity: {
                    requiredDuringSchedulingIgnoredDuringExecution: [
                      { labelSelector: selector, topologyKey: "kubernetes.io/hostname" },
                    ],
                  },
                },
              }
            : {}),
          ...(spread
            ? {
                topologySpreadConstraints: [
                  {
                    maxSkew: 1,
                    topologyKey: "topology.kubernetes.io/zone",
                    whenUnsatisfiable: "DoNotSchedule",
                    labelSelector: selector,
                  },
                ],
              }
            : {}),
        },
      },
    },
  };
}

export const budgetOf = (workload: Workload, maxUnavailable: number): KubeObject => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: workload.name, namespace: workload.namespace },
  spec: { maxUnavailable, selector: selectorOf(workload) },
});

/** A quarter each: kept apart, spread over zones, with nothing but a budget, with nothing; of the first two every other has a budget. */
export function ordinary(count: number, replicas: number): Workload[] {
  return Array.from({ length: count }, (_, i): Workload => {
    const kind = i % 4;
    return {
      name: `app-${i}`,
      namespace: `apps-${i % 10}`,
      replicas,
      bootMs: 800,
      graceSeconds: 1,
      ...(kind === 0 ? { apart: true } : {}),
      ...(kind === 1 ? { spread: true } : {}),
      ...(kind === 2 || (kind < 2 && i % 8 < 4) ? { maxUnavailable: 1 } : {}),
    };
  });
}

/** Makes workloads, and waits until all of their pods are ready and their budgets say what they allow. */
export async function install(
  api: Api,
  workloads: readonly Workload[],
  within: { readonly ms: number; readonly told: (ready: number) => void },
): Promise<void> {
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  await Promise.all(
    namespaces.map(async (name) => {
      await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
      // No pod can be made before.
      await until(`the default service account of ${name}`, 60_000, () =>
        api.get(`/api/v1/namespaces/${name}/serviceaccounts/default`),
      );
    }),
  );
  await Promise.all(
    workloads.flatMap((workload) => [
      api.create(deploymentOf(workload)),
      ...(workload.maxUnavailable === undefined
        ? []
        : [api.create(budgetOf(workload, workload.maxUnavailable))]),
    ]),
  );
  await settled(api, workloads, within);
}

interface Counts {
  readonly spec: { readonly replicas?: number };
  readonly status?: { readonly readyReplicas?: number; readonly replicas?: number };
}

/** Waits until every pod of the workloads is ready, and nothing more of them is there. */
export async function settled(
  api: Api,
  workloads: readonly Workload[],
  { ms, told }: { readonly ms: number; readonly told: (ready: number) => void },
): Promise<void> {
  const wanted = workloads.reduce((sum, { replicas }) => sum + replicas, 0);
  const namespaces = [...new Set(workloads.map(({ namespace }) => namespace))];
  const names = new Set(workloads.map(({ namespace, name }) => `${namespace}/${name}`));
  // Of a few it is asked often; a thousand would keep the API server busy.
  const pause = Math.min(2_000, 10 * workloads.length);
  await until(`${wanted} pods to be ready`, ms, async () => {
    const lists = await Promise.all(
      namespaces.map((one) => api.list(`/apis/apps/v1/namespaces/${one}/deployments`)),
    );
    const own = lists
      .flat()
      .filter(({ metadata }) => names.has(`${metadata.namespace}/${metadata.name}`)) as unknown as Counts[];
    const ready = own.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
    told(ready);
    if (ready >= wanted) return true;
    await delay(pause);
    return undefined;
  });
}
