/**
 * Gates: what the new version's KPIs must be for a stage to pass. Pure; `gate-watch` feeds it. A gate that can't judge
 * never passes (anchors: "gates that fail closed").
 *
 * @module
 */

import type { ResolvedGate } from "../policy/upgrade-policy";
import { compare } from "./compare";
import { type KpiWindow, percentOf, type Tally } from "./kpi-window";

export type Outcome = "pass" | "fail" | "no-data" | "too-few" | "zero-baseline";

export interface Verdict {
  readonly kpi: string;
  readonly outcome: Outcome;
  /** On the new version's side; of a query, its readings there; of alerts, all that fire and match. */
  readonly attempts: number;
  /**
   * On the new version's side: success in percent, undefined without attempts; of a query, the newest reading, or the
   * median where it is compared; of alerts, those that count.
   */
  readonly value?: number;
  /** The same on the old version's side. */
  readonly baseline?: number;
  /**
   * For a comparison: by how much the new version does worse, in percentage points or the query's unit, and the chance of
   * that if both are the same.
   */
  readonly worseBy?: number;
  readonly chance?: number;
  /** Of a compared query: Cliff's delta towards worse, -1 to 1, and what the readings of each side are worth. */
  readonly delta?: number;
  readonly independent?: { readonly right: number; readonly left: number };
  /** Of `value`, `baseline` and `worseBy` of a query. */
  readonly unit?: string;
  /** Names of the alerts that count. */
  readonly alerts?: readonly string[];
  /** Only told, not acted on. */
  readonly advisory?: boolean;
  /** What was measured and what was wanted, in one line. */
  readonly message: string;
}

const show = (value: number): string => `${value.toFixed(2)} %`;

/**
 * Judges one gate.
 *
 * @param known what the old version did in an earlier stage, for stages in which it has no traffic left.
 * @param last the soak is over: a comparison has to do with what there is.
 */
export function judge(gate: ResolvedGate, window: KpiWindow, known?: Tally, last = true): Verdict {
  const right = window.tally(gate.kpi, "right");
  const value = percentOf(right);
  const base = {
    kpi: gate.kpi,
    attempts: right.attempts,
    ...(value === undefined ? {} : { value }),
    ...(gate.advisory ? { advisory: true } : {}),
  };
  if (value === undefined) {
    return {
      ...base,
      outcome: "no-data",
      message: window.reported(gate.kpi, "right")
        ? `${gate.kpi}: the new version reports no attempt, ${gate.minSamples} are needed`
        : `${gate.kpi}: no instance of the new version reports it; see whether they serve their KPIs and can be reached from here`,
    };
  }
  if (right.attempts < gate.minSamples) {
    return {
      ...base,
      outcome: "too-few",
      message: `${gate.kpi}: ${right.attempts} attempts on the new version, ${gate.minSamples} are needed`,
    };
  }
  if (gate.atLeast !== undefined && value < gate.atLeast) {
    return {
      ...base,
      outcome: "fail",
      message: `${gate.kpi}: ${show(value)} of ${right.attempts} attempts on the new version, at least ${gate.atLeast} % is wanted`,
    };
  }
  if (gate.maxDrop === undefined && gate.compare === undefined) {
    return { ...base, outcome: "pass", message: `${gate.kpi}: ${show(value)} of ${right.attempts} attempts` };
  }
  const left = window.tally(gate.kpi, "left");
  const old = left.attempts >= gate.minSamples ? left : known;
  const baseline = old && percentOf(old);
  if (old === undefined || baseline === undefined || baseline === 0) {
    return {
      ...base,
      outcome: "zero-baseline",
      ...(baseline === undefined ? {} : { baseline }),
      message: `${gate.kpi}: the old version's ${baseline === 0 ? "success is 0 %" : `${left.attempts} attempts are too few`}, so there is nothing to compare with`,
    };
  }
  if (gate.maxDrop !== undefined && value < baseline - gate.maxDrop) {
    return {
      ...base,
      baseline,
      outcome: "fail",
      message: `${gate.kpi}: ${show(value)} on the new version lies more than ${gate.maxDrop} points below the old version's ${show(baseline)}`,
    };
  }
  const both = `${gate.kpi}: ${show(value)}, old version ${show(baseline)}`;
  if (gate.compare === undefined) return { ...base, baseline, outcome: "pass", message: both };
  const { worseBy, chance, outcome, needed } = compare(right, old, gate.compare, last);
  const found = { ...base, baseline, worseBy, chance };
  const odds = chance < 0.0001 ? "less than 1 in 10,000" : chance.toPrecision(2);
  switch (outcome) {
    case "worse":
      return {
        ...found,
        outcome: "fail",
        message: `${both}: worse by ${worseBy.toFixed(2)} points; chance of that if both were the same: ${odds}`,
      };
    case "too-few":
      return {
        ...found,
        outcome: "too-few",
        message: `${both}: ${right.attempts} attempts on the new version, about ${needed} are needed to tell a difference of ${gate.compare.effect} points from noise`,
      };
    case "same":
      return { ...found, outcome: "pass", message: `${both}: no difference beyond noise` };
  }
}
