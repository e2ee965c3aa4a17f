/**
 * The policy of a cluster: as that of a network function, but for where a campaign can rest.
 *
 * @module
 */
import type { ResolvedPeers } from "./alarm-policy";
import type { Problem } from "./problem";
import { Reader } from "./reader";
import { readApprovals, resolvePolicy } from "./resolve";
import type { ResolvedPolicy } from "./upgrade-policy";

/** Before which stages approvals make sense is for `checkCaas`: they are named after the pools. */
export function resolveCaasPolicy(raw: unknown): {
  readonly problems: readonly Problem[];
  readonly policy?: ResolvedPolicy;
  readonly peers?: ResolvedPeers;
} {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return resolvePolicy(raw);
  const { approvals: given, ...rest } = raw as { readonly approvals?: unknown };
  const reader = new Reader();
  const approvals = readApprovals(reader, given, "upgrade.approvals");
  const { problems, policy, peers } = resolvePolicy(rest);
  return {
    problems: [...problems, ...reader.problems],
    ...(policy ? { policy: { ...policy, approvals } } : {}),
    ...(peers ? { peers } : {}),
  };
}
