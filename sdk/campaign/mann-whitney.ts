/**
 * One-sided Mann-Whitney U test for readings that are not independent: the rank sum is the library's, ties count half, and
 * the variance is that of as many independent readings as there really are. Pure.
 *
 * @module
 */
import { errorFunction, median, probit, wilcoxonRankSum } from "simple-statistics";
import type { ResolvedShift } from "../policy/gate-policy";
import { independentReadings } from "./independent";

export interface Ranked {
  /** Chance of ranks at least as high if both are the same, 0 to 1. */
  readonly chance: number;
  /** Standard deviations from what is expected then. */
  readonly score: number;
  /** U of the first sample: pairs in which it is higher, ties half. */
  readonly u: number;
  /** Cliff's delta: how much oftener higher than lower, -1 to 1. */
  readonly delta: number;
}

/**
 * Whether the first sample is higher.
 *
 * @param worth independent readings of each; their number, where each is.
 */
export function mannWhitney(
  first: readonly number[],
  second: readonly number[],
  worth: readonly [number, number] = [first.length, second.length],
): Ranked {
  const [n, m] = [first.length, second.length];
  const u = wilcoxonRankSum([...first], [...second]) - (n * (n + 1)) / 2;
  const share = u / (n * m);
  const [e, f] = worth;
  const spread = Math.sqrt(((e + f + 1) * (1 - tied([...first, ...second]))) / (12 * e * f));
  // U moves in steps of a half or one, the normal distribution does not.
  const beyond = share - 0.5 - 0.5 / (n * m);
  const score = spread > 0 ? beyond / spread : 0;
  return { u, score, chance: tailOf(score), delta: 2 * share - 1 };
}

/** Chance of a standard normal value of at least this. */
export const tailOf = (score: number): number => Math.max(0, (1 - errorFunction(score / Math.SQRT2)) / 2);

/** Part of the variance that ties take away, 0 to 1. */
function tied(all: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of all) counts.set(value, (counts.get(value) ?? 0) + 1);
  const total = [...counts.values()].reduce((sum, count) => sum + count ** 3 - count, 0);
  return total / (all.length ** 3 - all.length);
}

/** Hodges-Lehmann: the median of all differences, i.e. by how much the first sample lies above the second. */
export function shiftOf(first: readonly number[], second: readonly number[]): number {
  const differences = new Float64Array(first.length * second.length);
  let i = 0;
  for (const a of first) for (const b of second) differences[i++] = a - b;
  differences.sort();
  const middle = differences.length / 2;
  const [low = 0, high = 0] = [differences[Math.ceil(middle) - 1], differences[Math.floor(middle)]];
  return low / 2 + high / 2;
}

/**
 * Independent readings on each side with which a shift by `effect` is found with the power asked for, as far as the old
 * version's own spread tells (Noether's formula).
 */
export function readingsNeeded(old: readonly number[], { effect, confidence, power }: ResolvedShift): number {
  const moved = old.map((value) => value + effect);
  const higher = (mannWhitney(moved, old).delta + 1) / 2;
  const reach = (probit(confidence) + probit(power)) / (higher - 0.5);
  return Math.max(LEAST_WORTH, Math.ceil(reach ** 2 / 6));
}

/** The normal approximation is good from here. */
const LEAST_WORTH = 8;
/**
 * Looked at many times while it soaks, a difference must be overwhelming to count before the end: chance would find one
 * sooner or later. One in 30,000 looks.
 */
const EARLY = 4;

export interface Shifted {
  /** Median of each side. */
  readonly value: number;
  readonly baseline: number;
  /** By how much the new version does worse, in the KPI's unit; negative if it does better. */
  readonly worseBy: number;
  /** Chance of at least this difference if both are the same. */
  readonly chance: number;
  /** Cliff's delta towards worse, -1 to 1. */
  readonly delta: number;
  /** Independent readings on each side. */
  readonly worth: { readonly right: number; readonly left: number };
  readonly outcome: "same" | "worse" | "too-few";
  /** Independent readings needed on each side, about. */
  readonly needed: number;
}

/**
 * @param last the soak is over: what there is has to do. Before, only what is beyond doubt is called worse.
 */
export function compareReadings(
  right: readonly number[],
  left: readonly number[],
  wanted: ResolvedShift,
  last: boolean,
): Shifted {
  const sign = wanted.worse === "higher" ? 1 : -1;
  const [a, b] = [right.map((value) => sign * value), left.map((value) => sign * value)];
  const worth = { right: independentReadings(ranksOf(a)), left: independentReadings(ranksOf(b)) };
  const { chance, score, delta } = mannWhitney(a, b, [worth.right, worth.left]);
  const worseBy = shiftOf(a, b);
  const needed = readingsNeeded(b, wanted);
  const found = {
    value: median([...right]),
    baseline: median([...left]),
    worseBy,
    chance,
    delta,
    worth,
    needed,
  };
  const least = Math.min(worth.right, worth.left);
  // At half of what matters it is nearer to nothing than to it.
  const matters = worseBy >= wanted.effect / 2;
  if (matters && score > EARLY && least >= LEAST_WORTH) return { ...found, outcome: "worse" };
  // One side may make up for the other, down to what the approximation needs.
  const together = 1 / worth.right + 1 / worth.left;
  if (!last || least < LEAST_WORTH || together > 2 / needed) return { ...found, outcome: "too-few" };
  return { ...found, outcome: matters && chance < 1 - wanted.confidence ? "worse" : "same" };
}

/** Each value's place among all of the series, ties in the middle. */
function ranksOf(series: readonly number[]): number[] {
  const sorted = Float64Array.from(series).sort();
  const places = new Map<number, { first: number; last: number }>();
  sorted.forEach((value, i) => {
    places.set(value, { first: places.get(value)?.first ?? i, last: i });
  });
  return series.map((value) => {
    const place = places.get(value) ?? { first: 0, last: 0 };
    return (place.first + place.last) / 2;
  });
}
