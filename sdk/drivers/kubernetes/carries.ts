/**
 * Whether a workload may go: what the version guard asks before the engine deletes it.
 *
 * @module
 */
import type { SubscriberSplit } from "../../contract/subscriber-split";
import type { Cnf } from "./cnf-context";
import { isNotFound } from "./errors";
import { groupsOf } from "./groups";
import { type Deployment, paths } from "./objects";
import { type Limits, retrying } from "./retry";
import { trafficOf } from "./traffic";

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

/** @returns undefined if the cluster, or who brings work to the instances, can't tell. */
export async function carries(cnf: Cnf, workload: string): Promise<boolean | undefined> {
  const { api, namespace, name } = cnf;
  const limits = { deadline: Date.now() + PATIENCE_MS };
  try {
    const split = await retrying(limits, "reading the split", () =>
      api.get<SubscriberSplit>(paths.splits(namespace, name)).catch((error) => {
        if (isNotFound(error)) return undefined;
        throw error;
      }),
    );
    if ((await memberOf({ name, namespace }, workload, limits, api)) === true) return true;
    return await trafficOf(cnf, split).carries(workload, limits);
  } catch {
    return undefined;
  }
}
