/**
 * How much it takes to tell a difference between two versions from noise. Preview needs it to refuse a soak that is too short,
 * a gate to know when it may judge.
 *
 * @module
 */
import { probit } from "simple-statistics";
import type { ResolvedComparison } from "./upgrade-policy";

/**
 * @param failing failure rate of the old version, 0 to 1.
 * @param leftPerRight attempts on the old version for each on the new one.
 * @returns attempts on the new version with which a difference of `effect` is found with the power asked for.
 */
export function attemptsNeeded(
  { effect, confidence, power }: ResolvedComparison,
  failing: number,
  leftPerRight: number,
): number {
  const difference = effect / 100;
  const worse = Math.min(0.5, failing + difference);
  const reach = difference / (probit(confidence) + probit(power));
  const old = failing * (1 - failing);
  const variance = worse * (1 - worse) + (leftPerRight > 0 ? old / leftPerRight : Number.POSITIVE_INFINITY);
  return Math.ceil(variance / (reach * reach));
}
