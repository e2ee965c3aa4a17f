/** Parts of the simulated network function and its subscribers, each on its own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { SubscriberSplitSpec } from "pulumi-issu/contract";
import { readContext, writeContext } from "../../lab/cnf/context.ts";
import { FaultError, Faults } from "../../lab/cnf/faults.ts";
import { imsiOf, lot, msinOf } from "../../lab/cnf/identity.ts";
import { Kpis } from "../../lab/cnf/kpis.ts";
import { MsinSet } from "../../lab/cnf/msin-set.ts";
import { type Member, SplitRule } from "../../lab/cnf/split-rule.ts";
import { packAddress, sideNumber, unpackAddress } from "../../lab/cnf/wire.ts";
import { Rules } from "../../lab/traffic/rules.ts";
import { TimerWheel } from "../../lab/traffic/timer-wheel.ts";

const { left: LEFT, right: RIGHT } = sideNumber;

describe("lab identities", () => {
  it("are the same as numbers and as text", () => {
    fc.assert(fc.property(fc.nat({ max: 0xffffffff }), (msin) => assert.equal(msinOf(imsiOf(msin)), msin)));
    assert.equal(imsiOf(1), "imsi-001010000000001");
    assert.equal(msinOf("imsi-262010000000001"), undefined);
  });

  it("draw lots evenly", () => {
    let drawn = 0;
    for (let msin = 1; msin <= 10_000; msin++) if (lot(msin) < 3) drawn++;
    assert.ok(drawn > 250 && drawn < 350, `${drawn} of 10000 for 3 %`);
  });

  it("are kept in a set", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 200_000 })), (msins) => {
        const set = new MsinSet();
        for (const msin of msins) set.add(msin);
        assert.deepEqual(
          [...set],
          [...new Set(msins)].sort((a, b) => a - b),
        );
        assert.equal(set.size, new Set(msins).size);
      }),
    );
  });
});

describe("lab messages", () => {
  it("carry addresses and contexts unchanged", () => {
    assert.equal(unpackAddress(packAddress("127.250.3.255")), "127.250.3.255");
    const context = {
      msin: 4_000_000_000,
      registered: true,
      sessions: 3,
      address: packAddress("127.0.0.1"),
      port: 65_535,
      pending: 4,
      transaction: 0xffffffff,
      callerAddress: packAddress("192.168.255.1"),
      callerPort: 1,
    };
    const buffer = Buffer.alloc(40);
    writeContext(context, buffer, 5);
    assert.deepEqual(readContext(buffer, 5), context);
  });
});

describe("timer wheel", () => {
  it("fires each slot once, never early, also beyond a turn", () => {
    const instants = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(instants, (dues) => {
        const wheel = new TimerWheel(dues.length, 0);
        dues.forEach((due, slot) => {
          wheel.set(slot, due + 50);
          wheel.set(slot, due);
        });
        const fired = new Map<number, number>();
        for (let now = 0; now <= 201_000; now += 37) {
          wheel.advance(now, (slot) => {
            assert.ok(!fired.has(slot));
            fired.set(slot, now);
          });
        }
        dues.forEach((due, slot) => {
          const at = fired.get(slot) ?? assert.fail(`slot ${slot} never fired`);
          assert.ok(at >= due && at <= due + 100, `due ${due}, fired ${at}`);
        });
      }),
      { numRuns: 30 },
    );
  });

  it("lets one that fires stop another of the same instant", () => {
    const wheel = new TimerWheel(2, 0);
    wheel.set(0, 100);
    wheel.set(1, 100);
    const fired: number[] = [];
    wheel.advance(200, (slot) => {
      fired.push(slot);
      wheel.clear(1 - slot);
    });
    assert.equal(fired.length, 1);
  });
});

describe("split rule", () => {
  const left = { version: "1.0.0", workloads: ["old"] };
  const right = { version: "1.1.0", workloads: ["new"] };
  const spec = (part: Partial<SubscriberSplitSpec>): SubscriberSplitSpec => ({
    ratio: 0,
    admission: "by-ratio",
    pinned: [],
    epoch: 1,
    ...part,
  });
  const arrive = (rule: SplitRule, from: number, count: number): Member[] =>
    Array.from({ length: count }, (_, i) => rule.arrive(from + i));
  const share = (rule: SplitRule, members: readonly Member[]) =>
    (100 * members.filter((member) => rule.sideOf(member) === RIGHT).length) / members.length;

  it("serves nobody without a split, and everybody on the one side there is", () => {
    const rule = new SplitRule();
    const member = rule.arrive(1);
    assert.equal(rule.sideOf(member), 0);
    rule.apply(spec({ left }));
    assert.equal(rule.sideOf(member), LEFT);
    rule.apply(spec({ right, ratio: 100 }));
    assert.equal(rule.sideOf(member), RIGHT);
  });

  it("keeps the ratio for the standing and for the new, each on their own", () => {
    const rule = new SplitRule();
    rule.apply(spec({ left }));
    const standing = arrive(rule, 1, 3_000);
    share(rule, standing);
    rule.apply(spec({ left, right, ratio: 30 }));
    assert.equal(share(rule, standing), 0, "moved before all had their places");
    assert.ok(rule.finishPlacing());
    assert.ok(Math.abs(share(rule, standing) - 30) <= 0.4);
    const fresh = arrive(rule, 10_000, 1_000);
    assert.ok(Math.abs(share(rule, fresh) - 30) <= 0.4);
    rule.apply(spec({ left, right, ratio: 70 }));
    assert.ok(Math.abs(share(rule, standing) - 70) <= 0.4);
    assert.ok(Math.abs(share(rule, fresh) - 70) <= 0.4);
  });

  it("keeps pinned subscribers where they are pinned, whatever the ratio", () => {
    const rule = new SplitRule();
    rule.apply(spec({ left }));
    const [one, two] = arrive(rule, 1, 2);
    if (!one || !two) return assert.fail();
    const pinned = [
      { subscriber: imsiOf(1), side: "right" as const },
      { subscriber: imsiOf(2), side: "left" as const },
    ];
    for (const ratio of [0, 100]) {
      rule.apply(spec({ left, right, ratio, pinned }));
      assert.equal(rule.sideOf(one), RIGHT);
      assert.equal(rule.sideOf(two), LEFT);
    }
  });

  it("admits to the right only while that is asked for, and splits by ratio again afterwards", () => {
    const rule = new SplitRule();
    rule.apply(spec({ left }));
    const standing = arrive(rule, 1, 1_000);
    rule.apply(spec({ left, right, ratio: 0, admission: "right" }));
    const fresh = arrive(rule, 5_000, 1_000);
    assert.equal(share(rule, fresh), 100);
    assert.equal(share(rule, standing), 0);
    rule.apply(spec({ left, right, ratio: 0 }));
    assert.equal(share(rule, fresh), 0);
  });

  it("remembers whom it ever gave to a version that began on the right", () => {
    const rule = new SplitRule();
    rule.apply(spec({ left }));
    const members = arrive(rule, 1, 1_000);
    rule.apply(spec({ left, right, ratio: 10 }));
    share(rule, members);
    rule.finishPlacing();
    share(rule, members);
    rule.apply(spec({ left, right, ratio: 0 }));
    share(rule, members);
    assert.ok(Math.abs((rule.everRight.get("1.1.0")?.size ?? 0) - 100) <= 2);
    rule.apply(spec({ left: right }));
    share(rule, members);
    assert.equal(rule.everRight.get("1.1.0")?.size, 1_000);
  });
});

describe("lab faults", () => {
  it("say what was given, what was expected and how to mend it", () => {
    const faults = new Faults();
    assert.throws(() => faults.add("nonsense", {}), /got "nonsense", expected one of procedure-failures/);
    assert.throws(() => faults.add("metrics-missing", {}), /params\.version: got undefined/);
    assert.throws(
      () => faults.add("procedure-failures", { version: "1.2.0", procedure: "x", percentOfSubscribers: 3 }),
      FaultError,
    );
    assert.throws(
      () =>
        faults.add("procedure-failures", {
          version: "1.2.0",
          procedure: "registration",
          percentOfSubscribers: 0,
        }),
      /above 0, at most 100/,
    );
    assert.equal(faults.list().length, 0);
  });

  it("reject a procedure of the version for always the same subscribers", () => {
    const faults = new Faults();
    faults.add("procedure-failures", {
      version: "1.2.0",
      procedure: "registration",
      percentOfSubscribers: 3,
    });
    const rejected = () => {
      const msins: number[] = [];
      for (let msin = 1; msin <= 10_000; msin++) if (faults.rejects("1.2.0", 0, msin)) msins.push(msin);
      return msins;
    };
    assert.deepEqual(rejected(), rejected());
    assert.ok(rejected().length > 250);
    assert.ok(
      !rejected().some((msin) => faults.rejects("1.1.0", 0, msin) || faults.rejects("1.2.0", 1, msin)),
    );
  });
});

describe("KPIs of an instance", () => {
  it("are Prometheus text in the contract's names", () => {
    const kpis = new Kpis();
    kpis.count(0, true);
    kpis.count(0, false);
    const text = kpis.text(
      { version: '1.0.0+"a"', side: "left", workload: "w" },
      { subscribers: 5, sessions: 7, load: 0.5 },
    );
    const labels = 'version="1.0.0+\\"a\\"",side="left",workload="w"';
    assert.ok(text.includes(`nf_procedure_attempts_total{procedure="registration",${labels}} 2\n`));
    assert.ok(text.includes(`nf_procedure_successes_total{procedure="registration",${labels}} 1\n`));
    assert.ok(text.includes(`nf_pdu_sessions{${labels}} 7\n`));
    assert.ok(text.includes(`nf_load_ratio{${labels}} 0.5\n`));
  });
});

describe("rules", () => {
  let rules: Rules;
  beforeEach(() => {
    rules = new Rules();
  });
  afterEach(() => rules.close());

  const spec = { procedure: "registration", atLeast: 99.5, minSamples: 100, side: "right" as const };

  it("are met once there are enough samples and too many of them failed", () => {
    rules.add("gate", spec);
    for (let i = 0; i < 98; i++) rules.count(0, RIGHT, true);
    rules.count(0, RIGHT, false);
    rules.count(0, LEFT, false);
    rules.count(1, RIGHT, false);
    assert.equal(rules.get("gate")?.metAt, undefined);
    rules.count(0, RIGHT, true);
    const state = rules.get("gate");
    assert.ok(state?.metAt !== undefined);
    assert.equal(state.attempts, 100);
    assert.equal(state.successes, 99);
  });

  it("count from their beginning, or anew with each ratio if asked to", () => {
    for (let i = 0; i < 200; i++) rules.count(0, RIGHT, false);
    rules.add("late", spec);
    rules.add("stage", { ...spec, perRatio: true });
    assert.equal(rules.get("late")?.attempts, 0);
    for (let i = 0; i < 99; i++) rules.count(0, RIGHT, false);
    rules.ratioChanged();
    assert.equal(rules.get("stage")?.attempts, 0);
    assert.equal(rules.get("late")?.attempts, 99);
  });

  it("refuse what makes no sense", () => {
    assert.throws(
      () => rules.add("r", { ...spec, procedure: "walk" }),
      /procedure: got "walk", expected registration/,
    );
    assert.throws(() => rules.add("r", { ...spec, atLeast: 101 }), /atLeast/);
  });
});
