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

export interface StageTimes {
  /** After this many ms an alarm is raised. */
  readonly alarmMs: number;
  /** After this many ms without a report of progress the stage hangs. */
  readonly limitMs: number;
  /** After this many ms it hangs whatever is reported. */
  readonly hardLimitMs: number;
}

/** @param overExpected times the expected time. */
export function stageTimes(plan: StagePlan, overExpected: number): StageTimes {
  const expected = plan.expectedMs - plan.soakMs;
  const own = plan.steps.reduce((sum, step) => sum + step.limitMs, 0);
  const limitMs = plan.limitMs ?? own + GRACE_MS;
  return {
    alarmMs: Math.max(expected * overExpected, expected + TOLERANCE_MS),
    limitMs,
    hardLimitMs: Math.max(limitMs, own + GRACE_MS),
  };
}

/** The steps of a stage took longer than allowed. */
export class StageHung extends Error {
  readonly code = "STAGE_HUNG";
  override readonly name = "StageHung";
}

export interface StageClockArgs {
  readonly plan: StagePlan;
  readonly overExpected: number;
  /** Told once, when the steps take longer than expected; `text` says by how much. */
  readonly onLate: (text: string) => void;
}

export class StageClock {
  private readonly plan: StagePlan;
  private readonly times: StageTimes;
  private readonly onLate: (text: string) => void;
  private readonly hanging = new AbortController();
  private readonly startedAt = Date.now();
  private late: NodeJS.Timeout | undefined;
  private limit: NodeJS.Timeout | undefined;
  private step: NodeJS.Timeout | undefined;
  private grace: NodeJS.Timeout | undefined;
  private stopped = false;

  /** It runs at once. */
  constructor({ plan, overExpected, onLate }: StageClockArgs) {
    this.plan = plan;
    this.times = stageTimes(plan, overExpected);
    this.onLate = onLate;
    if (plan.steps.length === 0) return;
    this.late = timer(this.times.alarmMs, () => this.sayLate());
    this.setLimit();
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
    this.step = timer(step.limitMs + GRACE_MS, () =>
      this.hang(
        `"${step.summary}" did not return within its limit of ${formatDuration(step.limitMs)} and ${formatDuration(GRACE_MS)} more`,
      ),
    );
  }

  /** The target said that it gets on: the limit counts from now, up to the hard one. */
  progress(): void {
    if (!this.stopped && this.plan.steps.length > 0) this.setLimit();
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

  private setLimit(): void {
    clearTimeout(this.limit);
    const { limitMs, hardLimitMs } = this.times;
    const elapsed = Date.now() - this.startedAt;
    const left = Math.min(limitMs, hardLimitMs - elapsed);
    this.limit = timer(left, () => {
      const hard = Date.now() - this.startedAt >= hardLimitMs;
      this.hang(
        `its steps are not done after ${this.elapsed()}, ${this.expected()} expected; ${hard ? `${formatDuration(hardLimitMs)} at most are allowed` : `${formatDuration(limitMs)} are allowed without progress`}`,
      );
    });
  }

  private sayLate(): void {
    const { limitMs } = this.times;
    this.onLate(
      `its steps take longer than expected: ${this.elapsed()} so far, ${this.expected()} expected; it is taken back after ${formatDuration(limitMs)} without progress`,
    );
  }

  private hang(text: string): void {
    if (!this.stopped) this.hanging.abort(new StageHung(text));
  }

  private elapsed(): string {
    return formatDuration(Date.now() - this.startedAt);
  }

  private expected(): string {
    return formatDuration(this.plan.expectedMs - this.plan.soakMs);
  }
}

/** Does not keep the process alive by itself. Longer than 24 days is as good as never. */
function timer(ms: number, act: () => void): NodeJS.Timeout {
  const one = setTimeout(act, Math.min(Math.max(0, ms), 2 ** 31 - 1));
  one.unref();
  return one;
}
