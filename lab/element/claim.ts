/**
 * What may be claimed of a change, from what was counted outside the elements (INI-7).
 *
 * @module
 */
import type { Figures } from "./figures.ts";

export interface Claim {
  /**
   * `ZPL`, zero packet loss: neither a transit packet nor one for the elements themselves was lost. `ZTL`, zero topology loss: no
   * transit packet was lost and no neighbour saw an adjacency drop. Undefined if neither may be claimed.
   */
  readonly reached?: "ZPL" | "ZTL";
  /** What stands against the higher claim, or against any. */
  readonly against: readonly string[];
}

/** Nothing is claimed of what nobody measured: where no packet was sent, none could be lost. */
export function claimOf({ transit, punted, elements }: Figures): Claim {
  const drops = Object.values(elements).reduce((sum, { adjacencyDrops }) => sum + adjacencyDrops, 0);
  const against = [
    ...(transit.sent === 0 ? ["no transit packet was sent"] : []),
    ...(transit.lost > 0 ? [`${transit.lost} transit packets lost`] : []),
    ...(drops > 0 ? [`${drops} adjacency drops`] : []),
  ];
  const topology = against.length === 0;
  if (punted.sent === 0) against.push("no packet for the element was sent");
  if (punted.lost > 0) against.push(`${punted.lost} packets for the element lost`);
  if (against.length === 0) return { reached: "ZPL", against };
  return topology ? { reached: "ZTL", against } : { against };
}
