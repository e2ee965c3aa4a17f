/**
 * What was attempted since a stage began, by KPI and side. Pure.
 *
 * @module
 */
import type { Side } from "../contract/subscriber-split";
import type { KpiCount } from "../contract/target";

export interface Tally {
  readonly attempts: number;
  readonly successes: number;
}

const NONE: Tally = { attempts: 0, successes: 0 };

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
      const from = before && attempts >= before.attempts ? before : NONE;
      const total = this.tally(kpi, side);
      this.totals.set(`${kpi} ${side}`, {
        attempts: total.attempts + attempts - from.attempts,
        successes: total.successes + Math.max(0, successes - from.successes),
      });
    }
  }

  /** Whether any instance of a side has answered with the KPI. */
  reported(kpi: string, side: Side): boolean {
    return this.sources.has(`${kpi} ${side}`);
  }

  tally(kpi: string, side: Side): Tally {
    return this.totals.get(`${kpi} ${side}`) ?? NONE;
  }
}

/** Share of the attempts that succeeded, in percent; undefined without attempts. */
export const percentOf = ({ attempts, successes }: Tally): number | undefined =>
  attempts === 0 ? undefined : (100 * successes) / attempts;
