/**
 * How far the device's own upgrade has come, from what both nodes show and from what it said where we heard it. Pure.
 *
 * @module
 */
import { NODES, type NodeName, otherNode, type RedundancyGroupState } from "../../contract/chassis-inventory";
import { isJunosRelease } from "../../policy/junos-release";
import type { Glance } from "./observe";

/** In the device's order; each contains those before it. */
export const PHASES = [
  "gathered",
  "validated",
  "secondary-upgraded",
  "resynced",
  "cards",
  "switched",
  "old-primary-upgraded",
] as const;

export type Phase = (typeof PHASES)[number];

export interface Followed {
  readonly phase: Phase;
  /** The node that was RG-0's primary at the beginning. */
  readonly primary: NodeName;
  /** Release that is being installed. */
  readonly version: string;
  /** Slot of the card that is meant; all of them if left out. */
  readonly fpc?: number;
  /** Slots of cards that were seen in their restart. */
  readonly restarted?: ReadonlySet<number>;
}

/** What the device says once image and configuration have passed its checks. */
const CHECKED =
  /Saving state for rollback|Backup upgrade done|Rebooting (?:Backup|Secondary)|Installing image on other node|Pushing .* to (?:node\d|re\d|other)|Validation succeeded/i;

/** @param lines what the device said in the session that began the upgrade; empty if that was another's. */
export function reached(followed: Followed, seen: Glance, lines: readonly string[]): boolean {
  const from = PHASES.indexOf(followed.phase);
  return PHASES.slice(from).some((phase, i) => shows({ ...followed, phase }, seen, lines, i === 0));
}

/** @param own the phase that is asked for, not a later one: then one card will do. */
function shows(
  { phase, primary, version, fpc, restarted }: Followed,
  seen: Glance,
  lines: readonly string[],
  own: boolean,
): boolean {
  const secondary = otherNode(primary);
  const upgraded = (node: NodeName) => isJunosRelease(version, seen.nodes[node].version ?? "");
  switch (phase) {
    case "gathered":
      return (
        seen.groups.length > 0 && seen.groups.every(({ members }) => members[primary]?.status === "primary")
      );
    case "validated":
      return lines.some((line) => CHECKED.test(line));
    case "secondary-upgraded":
      return upgraded(secondary);
    case "resynced":
      return upgraded(secondary) && inStep(seen, secondary) && cardsOnline(seen, secondary);
    case "cards": {
      const cards = (seen.cards ?? []).filter(({ item }) =>
        own && fpc !== undefined ? item === `FPC ${fpc}` : /^FPC \d+$/.test(item),
      );
      return (
        upgraded(secondary) &&
        cards.length > 0 &&
        cards.every(
          ({ item, status }) =>
            /^Online \(ISSU\)$/i.test(status) ||
            (/^Online$/i.test(status) && restarted?.has(Number(item.slice(4)))),
        )
      );
    }
    case "switched":
      return (
        upgraded(secondary) &&
        seen.groups.length > 0 &&
        seen.groups.every(({ members }) => members[secondary]?.status === "primary")
      );
    case "old-primary-upgraded":
      return NODES.every(upgraded) && inStep(seen, primary) && cardsOnline(seen, primary);
  }
}

/** Slots of cards that are in their restart now. */
export const restarting = ({ cards = [] }: Glance): number[] =>
  cards.flatMap(({ item, status }) => {
    const slot = /^FPC (\d+)$/.exec(item)?.[1];
    return slot !== undefined && !/^Online/i.test(status) ? [Number(slot)] : [];
  });

/** In every group it is primary, or could become it. */
export const inStep = ({ groups }: Pick<Glance, "groups">, node: NodeName): boolean =>
  groups.length > 0 && groups.every((group) => isReady(group, node));

function isReady({ members }: RedundancyGroupState, node: NodeName): boolean {
  const member = members[node];
  if (!member || member.failures.length > 0) return false;
  return ["primary", "secondary", "secondary-hold"].includes(member.status) && member.priority > 0;
}

const cardsOnline = (seen: Glance, node: NodeName): boolean =>
  seen.nodes[node].cards.length > 0 &&
  seen.nodes[node].cards.every(({ state }) => /^(?:Online|Offline|Empty)$/i.test(state)) &&
  seen.nodes[node].cards.some(({ state }) => /^Online$/i.test(state));

/** What people are told while it goes on. */
export function describeGlance(seen: Glance): string {
  const versions = NODES.map((node) => `${node} ${seen.nodes[node].version ?? "away"}`).join(", ");
  const primaries = seen.groups
    .map(
      ({ id, members }) =>
        `RG-${id} on ${NODES.find((node) => members[node]?.status === "primary") ?? "nobody"}`,
    )
    .join(", ");
  const failing = seen.groups.flatMap(({ id, members }) =>
    NODES.flatMap((node) => (members[node]?.failures ?? []).map((one) => `${one} of ${node} in RG-${id}`)),
  );
  const cards = (seen.cards ?? [])
    .filter(({ item }) => /^FPC \d+$/.test(item))
    .map(({ item, status }) => `${item} ${status}`);
  return [
    versions,
    primaries,
    ...(failing.length > 0 ? [`failing: ${failing.join(", ")}`] : []),
    ...(cards.length > 0 ? [cards.join(", ")] : []),
  ]
    .filter(Boolean)
    .join("; ");
}
