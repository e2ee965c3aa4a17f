/**
 * What the cluster itself takes to exchange one pod, with controllers, scheduler and API server: no drain can have a shorter round.
 *
 * @module
 */
import { type Api, type KubeObject, until } from "../../../lab/cluster/api.ts";
import { deploymentOf, settled, type Workload } from "./workloads.ts";

export interface Pace {
  /** From its deletion until a pod is gone. */
  readonly endSeconds: number;
  /** From its deletion until the pod that comes in its place is ready. */
  readonly backSeconds: number;
}

/** Pods that are exchanged one after the other; the middle of their times counts. */
const TIMES = 3;
const LIMIT_MS = 120_000;

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Deletes a pod of a Deployment that is made for it and removed afterwards. @param workload of one pod. */
export async function paceOf(api: Api, workload: Workload): Promise<Pace> {
  const { namespace, name } = workload;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const list = async () => (await api.list(`${pods}?labelSelector=app%3D${name}`)) as unknown as Pod[];
  await api.create(deploymentOf(workload));
  await settled(api, [workload], { ms: LIMIT_MS, told: () => undefined });
  const ends: number[] = [];
  const backs: number[] = [];
  for (let i = 0; i < TIMES; i++) {
    const [old] = await list();
    if (!old) throw new Error(`no pod of ${namespace}/${name}`);
    const startedAt = performance.now();
    await api.delete(`${pods}/${old.metadata.name}`);
    let end: number | undefined;
    let back: number | undefined;
    await until(`the pod in place of ${old.metadata.name}`, LIMIT_MS, async () => {
      const now = await list();
      const passed = (performance.now() - startedAt) / 1000;
      if (!now.some(({ metadata }) => metadata.name === old.metadata.name)) end ??= passed;
      if (now.some((pod) => pod.metadata.name !== old.metadata.name && isReady(pod))) back ??= passed;
      return end !== undefined && back !== undefined ? true : undefined;
    });
    ends.push(end ?? 0);
    backs.push(back ?? 0);
  }
  await api.delete(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`, {
    propagationPolicy: "Background",
  });
  await until(`the pods of ${name} to be gone`, LIMIT_MS, async () =>
    (await list()).length === 0 ? true : undefined,
  );
  return { endSeconds: middle(ends), backSeconds: middle(backs) };
}

const isReady = ({ status }: Pod): boolean =>
  (status?.conditions ?? []).some((one) => one.type === "Ready" && one.status === "True");

const middle = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
