/**
 * What serves can't be deleted, whoever asks.
 *
 * @module
 */

import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import type { ReleaseRef } from "../plan/plan";
import { Journal } from "./journal";

/** A version that must not go while it serves. */
export interface GuardedVersion extends ReleaseRef {
  /** Its parts, by the names the driver knows them by. */
  readonly workloads: readonly string[];
}

/**
 * Asks target and journal whether a version may be deleted. Anything that can't be told counts as no.
 *
 * @param workloadsOf the parts that a spec of the journal names.
 */
export async function mayDelete(
  target: Target<never>,
  store: Store,
  version: GuardedVersion,
  workloadsOf: (spec: unknown) => readonly string[],
): Promise<{ readonly allowed: boolean; readonly why: string }> {
  const journal = await Journal.read(store, target.id).catch((error: Error) => error);
  if (journal instanceof Error)
    return { allowed: false, why: `whether it is needed can't be told: ${journal.message}` };
  // Parts that the version in service shares stay, and are guarded with that one (GRY-12).
  const { serving } = journal.data;
  const stay = serving && serving.release !== version.release ? workloadsOf(serving.spec) : [];
  for (const workload of version.workloads) {
    if (stay.includes(workload)) continue;
    const carries = await target.carries(workload).catch(() => undefined);
    if (carries === undefined) {
      return { allowed: false, why: `whether ${workload} carries subscribers can't be told just now` };
    }
    if (carries) return { allowed: false, why: `${workload} carries subscribers` };
  }
  const open = journal.unfinished;
  if (open && [open.from?.release, open.to.release].includes(version.release)) {
    return { allowed: false, why: `campaign ${open.id} (${open.state}) may still need it` };
  }
  return { allowed: true, why: "it carries nobody" };
}
