/**
 * Active-standby and data-storage components change over in two halves (GRY-04, GRY-06 b, e): members of the new version
 * join the group, come into step, and only then do members of the old one leave. The same for the way back.
 *
 * What holds after every step, and while one runs:
 * - a group has at most `limit` members, both versions together;
 * - a member goes only while enough of the others are in step;
 * - the active member never goes: the active role moves first, to a member that is in step.
 *
 * @module
 */
import type { CnfInventory, GroupState } from "../contract/cnf-inventory";
import type { GroupKind } from "../contract/redundancy-group";
import type { ComponentSpec } from "../policy/cnf-spec";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import type { Draft } from "./cnf-draft";
import type { Track } from "./cnf-tracks";

/** One group on its way from a workload to another. */
export interface GroupLane {
  readonly component: string;
  readonly kind: GroupKind;
  /** Workload that gets members. */
  readonly grow: string;
  /** Workload that loses them; undefined if the component is new. */
  readonly shrink?: string;
  /** Members that the group is to have. */
  readonly full: number;
  /** Most members of both together. */
  readonly limit: number;
  /** Members that may be missing at once. */
  readonly spare: number;
}

export const isGroup = (component: Pick<ComponentSpec, "serviceType">): boolean =>
  component.serviceType !== "load-sharing";

export const groupOf = (inventory: CnfInventory, component: string): GroupState | undefined =>
  inventory.groups?.find((one) => one.component === component);

/** Lanes of the components that differ and keep state in step. */
export const groupLanesOf = (
  tracks: readonly Track[],
  { surge, maxUnavailable }: Pick<ResolvedPolicy, "surge" | "maxUnavailable">,
): GroupLane[] =>
  tracks.flatMap((track): GroupLane[] =>
    track.serviceType === "load-sharing"
      ? []
      : [
          {
            component: track.component,
            kind: track.serviceType,
            grow: track.new,
            ...(track.old === undefined ? {} : { shrink: track.old }),
            full: track.target,
            limit: track.target + surge,
            spare: maxUnavailable,
          },
        ],
  );

/** Members of the new version in the first of the two batches; a component that is new comes whole. */
export const half = (lane: GroupLane): number =>
  lane.shrink === undefined ? lane.full : Math.max(1, Math.floor(lane.full / 2));

/** Members of the shrinking workload that may leave at a stroke: enough stay in step, and those that aren't serve nobody. */
function mayLeave(lane: GroupLane, draft: Draft): number {
  const [grow, shrink] = [draft.count(lane.grow), draft.count(lane.shrink ?? "")];
  const majority = lane.kind === "active-standby" ? 1 : Math.floor(lane.full / 2) + 1;
  const needed = Math.max(majority, lane.full - lane.spare);
  return Math.max(0, grow.serving + shrink.serving - needed) + Math.max(0, shrink.asked - shrink.serving);
}

/** Makes room for a member that a Deployment comes up with, where the limit leaves none. */
export function makeRoom(draft: Draft, lane: GroupLane): void {
  if (lane.shrink === undefined) return;
  const old = draft.count(lane.shrink);
  const coming = Math.max(1, draft.count(lane.grow).asked);
  if (old.asked + coming > lane.limit && old.asked > 1) draft.scale(lane.shrink, old.asked - 1, true);
}

/**
 * Drafts the steps until `wanted` members of the growing workload are in step and the shrinking one has given up as many.
 *
 * @param keep members of the shrinking workload that stay in any case: one, while it may be the active one.
 */
export function exchange(draft: Draft, lane: GroupLane, wanted: number, keep: number): void {
  let { limit } = lane;
  const grow = draft.count(lane.grow);
  const shrink = lane.shrink === undefined ? undefined : draft.count(lane.shrink);
  const least = Math.max(lane.full - wanted, keep);
  for (;;) {
    const room = limit - grow.asked - (shrink?.asked ?? 0);
    const leaving = shrink ? Math.min(shrink.asked - least, mayLeave(lane, draft)) : 0;
    if (grow.asked < wanted && room > 0) draft.scale(lane.grow, Math.min(wanted, grow.asked + room), true);
    else if (grow.serving < Math.min(wanted, grow.asked)) draft.scale(lane.grow, grow.asked, true);
    else if (lane.shrink !== undefined && shrink && leaving > 0)
      draft.scale(lane.shrink, shrink.asked - leaving, shrink.asked - leaving > 0);
    else if (grow.asked >= wanted) return;
    // No member can be spared to make room: one more leads on, staying does not.
    else limit += 1;
  }
}
