/**
 * How far two stretches of one and the same version lie apart by chance: the measure for whether a version does worse
 * than another (GRY-11).
 *
 * @module
 */
import type { Attempts } from "../../lab/traffic/kpi-counts.ts";

/** Pairs of stretches that are drawn. */
const DRAWS = 2_000;

/** Numbers from 0 to 1, always the same ones; mulberry32. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed >>> 0; ; ) {
    state = (state + 0x6d2b79f5) >>> 0;
    let h = Math.imul(state ^ (state >>> 15), state | 1);
    h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
    yield ((h ^ (h >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}

/**
 * Spread of the quiet spell for a comparison of so many attempts with so many: pairs of stretches of that many attempts are
 * drawn from the quiet spell, none in both, and the largest difference of their rates is taken; and one failure more, since
 * rates come in whole failures. Where the quiet spell has too few attempts, both stretches are shortened alike, which makes
 * the spread wider, never narrower.
 *
 * @returns percentage points; 100 without any attempt
 */
export function spreadOf(quiet: Attempts, left: number, right: number, seed = 1): number {
  if (quiet.attempted === 0 || left === 0 || right === 0) return 100;
  const scale = Math.min(1, quiet.attempted / (left + right));
  const [one, other] = [Math.max(1, Math.floor(left * scale)), Math.max(1, Math.floor(right * scale))];
  const random = numbers(seed);
  let largest = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    // The failures are dealt out anew; the first places are one stretch, the next the other.
    let [inOne, inOther, placed] = [0, 0, 0];
    let rest = quiet.attempted;
    const free = [one, other];
    for (; placed < quiet.failed; placed++, rest--) {
      const place = random.next().value * rest;
      const [a = 0, b = 0] = free;
      if (place < a) {
        inOne++;
        free[0] = a - 1;
      } else if (place < a + b) {
        inOther++;
        free[1] = b - 1;
      }
    }
    largest = Math.max(largest, Math.abs(inOne / one - inOther / other));
  }
  return 100 * (largest + 1 / other);
}

export interface Comparison {
  /** Percent. */
  readonly left: number;
  readonly right: number;
  /** Percentage points by which the right may lie below the left by chance. */
  readonly spread: number;
  readonly worse: boolean;
}

/** @returns undefined where one of them has nothing to compare */
export function compared(
  left: Attempts | undefined,
  right: Attempts | undefined,
  quiet: Attempts | undefined,
): Comparison | undefined {
  if (!left || !right || !quiet || left.attempted === 0 || right.attempted === 0) return undefined;
  const rate = ({ attempted, failed }: Attempts) => (100 * (attempted - failed)) / attempted;
  const spread = spreadOf(quiet, left.attempted, right.attempted);
  return { left: rate(left), right: rate(right), spread, worse: rate(left) - rate(right) > spread };
}
