/**
 * How much a series of readings is worth. A reading that resembles the one before says little that is new; taken for
 * independent, a slow wave of load would pass or fail a version by chance. Pure.
 *
 * @module
 */
import { sampleCorrelation } from "simple-statistics";

/** With fewer, correlation can't be told. */
const LEAST = 4;

/**
 * Number of independent readings with the same weight: the length over the sum of its autocorrelations, summed in pairs
 * for as long as these are positive and fall (Geyer's initial sequence).
 *
 * @param series in the order in which it was read; ranks, so that an outlier does not hide the rest.
 * @returns from 0 to its length; 1 for a series that never changes.
 */
export function independentReadings(series: readonly number[]): number {
  const n = series.length;
  if (n === 0) return 0;
  if (series.every((value) => value === series[0])) return 1;
  if (n < LEAST) return n;
  let sum = -1;
  let before = Number.POSITIVE_INFINITY;
  for (let lag = 0; lag + 1 <= n / 2; lag += 2) {
    const pair = correlation(series, lag) + correlation(series, lag + 1);
    if (!(pair > 0)) break;
    before = Math.min(before, pair);
    sum += 2 * before;
  }
  return Math.max(1, n / Math.max(1, sum));
}

function correlation(series: readonly number[], lag: number): number {
  if (lag === 0) return 1;
  const [early, late] = [series.slice(0, -lag), series.slice(lag)];
  const found = sampleCorrelation(early, late);
  // A part that never changes resembles itself.
  return Number.isFinite(found) ? found : 1;
}
