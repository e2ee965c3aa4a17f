/**
 * What a campaign asks of a target of any kind: look, act, measure. A driver implements it for one real interface; the
 * campaign knows nothing else about its target.
 *
 * @module
 */
import type { CapturedPart, SavedPart } from "./snapshot-parts";
import type { Side } from "./subscriber-split";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One thing to do. `action` and `args` are the driver's vocabulary; the campaign only carries them. */
export interface Action {
  /** Verb of the driver, e.g. `scale`. */
  readonly action: string;
  /** What it is done to, e.g. `deployment/amf-gsu-1-1-0-9f3c`. */
  readonly object: string;
  readonly args: { readonly [key: string]: Json };
}

export interface ActionContext {
  /** Aborted when the campaign must stop at the next safe point. */
  readonly signal: AbortSignal;
  /** Epoch of the campaign's lease; every write carries it. */
  readonly epoch: number;
  /** Instant (ms since 1970) at which the action is given up. */
  readonly deadline: number;
  /** One short line on how far the action is. */
  readonly progress: (line: string) => void;
}

/** Cumulative counts of one procedure on one side of a target. */
export interface KpiCount {
  readonly kpi: string;
  readonly side: Side;
  /** Source of the count (an instance), so that a restart, whose counters begin again at 0, is not taken for a fall. */
  readonly source: string;
  readonly attempts: number;
  readonly successes: number;
  /** When the source began to count, ms since 1970; undefined if it does not say. */
  readonly startedAt?: number;
  /** Mean attempts a second since the source started; undefined if the source does not say when that was. */
  readonly attemptsPerSecond?: number;
}

/** Thrown by a driver when an action failed for a reason that it knows. */
export class TargetError extends Error {
  /** Stable code for the log (ESC-20), e.g. `UNSCHEDULABLE`. */
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TargetError";
    this.code = code;
  }
}

/** Code of a `TargetError` that is no failure: the campaign is to rest where it is, with success, and to go on another time. */
export const RESTS = "RESTS";

/** What campaigns left on a target, by which a lost journal is noticed. */
export interface Traces {
  /** Highest epoch under which anything on it was written; 0 if none was. */
  readonly epoch: number;
  /** What shows that a campaign is between two versions, in words for people; empty if nothing does. */
  readonly underway: readonly string[];
}

export interface Target<Inventory = unknown> {
  /** Names the target across runs, e.g. `cnf/core/amf`; the journal is kept under it. */
  readonly id: string;

  /**
   * What runs now, with one consistent read; nothing is changed. The campaign hands it to the plan rule of the target's kind.
   *
   * @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`
   */
  observe(signal?: AbortSignal): Promise<Inventory>;

  /**
   * As `observe`, as far as it takes to tell whether there is anything to do: what only plans are made from may be left out.
   * A target that leaves this out is observed whole each time.
   */
  glance?(): Promise<Inventory>;

  /**
   * Does one thing and returns once it was observed on the target. Looks first and does nothing if it is done already, so
   * that it can be killed anywhere and run again.
   *
   * @returns what was observed, for journal and report.
   * @throws TargetError `TIMEOUT`, `ABORTED`, `STALE_EPOCH` or a code of the driver's own
   */
  perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }>;

  /** Counts of the KPIs named, from every source that answered. Sources that did not are left out. */
  sample(kpis: readonly string[], signal?: AbortSignal): Promise<readonly KpiCount[]>;

  /**
   * Whether a release carries anyone.
   *
   * @param release the driver's own name of a version, e.g. a workload's name on Kubernetes.
   * @returns undefined if the target can't tell, which callers take for yes.
   */
  carries(release: string): Promise<boolean | undefined>;

  /** Looks for what campaigns left; nothing is changed. @throws as `observe` */
  traces(signal?: AbortSignal): Promise<Traces>;

  /**
   * Highest epoch that the last `observe` saw, for free: waits for one that is under way. Undefined if nothing was observed.
   */
  seenEpoch(): Promise<number | undefined>;

  /**
   * Puts an epoch on everything that a campaign writes, so that nobody with an earlier one can write it any more. Done once
   * by whoever took the lease, before anything is read that decisions are made from.
   *
   * @throws TargetError `STALE_EPOCH` if a later campaign was here; as `observe`
   */
  fence(epoch: number, signal?: AbortSignal): Promise<void>;
  /**
   * Gives out the parts of a snapshot, one after the other (ESC-14). A part is read before the next one is asked for, and what
   * was prepared for it is cleared away then, also where the reader leaves early. A target that leaves this out has nothing to
   * save.
   *
   * @param action a plan's step `snapshot`: its arguments say of what.
   * @throws TargetError as `perform`
   */
  capture?(action: Action, context: ActionContext): AsyncIterable<CapturedPart>;

  /**
   * Takes one part of a snapshot back (ESC-18, ESC-24), and returns once that was observed on the target.
   *
   * @returns what was observed, for log and audit.
   * @throws TargetError `BAD_PART` for one that can't be put back; as `perform`
   */
  putBack?(part: SavedPart, context: ActionContext): Promise<{ readonly detail: string }>;
}
