/**
 * Whether the cluster really refuses to delete what serves, found by asking it to, as a dry run: a policy may be there and
 * not yet in force, or be bound to something else, and needs rights to be read.
 *
 * @module
 */
import { CONTRACT_VERSION, GROUP } from "../../../contract/names";
import type { SubscriberSplitSpec } from "../../../contract/subscriber-split";
import type { Cnf } from "../cnf-context";
import { ApiError, byPolicy, isForbidden, isNotFound } from "../errors";
import { paths } from "../objects";
import { policyName, restName, SIGN } from "./policy";

export interface Held {
  /** `campaign`: a policy of this network function's own; `unknown`: the cluster can't tell. */
  readonly by: "campaign" | "administrator" | "nobody" | "unknown";
  /** Name of the policy. */
  readonly policy?: string;
}

/** @param split as it stands; without one, or before anything serves, only an administrator's policy can be seen. */
export async function whoProtects(
  cnf: Cnf,
  split: Pick<SubscriberSplitSpec, "left" | "right"> | undefined,
): Promise<Held> {
  const { api, namespace } = cnf;
  for (const workload of split?.left?.workloads ?? []) {
    const held = await asked(cnf, () => api.delete(paths.deployments(namespace, workload), { dryRun: true }));
    if (held?.by === "campaign" && (await isHalfGone(cnf))) return { by: "nobody" };
    if (held) return held;
  }
  if (split?.left) return { by: "unknown" };
  const sign = {
    apiVersion: `${GROUP}/${CONTRACT_VERSION}`,
    kind: "SubscriberSplit",
    metadata: { name: SIGN, namespace },
    spec: { ratio: 0, admission: "by-ratio", pinned: [], epoch: 0 },
  };
  const held = await asked(cnf, () => api.create(paths.splits(namespace), sign, { dryRun: true }));
  return held ?? { by: "nobody" };
}

/** What binds the policy to all but the workloads themselves can't be tried without rights that no campaign needs. */
async function isHalfGone(cnf: Cnf): Promise<boolean> {
  try {
    await cnf.api.get(paths.bindings(restName(cnf)));
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    // Whoever may not look could not install it either.
    if (isForbidden(error)) return false;
    throw error;
  }
}

/** @returns undefined for what isn't there. */
async function asked(cnf: Cnf, request: () => Promise<unknown>): Promise<Held | undefined> {
  try {
    await request();
    return { by: "nobody" };
  } catch (error) {
    if (isNotFound(error)) return undefined;
    if (!(error instanceof ApiError)) throw error;
    const policy = byPolicy(error.message);
    if (policy !== undefined)
      return { by: policy === policyName(cnf) ? "campaign" : "administrator", policy };
    // Another's webhook speaks only after every policy was asked.
    if (/admission webhook .* denied/.test(error.message)) return { by: "nobody" };
    if (error.transient) throw error;
    return { by: "unknown" };
  }
}
