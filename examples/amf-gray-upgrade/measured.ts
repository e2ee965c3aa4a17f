/**
 * Table 1 as it was measured: the traffic's record of the quiet spell and of the rests at 50 and 100 %, put side by side
 * (GRY-08, GRY-11).
 *
 * @module
 */
import type { Attempts, Kpis } from "../../lab/traffic/kpi-counts.ts";
import type { AccessCounts, Rest } from "../../lab/traffic/rests.ts";
import { RATIOS, type Ratio, SIDES, type Side } from "./paper.ts";

export interface Measured {
  readonly users: { readonly left: AccessCounts; readonly right: AccessCounts };
  readonly kpis: Kpis;
  /** Largest deviation from the ratio, percentage points. */
  readonly splitError: AccessCounts;
  readonly durationMs: number;
}

export type MeasuredAt = Readonly<Record<Ratio, Measured>>;

const ACCESS = ["4g", "5g"] as const;

const added = (one: Attempts | undefined, other: Attempts | undefined): Attempts => ({
  attempted: (one?.attempted ?? 0) + (other?.attempted ?? 0),
  failed: (one?.failed ?? 0) + (other?.failed ?? 0),
});

function addedKpis(one: Kpis, other: Kpis): Kpis {
  const side = (name: Side) =>
    Object.fromEntries(Object.keys(one[name]).map((key) => [key, added(one[name][key], other[name][key])]));
  return { left: side("left"), right: side("right") };
}

/**
 * All the time for which the split of one campaign rested at a ratio.
 *
 * @throws {Error} if it never did
 */
export function restedAt(rests: readonly Rest[], from: string, to: string, ratio: number): Measured {
  const spells = rests.filter((rest) => rest.left === from && rest.right === to && rest.ratio === ratio);
  const last = spells.at(-1);
  if (!last) throw new Error(`the split from ${from} to ${to} never rested at ${ratio} %`);
  const worst = (access: keyof AccessCounts) => Math.max(...spells.map((rest) => rest.splitError[access]));
  return {
    users: last.users,
    kpis: spells.map(({ kpis }) => kpis).reduce(addedKpis),
    splitError: { "4g": worst("4g"), "5g": worst("5g") },
    durationMs: spells.reduce((sum, { since, until }) => sum + until - since, 0),
  };
}

/** Success in percent; undefined without a single attempt. */
export function rateOf(attempts: Attempts | undefined): number | undefined {
  if (!attempts || attempts.attempted === 0) return undefined;
  return (100 * (attempts.attempted - attempts.failed)) / attempts.attempted;
}

/** The figure of a row of the table; undefined where a side has no users, or nothing was attempted. */
export function figureOf(
  measured: Measured,
  side: Side,
  kind: "users" | "kpi",
  of: string,
): number | undefined {
  if (kind === "users") return measured.users[side][of as keyof AccessCounts];
  const { "4g": fourG, "5g": fiveG } = measured.users[side];
  return fourG + fiveG === 0 ? undefined : rateOf(measured.kpis[side][of]);
}

/** Which splits missed their ratio, in words: by more than the tolerance, and more than one subscriber in some can explain. */
export function splitMistakes(name: string, at: MeasuredAt, tolerance: number, grain: number): string[] {
  return RATIOS.filter((ratio) => ratio !== 0).flatMap((ratio) =>
    ACCESS.flatMap((access) => {
      const { users, splitError } = at[ratio];
      const all = SIDES.reduce((sum, side) => sum + users[side][access], 0);
      const allowed = Math.max(tolerance, all === 0 ? 0 : (100 * grain) / all);
      if (splitError[access] <= allowed) return [];
      const off = splitError[access].toFixed(2);
      return [`${name}: the split of ${access.toUpperCase()} users was off by ${off} points at ${ratio} %`];
    }),
  );
}
