/**
 * What subscribers felt, counted from their side: over named windows of time, per side and per class.
 *
 * @module
 */
import { MsinSet } from "../cnf/msin-set.ts";
import { procedureNames, sideNumber, sideOf } from "../cnf/wire.ts";
import { KpiCounts } from "./kpi-counts.ts";
import type { Rules } from "./rules.ts";

/** Counts of one side or class. */
export interface Tally {
  /** Procedures begun by subscribers; retries are not counted again. */
  proceduresAttempted: number;
  /** Procedures that failed for good: rejected, or unanswered to the last try. */
  proceduresFailed: number;
  /** PDU sessions that the network had lost. */
  sessionsLost: number;
  /** Initial registrations forced by a lost context. */
  reRegistrations: number;
  retries: number;
  /** Of the failed ones, those for a cause of the subscriber's own. */
  userCauses: number;
}

export type TallyKey = keyof Tally;

const emptyTally = (): Tally => ({
  proceduresAttempted: 0,
  proceduresFailed: 0,
  sessionsLost: 0,
  reRegistrations: 0,
  retries: 0,
  userCauses: 0,
});

/** Largest deviation from the set ratio while the split was settled, in percentage points. */
export interface SplitError {
  all: number;
  standing: number;
  new: number;
  /** How often it was looked at, and how often the new were enough for a verdict. */
  samples: number;
  newSamples: number;
}

/** One look; undefined where there is nothing to judge. */
export interface SplitLook {
  readonly all: number | undefined;
  readonly standing: number | undefined;
  readonly new: number | undefined;
}

export class RecordWindow {
  readonly name: string;
  /** Ms since 1970; a subscriber first seen from then on is new. */
  readonly openedAt = Date.now();
  closedAt: number | undefined;
  readonly total = emptyTally();
  readonly bySide = { left: emptyTally(), right: emptyTally() };
  readonly byClass = { standing: emptyTally(), new: emptyTally() };
  readonly byProcedure: Record<string, { attempted: number; failed: number }> = Object.fromEntries(
    procedureNames.map((name) => [name, { attempted: 0, failed: 0 }]),
  );
  readonly met = new Map<string, MsinSet>();
  readonly split: SplitError = { all: 0, standing: 0, new: 0, samples: 0, newSamples: 0 };

  /** As they were at the beginning. */
  readonly kpisBefore: KpiCounts;

  constructor(name: string, kpisBefore: KpiCounts) {
    this.name = name;
    this.kpisBefore = kpisBefore;
  }
}

export class Recorder {
  readonly rules: Rules;
  /** Open ones, by name. */
  readonly open = new Map<string, RecordWindow>();
  /** Since the start. */
  readonly kpis = new KpiCounts();
  /** Since the start, or the last reset. */
  total = new RecordWindow("total", new KpiCounts());

  constructor(rules: Rules) {
    this.rules = rules;
    this.open.set(this.total.name, this.total);
  }

  /** Forgets everything. */
  reset(): void {
    this.rules.clear();
    this.open.clear();
    this.total = new RecordWindow("total", this.kpis.copy());
    this.open.set(this.total.name, this.total);
  }

  /**
   * Counts what happened to a subscriber.
   *
   * @param side number of the side on which it happened, or of the one it was on last if nobody answered
   * @param arrived when the subscriber was first seen, ms since 1970
   */
  count(key: TallyKey, by: number, side: number, arrived: number): void {
    const name = sideOf(side);
    for (const window of this.open.values()) {
      window.total[key] += by;
      if (name) window.bySide[name][key] += by;
      window.byClass[arrived >= window.openedAt ? "new" : "standing"][key] += by;
    }
  }

  procedure(number: number, key: "attempted" | "failed"): void {
    const name = procedureNames[number] ?? "";
    for (const window of this.open.values()) {
      const tally = window.byProcedure[name];
      if (tally) tally[key]++;
    }
  }

  /** One try of a procedure has ended, as KPIs count it. */
  attempt(procedure: number, side: number, success: boolean): void {
    if (side === sideNumber.left || side === sideNumber.right) this.rules.count(procedure, side, success);
  }

  /** A procedure has come to its end, after as many tries as it took. */
  ended(procedure: number, side: number, success: boolean, initial: boolean): void {
    if (side !== sideNumber.left && side !== sideNumber.right) return;
    this.kpis.count(procedure, side, success, initial);
  }

  met(version: string, msin: number): void {
    for (const window of this.open.values()) {
      let set = window.met.get(version);
      if (!set) {
        set = new MsinSet();
        window.met.set(version, set);
      }
      set.add(msin);
    }
  }

  splitError(look: SplitLook): void {
    for (const { split } of this.open.values()) {
      split.all = Math.max(split.all, look.all ?? 0);
      split.standing = Math.max(split.standing, look.standing ?? 0);
      split.new = Math.max(split.new, look.new ?? 0);
      split.samples++;
      if (look.new !== undefined) split.newSamples++;
    }
  }
}
