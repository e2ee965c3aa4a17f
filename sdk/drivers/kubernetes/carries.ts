/**
 * Whether a workload may go: what the version guard asks before the engine deletes it.
 *
 * @module
 */
import { labels } from "../../contract/names";
import type { SubscriberSplit } from "../../contract/subscriber-split";
import type { Cnf } from "./cnf-context";
import { isNotFound } from "./errors";
import { groupsOf } from "./groups";
import { type Deployment, isAlive, type KubeList, type Pod, paths } from "./objects";
import { type Limits, retrying } from "./retry";

const PATIENCE_MS = 3_000;

/** Whether any of a workload's instances holds state that a redundancy group counts on. */
async function memberOf(
  cnf: Pick<Cnf, "name" | "namespace">,
  workload: string,
  limits: Limits,
  api: Cnf["api"],
): Promise<boolean> {
  const read = <T>(path: string) => retrying(limits, "reading the redundancy group", () => api.get<T>(path));
  const deployment = await read<Deployment>(paths.deployments(cnf.namespace, workload)).catch((error) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const groups = deployment ? await groupsOf(cnf, [deployment], read) : [];
  return groups.some(({ status }) =>
    (status?.members ?? []).some((one) => one.workload === workload && one.role !== "leaving"),
  );
}

/** @returns undefined if the cluster or the load balancer can't tell. */
export async function carries({ api, namespace, name }: Cnf, workload: string): Promise<boolean | undefined> {
  const limits = { deadline: Date.now() + PATIENCE_MS };
  try {
    const split = await retrying(limits, "reading the split", () =>
      api.get<SubscriberSplit>(paths.splits(namespace, name)).catch((error) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    );
    if ((await memberOf({ name, namespace }, workload, limits, api)) === true) return true;
    if (split?.status !== undefined) {
      const here = (split.status.instances ?? []).filter((instance) => instance.workload === workload);
      if (here.some((instance) => instance.subscribers > 0 || instance.sessions > 0)) return true;
      // A report on an earlier split may miss those who are on their way here.
      return (split.status.observedGeneration ?? 0) >= (split.metadata.generation ?? 0) ? false : undefined;
    }
    const named = [split?.spec.left, split?.spec.right].some((domain) =>
      domain?.workloads.includes(workload),
    );
    if (split !== undefined && !named) return false;
    // Nobody reports what it carries; without an instance it carries nothing.
    const pods = await retrying(limits, "reading pods", () =>
      api.get<KubeList<Pod>>(paths.pods(namespace), { labelSelector: `${labels.workload}=${workload}` }),
    );
    return pods.items.some(isAlive) ? undefined : false;
  } catch {
    return undefined;
  }
}
