/**
 * Judges values that are no shares of attempts: latencies, load, rates. As with every gate, what can't be judged does not
 * pass. Pure.
 *
 * @module
 */
import type { ResolvedQueryGate } from "../policy/gate-policy";
import type { Verdict } from "./gates";
import { compareReadings } from "./mann-whitney";
import type { Readings } from "./readings";

/** Readings that may be missed in a row before what was read earlier says nothing of now. */
const MISSED = 3;

export interface Seen {
  readonly readings: Readings;
  /** What the old version did in an earlier stage, for stages in which it has no traffic left. */
  readonly known?: readonly number[];
  /** Why the source gave nothing when it was last asked. */
  readonly trouble?: string;
  /** ms since 1970 */
  readonly now: number;
}

/** @param last the soak is over: a comparison has to do with what there is. */
export function judgeReadings(gate: ResolvedQueryGate, seen: Seen, last: boolean): Verdict {
  const { kpi, minSamples, atLeast, atMost, compare } = gate;
  const { readings, known, trouble, now } = seen;
  const show = shownIn(gate.unit);
  const newest = readings.latest("right");
  const right = readings.values("right");
  const count = readings.count("right");
  const base = {
    kpi,
    attempts: count,
    ...(newest === undefined ? {} : { value: newest.value }),
    ...(gate.unit === undefined ? {} : { unit: gate.unit }),
    ...(gate.advisory ? { advisory: true } : {}),
  };
  const because = trouble === undefined ? "" : `: ${trouble}`;
  if (newest === undefined) {
    return {
      ...base,
      outcome: "no-data",
      message: `${kpi}: nothing was measured on the new version${because || "; see that its query yields a value for it"}`,
    };
  }
  const { value } = newest;
  const broken =
    atMost !== undefined && value > atMost
      ? `at most ${show(atMost)}`
      : atLeast !== undefined && value < atLeast
        ? `at least ${show(atLeast)}`
        : undefined;
  const silentMs = now - newest.at;
  if (silentMs > MISSED * gate.everyMs + 1_000) {
    return {
      ...base,
      outcome: "no-data",
      message: `${kpi}: nothing was measured on the new version for ${Math.round(silentMs / 1000)} s${because}`,
    };
  }
  if (broken !== undefined) {
    return {
      ...base,
      outcome: "fail",
      message: `${kpi}: ${show(value)} on the new version, ${broken} is wanted`,
    };
  }
  if (count < minSamples) {
    return {
      ...base,
      outcome: "too-few",
      message: `${kpi}: ${count} readings on the new version, ${minSamples} are needed`,
    };
  }
  if (compare === undefined) {
    return { ...base, outcome: "pass", message: `${kpi}: ${show(value)} on the new version` };
  }
  const left = readings.count("left") >= minSamples ? readings.values("left") : known;
  if (left === undefined || left.every((one) => one === 0)) {
    return {
      ...base,
      outcome: "zero-baseline",
      ...(left === undefined ? {} : { baseline: 0 }),
      message: `${kpi}: the old version's ${left === undefined ? `${readings.count("left")} readings are too few` : "value is 0 throughout"}, so there is nothing to compare with`,
    };
  }
  const { outcome, worth, needed, worseBy, chance, delta, ...sides } = compareReadings(
    right,
    left,
    compare,
    last,
  );
  const found = {
    ...base,
    ...sides,
    worseBy,
    chance,
    delta,
    independent: { right: round(worth.right), left: round(worth.left) },
  };
  const both = `${kpi}: ${show(sides.value)}, old version ${show(sides.baseline)} (medians of ${count} and ${Math.max(readings.count("left"), left.length)} readings)`;
  const odds = chance < 0.0001 ? "less than 1 in 10,000" : chance.toPrecision(2);
  switch (outcome) {
    case "worse":
      return {
        ...found,
        outcome: "fail",
        message: `${both}: worse by ${show(worseBy)}; chance of that if both were the same: ${odds}`,
      };
    case "too-few": {
      const fixed = Math.min(worth.right, worth.left) <= 1;
      return {
        ...found,
        outcome: "too-few",
        message: fixed
          ? `${both}: one side shows the same value all the time, which can't be told from a measurement that is stuck`
          : `${both}: worth ${round(worth.right)} and ${round(worth.left)} that don't resemble the ones before, about ${needed} each are needed to tell a difference of ${show(compare.effect)} from noise`,
      };
    }
    case "same":
      return { ...found, outcome: "pass", message: `${both}: no difference beyond noise` };
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** With as many digits as people read. */
function shownIn(unit: string | undefined): (value: number) => string {
  return (value) => {
    const text = Math.abs(value) >= 1e300 ? "infinite" : String(Number(value.toPrecision(4)));
    return unit === undefined ? text : `${text} ${unit}`;
  };
}
