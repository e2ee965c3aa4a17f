/**
 * How long ago something was, for a process that may be frozen, or run on a machine that is: by the clock that stands
 * still the least.
 *
 * @module
 */

/** An instant by both clocks of this machine. */
export interface Instant {
  /** ms since 1970; jumps when somebody sets the clock. */
  readonly wall: number;
  /** ms since the process started; stands still while the machine sleeps. */
  readonly steady: number;
}

export const instant = (): Instant => ({ wall: Date.now(), steady: performance.now() });

/** ms that have passed, rather too many than too few. */
export function since({ wall, steady }: Instant, now: Instant = instant()): number {
  return Math.max(now.wall - wall, now.steady - steady);
}
