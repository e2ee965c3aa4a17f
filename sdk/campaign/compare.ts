/**
 * Whether the new version does worse than the old one: a one-sided test of two proportions, as exact in its errors as the
 * policy asks. Two things a plain threshold does not do: it tells noise from a difference, and it says when there is too
 * little to tell. A baseline without an error is a baseline like any other (anchors: "a zero-error baseline that lets a
 * failing canary pass").
 *
 * @module
 */
import { errorFunction } from "simple-statistics";
import { attemptsNeeded } from "../policy/comparison";
import type { ResolvedComparison } from "../policy/upgrade-policy";
import type { Tally } from "./kpi-window";

/**
 * Looked at many times while it soaks, a difference must be overwhelming to count before the end: chance would find one
 * sooner or later. One in 30,000 looks.
 */
const EARLY = 4;
/** Failures without which nothing counts early, however small the chance. */
const EARLY_FAILURES = 5;

export interface Comparison {
  /** By how many percentage points the new version does worse; negative if it does better. */
  readonly worseBy: number;
  /** Chance of at least this difference if both are the same, 0 to 1. */
  readonly chance: number;
  readonly outcome: "same" | "worse" | "too-few";
  /** Attempts on the new version needed to tell, about; only where there are too few. */
  readonly needed?: number;
}

/**
 * @param last the soak is over: what there is has to do. Before, only what is beyond doubt is called worse.
 */
export function compare(right: Tally, left: Tally, wanted: ResolvedComparison, last: boolean): Comparison {
  const { effect, confidence } = wanted;
  const failing = { right: failureRate(right), left: failureRate(left) };
  const difference = failing.right - failing.left;
  const pooled = failureRate({
    attempts: right.attempts + left.attempts,
    successes: right.successes + left.successes,
  });
  const spread = Math.sqrt(pooled * (1 - pooled) * (1 / right.attempts + 1 / left.attempts));
  const score = spread > 0 ? difference / spread : 0;
  // Not by the library's table of the normal distribution, which ends at 0.999.
  const chance = Math.max(0, (1 - errorFunction(score / Math.SQRT2)) / 2);
  const found = { worseBy: 100 * difference, chance };
  // At half of what matters it is nearer to nothing than to it.
  const matters = 100 * difference >= effect / 2;
  const failures = right.attempts - right.successes;
  if (matters && score > EARLY && failures >= EARLY_FAILURES) return { ...found, outcome: "worse" };
  // Where both sides gain attempts as they have so far, the old side's part stays the same.
  const needed = attemptsNeeded(wanted, failing.left, left.attempts / right.attempts);
  if (!last || right.attempts < needed) return { ...found, outcome: "too-few", needed };
  return { ...found, outcome: matters && chance < 1 - confidence ? "worse" : "same" };
}

const failureRate = ({ attempts, successes }: Tally): number =>
  attempts === 0 ? 0 : (attempts - successes) / attempts;
