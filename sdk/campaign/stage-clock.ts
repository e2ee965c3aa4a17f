/**
 * Tells a stage that takes long from one that hangs (ESC-11). It times the steps; the soak after them has an end of its own.
 *
 * @module
 */
import type { StagePlan } from "../plan/plan";
import { formatDuration } from "../policy/duration";

/** A driver that was told to stop, or whose time is over, has this long to return. */
export const GRACE_MS = 5_000;

/** Expected times are estimates: less than this over says nothing. */
const TOLERANCE_MS = 1_000;

/** What is timed of a stage. */
export type Timed = Pick<StagePlan, "steps" | "expectedMs" | "soakMs" | "limitMs">;

export interface StageTimes {
  readonly expectedMs: number;
  /** After this many ms an alarm is raised. */
  readonly alarmMs: number;
  /** After this many ms without a report of progress the stage hangs. */
  readonly limitMs: number;
  /** After this many ms it hangs whatever is reported. */
  readonly hardLimitMs: number;
}

/** @param overExpected times the expected time. */
export function stageTimes(plan: Timed, overExpected: number): StageTimes {
  const expectedMs = plan.expectedMs - plan.soakMs;
  const own = plan.steps.reduce((sum, step) => sum + step.limitMs, 0) + GRACE_MS;
  const limitMs = plan.limitMs ?? own;
  return {
    expectedMs,
    alarmMs: Math.max(expectedMs * overExpected, expectedMs + TOLERANCE_MS),
    limitMs,
    hardLimitMs: Math.max(limitMs, own),
  };
}

/** The steps of a stage took longer than allowed. */
export class StageHung extends Error {
  readonly code = "STAGE_HUNG";
  override readonly name = "StageHung";
}

export interface StageClockArgs {
  readonly plan: Timed;
  readonly overExpected: number;
  /** Told once, when the steps take longer than expected; `text` says by how much. */
  readonly onLate?: (text: string) => void;
}

export class StageClock {
  private readonly plan: Timed;
  private readonly times: StageTimes;
  private readonly onLate: (text: string) => void;
  private readonly hanging = new AbortController();
  private readonly startedAt = Date.now();
  /** Time that did not count, and since when it does not. */
  private heldMs = 0;
  private heldSince: number | undefined;
  /** Time on the clock when progress was last reported. */
  private progressAt = 0;
  private lateTold = false;
  private late: NodeJS.Timeout | undefined;
  private limit: NodeJS.Timeout | undefined;
  private step: NodeJS.Timeout | undefined;
  private grace: NodeJS.Timeout | undefined;
  private stopped: boolean;

  /** It runs at once. */
  constructor({ plan, overExpected, onLate = () => undefined }: StageClockArgs) {
    this.plan = plan;
    this.times = stageTimes(plan, overExpected);
    this.onLate = onLate;
    this.stopped = plan.steps.length === 0;
    this.arm();
  }

  /** Aborted with a `StageHung` when the stage hangs. */
  get hung(): AbortSignal {
    return this.hanging.signal;
  }

  /** Begins a step; one that does not return within its limit, though the driver was told that limit, hangs. */
  begin(index: number): void {
    clearTimeout(this.step);
    const step = this.plan.steps[index];
    if (!step || this.stopped) return;
    const text = `"${step.summary}" did not return within its limit of ${formatDuration(step.limitMs)}, nor ${formatDuration(GRACE_MS)} later`;
    this.step = timer(step.limitMs + GRACE_MS, () => this.hang(text));
  }

  /** The target said that it gets on: the limit counts from now, up to the hard one. */
  progress(): void {
    this.progressAt = this.elapsed;
    if (this.heldSince === undefined) this.arm();
  }

  /** Time does not count while an operator has paused the campaign between two steps. */
  hold(): void {
    if (this.heldSince !== undefined) return;
    this.heldSince = Date.now();
    for (const one of [this.late, this.limit, this.step]) clearTimeout(one);
  }

  /** Time counts again. */
  go(): void {
    if (this.heldSince === undefined) return;
    this.heldMs += Date.now() - this.heldSince;
    this.heldSince = undefined;
    this.arm();
  }

  /** The steps are done, or have failed. */
  stop(): void {
    this.stopped = true;
    for (const one of [this.late, this.limit, this.step, this.grace]) clearTimeout(one);
  }

  /**
   * The result of the work, or, if it does not return though the stage hangs, that it hangs: a driver that does not even
   * obey its signal must not keep the campaign from being taken back.
   *
   * @throws whatever the work throws; StageHung.
   */
  async outcomeOf<T>(work: Promise<T>): Promise<T> {
    const abandoned = new Promise<never>((_, reject) => {
      this.hung.addEventListener("abort", () => {
        this.grace = timer(GRACE_MS, () => reject(this.hung.reason));
      });
    });
    try {
      return await Promise.race([work, abandoned]);
    } finally {
      clearTimeout(this.grace);
    }
  }

  private arm(): void {
    if (this.stopped) return;
    clearTimeout(this.late);
    clearTimeout(this.limit);
    const { alarmMs, limitMs, hardLimitMs } = this.times;
    const { elapsed } = this;
    if (!this.lateTold) this.late = timer(alarmMs - elapsed, () => this.sayLate());
    const soft = this.progressAt + limitMs;
    this.limit = timer(Math.min(soft, hardLimitMs) - elapsed, () =>
      this.hang(
        soft < hardLimitMs
          ? `${this.soFar()}; ${formatDuration(limitMs)} without progress are allowed`
          : `${this.soFar()}; ${formatDuration(hardLimitMs)} at most are allowed`,
      ),
    );
  }

  private sayLate(): void {
    this.lateTold = true;
    const { limitMs } = this.times;
    this.onLate(`${this.soFar()}; it is given up after ${formatDuration(limitMs)} without progress`);
  }

  private hang(text: string): void {
    if (!this.stopped) this.hanging.abort(new StageHung(text));
  }

  private soFar(): string {
    return `its steps are not done after ${formatDuration(this.elapsed)}, ${formatDuration(this.times.expectedMs)} expected`;
  }

  private get elapsed(): number {
    return (this.heldSince ?? Date.now()) - this.startedAt - this.heldMs;
  }
}

/** Longer than this can't be set; 24 days are as good as never. */
const MOST_MS = 2 ** 31 - 1;

/** Does not keep the process alive by itself. */
function timer(ms: number, act: () => void): NodeJS.Timeout {
  const one = setTimeout(act, Math.min(Math.max(0, ms), MOST_MS));
  one.unref();
  return one;
}
