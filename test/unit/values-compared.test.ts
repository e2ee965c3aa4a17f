/** Values side by side: the statistic as the books have it, what dependent readings are worth, and seeded trials. */
import assert from "node:assert/strict";
import { independentReadings } from "#sdk/campaign/independent.js";
import { compareReadings, mannWhitney, readingsNeeded, shiftOf } from "#sdk/campaign/mann-whitney.js";
import { Readings } from "#sdk/campaign/readings.js";
import { judgeReadings } from "#sdk/campaign/value-gate.js";
import type { ResolvedQueryGate } from "#sdk/policy/gate-policy.js";

const near = (got: number, wanted: number, by: number, what?: string) =>
  assert.ok(Math.abs(got - wanted) <= by, `${what ?? ""} got ${got}, expected ${wanted} ± ${by}`);

/** A small generator with a seed, so that a failing trial can be looked at again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Two samples without ties of which the first has a given U. */
function samplesWith(n: number, m: number, u: number): [number[], number[]] {
  let left = u;
  const first = Array.from({ length: n }, (_, i) => {
    const below = Math.min(m, left);
    left -= below;
    return below + 0.5 + i / 1000;
  });
  return [first, Array.from({ length: m }, (_, i) => i + 1)];
}

describe("Mann-Whitney U", () => {
  it("is what textbooks compute", () => {
    // Diagnosis of diabetes by age, men and women.
    const ages = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12]);
    assert.equal(ages.u, 17);
    near(ages.chance, 0.111_346_886 / 2, 1e-5, "normal approximation with continuity correction");
    // Permeability of membranes at term and earlier (Hollander and Wolfe).
    const term = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const earlier = [1.15, 0.88, 0.9, 0.74, 1.21];
    const found = mannWhitney(term, earlier);
    assert.equal(found.u, 35);
    near(found.chance, 0.1272, 0.006, "exact chance");
    near(shiftOf(term, earlier), 0.305, 1e-9, "Hodges-Lehmann");
    near(found.delta, (2 * 35) / 50 - 1, 1e-12, "Cliff's delta");
  });

  it("agrees with the tables of critical values", () => {
    for (const [n, alpha, critical] of [
      [8, 0.05, 15],
      [8, 0.01, 9],
      [10, 0.05, 27],
      [10, 0.01, 19],
      [20, 0.05, 138],
      [20, 0.01, 114],
    ] as const) {
      const chanceAt = (u: number) => mannWhitney(...samplesWith(n, n, n * n - u)).chance;
      assert.equal(mannWhitney(...samplesWith(n, n, n * n - critical)).u, n * n - critical);
      assert.ok(chanceAt(critical) <= alpha * 1.08, `${n}, ${alpha}: ${chanceAt(critical)}`);
      assert.ok(chanceAt(critical + 1) > alpha, `${n}, ${alpha}: ${chanceAt(critical + 1)} for one more`);
    }
  });

  it("counts ties half, with the variance that all ways to deal the values out have", () => {
    const values = [1, 2, 2, 3, 3, 3, 4, 5];
    const us: number[] = [];
    for (let mask = 0; mask < 256; mask++) {
      const first = values.filter((_, i) => mask & (1 << i));
      if (first.length !== 4) continue;
      us.push(
        mannWhitney(
          first,
          values.filter((_, i) => !(mask & (1 << i))),
        ).u,
      );
    }
    assert.equal(us.length, 70);
    const variance = us.reduce((sum, u) => sum + (u - 8) ** 2, 0) / us.length;
    const { u, score } = mannWhitney([3, 3, 4, 5], [1, 2, 2, 3]);
    near(score, (u - 8 - 0.5) / Math.sqrt(variance), 1e-9);
  });

  it("knows how many readings it takes (Noether)", () => {
    const rand = random(5);
    const normal = () => Math.sqrt(-2 * Math.log(1 - rand())) * Math.cos(2 * Math.PI * rand());
    const old = Array.from({ length: 400 }, () => 20 + 5 * normal());
    // A shift by one standard deviation: higher in 76 of 100 pairs.
    const wanted = (2.3263 + 1.6449) ** 2 / (6 * (0.7602 - 0.5) ** 2);
    near(readingsNeeded(old, { effect: 5, worse: "higher", confidence: 0.99, power: 0.95 }), wanted, 5);
  });
});

describe("what readings are worth", () => {
  const wave = (seed: number, length: number, memory: number) => {
    const rand = random(seed);
    let x = rand();
    return Array.from({ length }, () => (x = memory * x + Math.sqrt(1 - memory * memory) * (rand() - 0.5)));
  };
  const mean = (memory: number) => {
    const all = Array.from({ length: 40 }, (_, seed) => independentReadings(wave(seed + 1, 120, memory)));
    return all.reduce((sum, one) => sum + one, 0) / all.length;
  };

  it("is their number where each is independent, and the less the more they resemble each other", () => {
    const worth = [0, 0.5, 0.9].map(mean);
    console.log(`      120 readings with memory 0, 0.5, 0.9 are worth ${worth.map((one) => one.toFixed(0))}`);
    const [none = 0, some = 0, much = 0] = worth;
    assert.ok(none > 90 && none <= 120, String(none));
    // In the limit 40 and 6.
    assert.ok(some > 30 && some < 55, String(some));
    assert.ok(much < 15, String(much));
  });

  it("is one where nothing ever changes, and little for a steady climb", () => {
    assert.equal(independentReadings([]), 0);
    assert.equal(independentReadings(Array(50).fill(3)), 1);
    assert.ok(independentReadings(Array.from({ length: 60 }, (_, i) => i)) < 4);
  });
});

const GATE: ResolvedQueryGate = {
  kpi: "pdu-latency",
  query: "q",
  unit: "ms",
  compare: { effect: 5, worse: "higher", confidence: 0.99, power: 0.95 },
  everyMs: 15_000,
  minSamples: 20,
};

interface Trial {
  /** By how much the new version is worse, ms. */
  readonly worse: number;
  readonly readings?: number;
  /** 0 for independent readings. */
  readonly memory?: number;
  /** Long tail, as latencies have. */
  readonly skewed?: boolean;
}

/** A soak, judged now and then and at its end, as a stage does. */
function soak(seed: number, { worse, readings = 60, memory = 0, skewed }: Trial) {
  const rand = random(seed * 7919);
  const normal = () => Math.sqrt(-2 * Math.log(1 - rand())) * Math.cos(2 * Math.PI * rand());
  const state = { left: normal(), right: normal() };
  const seen = new Readings();
  for (let look = 1; look <= readings; look++) {
    for (const side of ["left", "right"] as const) {
      state[side] = memory * state[side] + Math.sqrt(1 - memory * memory) * normal();
      const noise = skewed ? 4 * Math.exp(0.6 * state[side]) : 4 * state[side];
      seen.add(side, 20 + noise + (side === "right" ? worse : 0), 0);
    }
    const last = look === readings;
    if (!last && look % 12 !== 0) continue;
    const verdict = judgeReadings(GATE, { readings: seen, now: 0 }, last);
    if (verdict.outcome === "fail" || last) return verdict;
  }
  throw new Error("unreachable");
}

function trials(what: string, trial: Trial) {
  const all = Array.from({ length: 100 }, (_, seed) => soak(seed + 1, trial).outcome);
  const count = (outcome: string) => all.filter((one) => one === outcome).length;
  const found = { pass: count("pass"), fail: count("fail"), "too-few": count("too-few") };
  console.log(`      ${what}: ${JSON.stringify(found)} of 100`);
  return found;
}

describe("comparison of values", function () {
  this.timeout(120_000);

  for (const skewed of [false, true]) {
    const shape = skewed ? "with a long tail" : "normal";
    it(`the same, ${shape}: passes in at least 95 of 100, never fails in more than 3`, () => {
      const { pass, fail } = trials(`same, ${shape}`, { worse: 0, skewed });
      assert.ok(pass >= 95 && fail <= 3);
    });

    it(`clearly worse, by the effect, ${shape}: caught in at least 95 of 100`, () => {
      assert.ok(trials(`worse by the effect, ${shape}`, { worse: 5, skewed }).fail >= 95);
    });
  }

  it("slightly worse, by a fifth of the effect: passes in most", () => {
    const { fail } = trials("worse by a fifth of the effect", { worse: 1 });
    assert.ok(fail <= 10);
  });

  it("better is no difference that matters", () => {
    const { pass, fail } = trials("better by the effect", { worse: -5 });
    // The rest has too few readings yet, and goes on.
    assert.ok(pass >= 90 && fail === 0);
  });

  it("slow waves don't pass, and are not taken for a difference", () => {
    const { pass, fail } = trials("same, in slow waves", { worse: 0, memory: 0.9 });
    assert.ok(pass <= 5 && fail <= 5);
  });

  it("too few readings never pass", () => {
    for (const worse of [0, 5]) {
      const found = trials(`20 readings, worse by ${worse}`, { worse, readings: 20 });
      assert.ok(found.pass <= 10, "only where the old version's spread happens to be small");
    }
  });

  it("what is beyond doubt is caught long before the end", () => {
    const seen = new Readings();
    const rand = random(3);
    for (let i = 0; i < 24; i++) {
      seen.add("left", 20 + rand(), 0);
      seen.add("right", 40 + rand(), 0);
    }
    const verdict = judgeReadings(GATE, { readings: seen, now: 0 }, false);
    assert.equal(verdict.outcome, "fail");
    assert.match(
      verdict.message,
      /^pdu-latency: 40\.\d+ ms, old version 20\.\d+ ms \(medians of 24 and 24 readings\): worse by (19|20)\.?\d* ms; chance .* less than 1 in 10,000$/,
    );
    near(verdict.delta ?? 0, 1, 1e-9);
    near(verdict.worseBy ?? 0, 20, 0.5);
  });

  it("lower can be worse", () => {
    const rand = random(11);
    const high = Array.from({ length: 40 }, () => 100 + rand());
    const low = Array.from({ length: 40 }, () => 90 + rand());
    const wanted = { effect: 5, worse: "lower", confidence: 0.99, power: 0.95 } as const;
    assert.equal(compareReadings(low, high, wanted, true).outcome, "worse");
    assert.equal(compareReadings(high, low, wanted, true).outcome, "same");
  });
});

describe("a gate on a query", () => {
  const seen = (right: readonly number[], left: readonly number[] = [], at = 0) => {
    const readings = new Readings();
    for (const value of left) readings.add("left", value, at);
    for (const value of right) readings.add("right", value, at);
    return readings;
  };
  const judge = (
    gate: Partial<ResolvedQueryGate>,
    readings: Readings,
    more: { known?: number[]; trouble?: string; now?: number } = {},
  ) => {
    const { compare: _, ...plain } = GATE;
    return judgeReadings({ ...plain, minSamples: 3, ...gate }, { readings, now: 0, ...more }, true);
  };
  const noisy = (n: number, base = 20) => {
    const rand = random(n);
    return Array.from({ length: n }, () => base + rand());
  };

  it("judges the newest reading by its bounds", () => {
    assert.equal(judge({ atMost: 50 }, seen([10, 60, 40])).outcome, "pass");
    const high = judge({ atMost: 50 }, seen([10, 20, 60]));
    assert.deepEqual([high.outcome, high.value, high.unit], ["fail", 60, "ms"]);
    assert.equal(high.message, "pdu-latency: 60 ms on the new version, at most 50 ms is wanted");
    assert.equal(judge({ atLeast: 5 }, seen([10, 20, 4])).outcome, "fail");
    assert.match(judge({ atMost: 50 }, seen([1, 1, 1e300])).message, /infinite ms on the new version/);
    assert.equal(judge({ atMost: 50 }, seen([60])).outcome, "fail", "the first that is too high");
  });

  it("says what is missing, each in its own words", () => {
    const none = judge({ atMost: 50 }, seen([]), { trouble: "prometheus.example did not answer within 5 s" });
    assert.equal(none.outcome, "no-data");
    assert.match(none.message, /nothing was measured on the new version: prometheus\.example did not answer/);
    assert.equal(judge({ atMost: 50 }, seen([1, 2])).outcome, "too-few");
    const silent = judge({ atMost: 50 }, seen([1, 2, 3]), { now: 60_000 });
    assert.deepEqual(
      [silent.outcome, silent.message],
      ["no-data", "pdu-latency: nothing was measured on the new version for 60 s"],
    );
  });

  it("does not compare with nothing", () => {
    const { compare } = GATE as Required<ResolvedQueryGate>;
    const right = noisy(40);
    assert.equal(judge({ compare }, seen(right, [1])).outcome, "zero-baseline");
    const zero = judge({ compare }, seen(right, Array(40).fill(0)));
    assert.deepEqual([zero.outcome, zero.baseline], ["zero-baseline", 0]);
    assert.match(zero.message, /value is 0 throughout, so there is nothing to compare with/);
    assert.equal(judge({ compare }, seen(right), { known: noisy(41) }).outcome, "pass", "with earlier ones");
  });

  it("takes a value that never changes for a measurement that is stuck", () => {
    const { compare } = GATE as Required<ResolvedQueryGate>;
    const stuck = judge({ compare }, seen(Array(60).fill(20), noisy(60)));
    assert.equal(stuck.outcome, "too-few");
    assert.match(stuck.message, /the same value all the time/);
  });

  it("keeps few of many readings, evenly", () => {
    const readings = seen(Array.from({ length: 3_000 }, (_, i) => i));
    const kept = readings.values("right");
    assert.equal(readings.count("right"), 3_000);
    assert.ok(kept.length <= 400 && kept.length >= 200);
    const gaps = new Set(kept.slice(1).map((value, i) => value - (kept[i] ?? 0)));
    assert.equal(gaps.size, 1);
    assert.equal(readings.latest("right")?.value, 2_999);
  });
});
