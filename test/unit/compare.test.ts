/** New against old, side by side: noise passes, a difference that matters is caught, too little to tell is said. */
import assert from "node:assert/strict";
import { judge, type Verdict } from "#sdk/campaign/gates.js";
import { KpiWindow } from "#sdk/campaign/kpi-window.js";
import type { ResolvedGate } from "#sdk/policy/upgrade-policy.js";

const GATE: ResolvedGate = {
  kpi: "registration-success",
  minSamples: 100,
  compare: { effect: 0.5, confidence: 0.99, power: 0.95 },
};
const LOOKS = 240;

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

interface Rates {
  /** Failures, in percent of the attempts. */
  readonly left: number;
  readonly right: number;
  /** Attempts of each side at each look. */
  readonly perLook?: number;
  /** Share of them on the right. */
  readonly share?: number;
}

/** A minute of soak, judged four times a second and at its end, as a stage does. */
function soak(seed: number, { left, right, perLook = 100, share = 0.5 }: Rates): Verdict {
  const chance = random(seed);
  const window = new KpiWindow(0);
  const totals = { left: { attempts: 0, successes: 0 }, right: { attempts: 0, successes: 0 } };
  const sides = { left: [left, perLook * (1 - share)], right: [right, perLook * share] } as const;
  for (let look = 0; look <= LOOKS; look++) {
    for (const side of ["left", "right"] as const) {
      const [failing, attempts] = sides[side];
      for (let i = 0; i < attempts; i++) {
        totals[side].attempts++;
        if (chance() >= failing / 100) totals[side].successes++;
      }
    }
    window.add(
      (["left", "right"] as const).map((side) => ({
        kpi: GATE.kpi,
        side,
        source: `${side}-0`,
        startedAt: 1,
        ...totals[side],
      })),
    );
    const verdict = judge(GATE, window, undefined, look === LOOKS);
    if (verdict.outcome === "fail" || look === LOOKS) return verdict;
  }
  throw new Error("unreachable");
}

const outcomes = (rates: Rates) => Array.from({ length: 100 }, (_, seed) => soak(seed + 1, rates).outcome);
const count = (all: readonly string[], outcome: string) => all.filter((one) => one === outcome).length;

describe("comparison of new and old", () => {
  for (const failing of [0, 0.2, 2]) {
    it(`no worse, under noise (${failing} % fail on both): passes in at least 95 of 100`, () => {
      const passed = count(outcomes({ left: failing, right: failing, perLook: 400 }), "pass");
      assert.ok(passed >= 95, `${passed} passed`);
    });

    it(`worse by the effect (${failing} % against ${failing + 0.5} %): caught in at least 95 of 100`, () => {
      const caught = count(outcomes({ left: failing, right: failing + 0.5, perLook: 800 }), "fail");
      assert.ok(caught >= 95, `${caught} were caught`);
    });
  }

  it("a baseline without an error does not let 0.5 % pass, at a tenth of the traffic too", () => {
    assert.ok(count(outcomes({ left: 0, right: 0.5, perLook: 800, share: 0.1 }), "fail") >= 95);
  });

  it("what is beyond doubt is caught at once, not at the end", () => {
    const window = new KpiWindow(0);
    const counts = (attempts: number, failed: number, side: "left" | "right") => ({
      kpi: GATE.kpi,
      side,
      source: side,
      startedAt: 1,
      attempts,
      successes: attempts - failed,
    });
    window.add([counts(1_000, 2, "left"), counts(500, 40, "right")]);
    assert.equal(judge(GATE, window, undefined, false).outcome, "fail");
  });

  it("too little to tell holds, and says about how much is needed", () => {
    const verdict = soak(7, { left: 0.2, right: 0.2, perLook: 4 });
    assert.equal(verdict.outcome, "too-few");
    const needed = Number(
      /about (\d+) are needed to tell a difference of 0\.5 points/.exec(verdict.message)?.[1],
    );
    assert.ok(needed > 2_000 && needed < 20_000, verdict.message);
  });

  it("better is no difference that matters", () => {
    assert.equal(soak(3, { left: 2, right: 0.1, perLook: 400 }).outcome, "pass");
  });

  it("an old side without traffic is compared as it was before", () => {
    const window = new KpiWindow(0);
    window.add([
      { kpi: GATE.kpi, side: "right", source: "r", startedAt: 1, attempts: 20_000, successes: 19_800 },
    ]);
    assert.equal(judge(GATE, window).outcome, "zero-baseline");
    const known = { attempts: 20_000, successes: 19_990 };
    const verdict = judge(GATE, window, known);
    assert.equal(verdict.outcome, "fail");
    assert.ok(verdict.worseBy !== undefined && verdict.worseBy > 0.9 && (verdict.chance ?? 1) < 0.001);
  });
});
