/**
 * Gates: what the new version's KPIs must be for a stage to pass. Pure; `gate-watch` feeds it. A gate that can't judge
 * never passes (anchors: "gates that fail closed").
 *
 * @module
 */

import type { Side } from "../contract/subscriber-split";
import type { KpiCount } from "../contract/target";
import type { ResolvedGate } from "../policy/upgrade-policy";

export type Outcome = "pass" | "fail" | "no-data" | "too-few" | "zero-baseline";

export interface Verdict {
  readonly kpi: string;
  readonly outcome: Outcome;
  readonly attempts: number;
  /** Success on the new version's side, in percent; undefined without attempts. */
  readonly value?: number;
  /** The same on the old version's side. */
  readonly baseline?: number;
  /** What was measured and what was wanted, in one line. */
  readonly message: string;
}

interface Tally {
  attempts: number;
  successes: number;
}

/**
 * Counts since the stage began, from cumulative counters. A source whose counter fell has restarted: its new count is
 * added whole. So is that of a source unknown until now, if it began to count within the window; one that is older was
 * only unreachable before, and counts from now on.
 */
export class KpiWindow {
  private readonly openedAt: number;
  private readonly last = new Map<string, Tally>();
  private readonly totals = new Map<string, Tally>();
  private readonly sources = new Set<string>();

  /** @param openedAt ms since 1970. */
  constructor(openedAt: number) {
    this.openedAt = openedAt;
  }

  add(counts: readonly KpiCount[]): void {
    for (const { kpi, side, source, startedAt, attempts, successes } of counts) {
      const key = `${kpi} ${source}`;
      this.sources.add(`${kpi} ${side}`);
      const before = this.last.get(key);
      this.last.set(key, { attempts, successes });
      const young = startedAt !== undefined && startedAt >= this.openedAt;
      if (!before && !young) continue;
      const from = before && attempts >= before.attempts ? before : { attempts: 0, successes: 0 };
      const total = this.totals.get(`${kpi} ${side}`) ?? { attempts: 0, successes: 0 };
      total.attempts += attempts - from.attempts;
      total.successes += Math.max(0, successes - from.successes);
      this.totals.set(`${kpi} ${side}`, total);
    }
  }

  /** Whether any instance of a side has answered with the KPI. */
  reported(kpi: string, side: Side): boolean {
    return this.sources.has(`${kpi} ${side}`);
  }

  tally(kpi: string, side: Side): Readonly<Tally> {
    return this.totals.get(`${kpi} ${side}`) ?? { attempts: 0, successes: 0 };
  }
}

const percent = ({ attempts, successes }: Tally): number | undefined =>
  attempts === 0 ? undefined : (100 * successes) / attempts;

const show = (value: number): string => `${value.toFixed(2)} %`;

/**
 * Judges one gate.
 *
 * @param known baseline of the old version from an earlier stage, in percent, for stages in which it has no traffic left.
 */
export function judge(gate: ResolvedGate, window: KpiWindow, known?: number): Verdict {
  const right = window.tally(gate.kpi, "right");
  const value = percent(right);
  const base = { kpi: gate.kpi, attempts: right.attempts, ...(value === undefined ? {} : { value }) };
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
  if (gate.maxDrop !== undefined) {
    const left = window.tally(gate.kpi, "left");
    const baseline = left.attempts >= gate.minSamples ? percent(left) : known;
    if (baseline === undefined || baseline === 0) {
      return {
        ...base,
        outcome: "zero-baseline",
        ...(baseline === undefined ? {} : { baseline }),
        message: `${gate.kpi}: the old version's ${baseline === 0 ? "success is 0 %" : `${left.attempts} attempts are too few`}, so there is nothing to compare with`,
      };
    }
    if (value < baseline - gate.maxDrop) {
      return {
        ...base,
        baseline,
        outcome: "fail",
        message: `${gate.kpi}: ${show(value)} on the new version lies more than ${gate.maxDrop} points below the old version's ${show(baseline)}`,
      };
    }
    return {
      ...base,
      baseline,
      outcome: "pass",
      message: `${gate.kpi}: ${show(value)}, old version ${show(baseline)}`,
    };
  }
  return {
    ...base,
    outcome: "pass",
    message: `${gate.kpi}: ${show(value)} of ${right.attempts} attempts`,
  };
}
