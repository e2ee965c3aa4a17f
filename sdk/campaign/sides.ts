/**
 * The two versions of a campaign as a monitoring system can tell them apart. Pure.
 *
 * @module
 */
import type { MeasuredSides } from "../contract/monitoring";
import type { ReleaseRef } from "../plan/plan";
import type { CampaignArgs } from "./campaign-args";

export interface Parties<S> {
  readonly from?: ReleaseRef;
  readonly to: ReleaseRef;
  /** Absent where the journal was lost: what the old version runs by is then not known. */
  readonly fromSpec?: S | undefined;
  readonly toSpec: S;
}

export function sidesOf<S>(
  { parts = () => [] }: Pick<CampaignArgs<S, never>, "parts">,
  { from, to, fromSpec, toSpec }: Parties<S>,
): MeasuredSides {
  const old = fromSpec === undefined ? [] : parts(fromSpec);
  const wanted = parts(toSpec);
  // Parts that both versions share serve both, and say nothing of either.
  const own = (of: readonly string[], others: readonly string[]) => of.filter((one) => !others.includes(one));
  return {
    left: { side: "left", version: from?.version ?? "", parts: own(old, wanted) },
    right: { side: "right", version: to.version, parts: own(wanted, old) },
  };
}
