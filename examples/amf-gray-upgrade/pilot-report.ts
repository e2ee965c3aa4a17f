/**
 * What the report of the pilot holds beyond that of every example; documented in `docs/report.md`.
 *
 * @module
 */
import type { AccessCounts } from "../../lab/traffic/rests.ts";
import type { CardReport } from "./cards.ts";
import { type Measured, type MeasuredAt, splitMistakes } from "./measured.ts";
import { RATIOS } from "./paper.ts";
import { type Comparison, compared } from "./spread.ts";
import type { TableRow } from "./table-one.ts";

export interface PilotReport {
  /** Seconds of the field in one of the run, and which of its times that is true for. */
  readonly timeScale: { readonly factor: number; readonly scaled: readonly string[] };
  readonly table: readonly TableRow[];
  readonly campaigns: readonly PilotCampaign[];
  readonly cards: readonly CardReport[];
  /** Bytes of all processes of the lab together, at most; null where the kernel does not tell. */
  readonly memoryPeakBytes: number | null;
}

export interface PilotCampaign {
  readonly from: string;
  readonly to: string;
  /** By ratio in percent. */
  readonly rests: MeasuredAt;
  /** Of the right, with the left beside it or, where that has no users, as it was before. */
  readonly comparisons: readonly (Comparison & { readonly ratio: number; readonly procedure: string })[];
}

/** Users on a side of fewer than that can't be split more exactly than by so many subscribers. */
const GRAIN = 3;

export function pilotCampaign(from: string, to: string, rests: MeasuredAt): PilotCampaign {
  const quiet = rests[0].kpis.left;
  const comparisons = RATIOS.filter((ratio) => ratio !== 0).flatMap((ratio) => {
    const { left, right } = rests[ratio].kpis;
    const before = ratio === 100 ? quiet : left;
    return Object.keys(right).flatMap((procedure) => {
      const comparison = compared(before[procedure], right[procedure], quiet[procedure]);
      return comparison ? [{ ratio, procedure, ...comparison }] : [];
    });
  });
  return { from, to, rests, comparisons };
}

/** What must not be, in words. */
export function campaignMistakes(
  name: string,
  { rests, comparisons }: PilotCampaign,
  tolerance: number,
): string[] {
  return [
    ...splitMistakes(name, rests, tolerance, GRAIN),
    ...comparisons
      .filter(({ worse }) => worse)
      .map(
        ({ ratio, procedure, left, right, spread }) =>
          `${name}: ${procedure}-success at ${ratio} %: ${right.toFixed(2)} on the right, ${left.toFixed(2)} on the left; ` +
          `${spread.toFixed(2)} points apart is chance`,
      ),
  ];
}

/** At most 100 columns. */
export function campaignLines(name: string, { rests, comparisons }: PilotCampaign): string {
  const users = (counts: AccessCounts) => `${counts["4g"]} 4G, ${counts["5g"]} 5G`;
  const at = (ratio: 50 | 100, { users: { left, right }, splitError, durationMs }: Measured) =>
    `  at ${`${ratio} %`.padEnd(5)} ${(durationMs / 1_000).toFixed(0)} s: left ${users(left)}; right ${users(right)}; ` +
    `off by ${splitError["4g"].toFixed(2)}, ${splitError["5g"].toFixed(2)} points`;
  const worse = comparisons.filter((one) => one.worse);
  return [
    name,
    at(50, rests[50]),
    at(100, rests[100]),
    worse.length === 0
      ? `  all ${comparisons.length} comparisons of the right with the left are within the quiet spell's spread`
      : "  lower on the right by more than the quiet spell's spread:",
    ...worse.map(({ procedure, ratio }) => `    ${procedure} at ${ratio} %`),
  ].join("\n");
}
