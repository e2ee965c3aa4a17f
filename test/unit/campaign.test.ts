import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { KpiCount } from "pulumi-issu/contract";
import type { CampaignError } from "#sdk/campaign/errors.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { mayDelete as ask } from "#sdk/campaign/guard.js";
import { Journal } from "#sdk/campaign/journal.js";
import { KpiWindow } from "#sdk/campaign/kpi-window.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import { Session } from "#sdk/campaign/session.js";
import { type Dial, type DialSpec, dialRule, FakeTarget, failing, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };

describe("a campaign on any target", () => {
  let dir: string;
  let store: FileStore;
  let target: FakeTarget;
  let log: LogEntry[];

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-campaign-"));
    store = new FileStore(dir);
    target = new FakeTarget("1.0.0");
    log = [];
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const session = (spec: Partial<DialSpec> = {}, more: { retry?: string; rollBack?: boolean } = {}) => {
    const whole: DialSpec = { version: "1.1.0", stops: [50, 100], ...spec };
    return new Session<DialSpec, Dial>({
      target,
      rule: dialRule,
      store,
      log: { write: (entry) => log.push(entry) },
      spec: whole,
      goal: release(whole.version),
      onFailure: { rollBack: more.rollBack ?? true, surge: "all", fallbackSurge: 1 },
      approvals: [],
      ...(more.retry === undefined ? {} : { retry: more.retry }),
    });
  };
  const runAll = async (one: Session<DialSpec, Dial>, spec: Partial<DialSpec> = {}) => {
    const outcomes = [];
    for (const stage of dialRule.stages({ version: "", stops: [50, 100], ...spec })) {
      outcomes.push((await one.runStage(stage, quiet)).state);
    }
    return outcomes;
  };
  const journal = async () => (await Journal.read(store, target.id)).data;

  it("runs its stages in order and ends completed", async () => {
    assert.deepEqual(await runAll(session()), ["done", "done", "done", "done"]);
    assert.deepEqual(target.performed, ["turn:50", "turn:100", "promote:0"]);
    const { campaign, serving } = await journal();
    assert.equal(campaign?.state, "completed");
    assert.equal(serving?.version, "1.1.0");
    assert.ok(log.every((entry) => entry.code === "OK" && entry.campaign === "1" && entry.object !== ""));
  });

  it("looks without touching anything, and has nothing to do the second time", async () => {
    const first = await session().view();
    assert.equal(first.campaign?.id, "1");
    assert.deepEqual(await fs.readdir(dir), []);
    await runAll(session());
    const performed = target.performed.length;
    assert.equal((await session().view()).campaign, undefined);
    assert.deepEqual(await runAll(session()), ["idle", "idle", "idle", "idle"]);
    assert.equal(target.performed.length, performed);
  });

  it("is content with a glance where there is nothing to do, and looks properly where there is", async () => {
    let glances = 0;
    const glancing = Object.assign(target, {
      glance: async () => {
        glances += 1;
        // What plans are made from may be missing.
        return { ...target.dial };
      },
    });
    await session().view();
    assert.deepEqual([glances, glancing.observed], [1, 1]);
    await runAll(session());
    const { observed } = target;
    assert.equal((await session().view()).campaign, undefined);
    assert.equal(target.observed, observed);
  });

  it("takes the campaign back when a stage fails, and quarantines the version until asked again", async () => {
    target.strikes = [{ action: "turn", when: "after", error: failing("BROKEN") }];
    await assert.rejects(runAll(session()), (error: CampaignError) => {
      assert.equal(error.code, "ROLLED_BACK");
      assert.match(error.message, /injected BROKEN.*1\.0\.0 serves alone.*upgrade\.retry to "1"/s);
      return true;
    });
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.equal((await journal()).campaign?.state, "rolled-back");

    assert.match((await session().view()).quarantine ?? "", /campaign 1.*injected BROKEN/);
    await assert.rejects(runAll(session()), { code: "REFUSED" });
    assert.equal((await session({ version: "1.0.0" }).view()).campaign, undefined);
    assert.deepEqual(await runAll(session({}, { retry: "1" })), ["done", "done", "done", "done"]);
    assert.deepEqual(
      (await journal()).history.map((past) => past.state),
      ["rolled-back"],
    );
    assert.deepEqual((await journal()).quarantine, [], "it serves, so it may");
    await runAll(session({ version: "1.0.0" }));
    assert.deepEqual(
      await runAll(session()),
      ["done", "done", "done", "done"],
      "nobody has to ask once more",
    );
  });

  it("goes on with an interrupted rollback before anything else", async () => {
    target.strikes = [
      { action: "turn", when: "after", error: failing("BROKEN") },
      ...Array.from(
        { length: 4 },
        () => ({ action: "promote", when: "before", error: failing("AWAY") }) as const,
      ),
    ];
    await assert.rejects(runAll(session()), { code: "ROLLBACK_INCOMPLETE" });
    assert.equal(target.dial.position, 50);
    assert.equal((await journal()).campaign?.state, "rolling-back");

    await assert.rejects(runAll(session()), { code: "REFUSED" }, "quarantined once it is back");
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.equal((await journal()).campaign?.state, "rolled-back");
  });

  it("goes on where a killed run stopped, every stage shown again", async () => {
    const killed = session();
    await killed.runStage("preflight", quiet);
    await killed.runStage("turn-50", quiet);
    await killed.close(); // what the lease's end does after a kill
    const next = session();
    assert.deepEqual((await next.view()).campaign, { id: "1", attempt: 2 });
    assert.deepEqual(await runAll(next), ["done", "skipped", "done", "done"]);
    assert.deepEqual(target.performed, ["turn:50", "turn:100", "promote:0"]);
    assert.equal((await journal()).campaign?.attempt, 2);
  });

  it("returns when the version is set back half-way", async () => {
    const killed = session();
    await killed.runStage("preflight", quiet);
    await killed.runStage("turn-50", quiet);
    await killed.close();
    const back = session({ version: "1.0.0" });
    assert.equal((await back.view()).plan.intent, "return");
    await runAll(back);
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.equal((await journal()).campaign?.state, "rolled-back");
    assert.deepEqual((await journal()).quarantine, [], "the operator's wish is no fault of the version");
  });

  it("refuses a late stage alone", async () => {
    await assert.rejects(session().runStage("turn-100", quiet), { code: "OUT_OF_ORDER" });
    assert.deepEqual(target.performed, []);
    const one = session();
    await one.runStage("preflight", quiet);
    await assert.rejects(one.runStage("turn-100", quiet), { code: "OUT_OF_ORDER" });
    await one.close();
  });

  it("refuses what preflight finds, with every problem, before it writes anything", async () => {
    const problems = [
      { path: "a", message: "first" },
      { path: "b", message: "second" },
    ];
    await assert.rejects(session({ problems }).runStage("preflight", quiet), (error: CampaignError) => {
      assert.match(error.message, /a: first\n.*b: second/s);
      return error.code === "REFUSED";
    });
    assert.deepEqual(await fs.readdir(dir), []);
  });

  it("stops and stays open where the policy forbids rolling back", async () => {
    target.strikes = [{ action: "turn", when: "before", error: failing("BROKEN") }];
    await assert.rejects(runAll(session({}, { rollBack: false })), { code: "STOPPED" });
    assert.equal((await journal()).campaign?.state, "stopped");
    assert.deepEqual(await runAll(session()), ["done", "done", "done", "done"]);
  });

  it("keeps a second writer out, and lets it in when the lease is over", async () => {
    const lease = await store.acquire(target.id, "someone/1/else", 400);
    assert.ok("epoch" in lease);
    const ticks: string[] = [];
    await session().runStage("preflight", { ...quiet, tick: (line) => ticks.push(line) });
    assert.ok(ticks.some((line) => line.includes("someone/1/else")));
  });

  it("deletes no version that carries anyone, that can't be told, or that an open campaign needs", async () => {
    const guarded = (version: string) => ({ ...release(version), workloads: [version] });
    const mayDelete = (of: ReturnType<typeof guarded>) => ask(target as never, store, of, () => []);
    assert.equal((await mayDelete(guarded("1.0.0"))).allowed, false);
    assert.equal((await mayDelete(guarded("0.9.0"))).allowed, true);
    const open = session();
    await open.runStage("preflight", quiet);
    assert.match((await mayDelete(guarded("1.1.0"))).why, /campaign 1 \(open\)/);
    await open.close();
    target.carries = async () => undefined;
    assert.equal((await mayDelete(guarded("0.9.0"))).allowed, false);
  });

  it("deletes a version whose remaining parts the version in service shares (GRY-12)", async () => {
    await runAll(session());
    const shared = { ...release("1.0.0"), workloads: ["1.1.0"] };
    const partsOf = (spec: unknown) => [(spec as DialSpec).version];
    assert.equal((await ask(target as never, store, shared, () => [])).allowed, false);
    assert.equal((await ask(target as never, store, shared, partsOf)).allowed, true);
    // The version in service itself is held to what it carries.
    const serving = { ...release("1.1.0"), workloads: ["1.1.0"] };
    assert.equal((await ask(target as never, store, serving, partsOf)).allowed, false);
  });

  it("counts what was counted within the window: restarts and newcomers whole, latecomers from then on", () => {
    const window = new KpiWindow(1_000);
    const count = (source: string, startedAt: number, attempts: number): KpiCount => ({
      kpi: "paging-success",
      side: "right",
      source,
      startedAt,
      attempts,
      successes: attempts,
    });
    window.add([count("old", 0, 100)]);
    window.add([count("old", 0, 110), count("young", 2_000, 7), count("late", 0, 500)]);
    window.add([count("old", 0, 4), count("young", 2_000, 8), count("late", 0, 503)]);
    assert.equal(window.tally("paging-success", "right").attempts, 10 + 4 + 8 + 3);
  });

  describe("gates", () => {
    const gates = [{ kpi: "registration-success", atLeast: 99.5, minSamples: 20 }];
    const counting = (attempts: () => number, success: number): (() => readonly KpiCount[]) => {
      return () => {
        const n = attempts();
        return [
          {
            kpi: "registration-success",
            side: "right",
            source: "i1",
            attempts: n,
            successes: Math.floor(n * success),
          },
        ];
      };
    };
    const rising = () => {
      let n = 0;
      return () => (n += 15);
    };

    it("passes on enough good samples", async () => {
      target.counts = counting(rising(), 1);
      await runAll(session({ gates, gateLimitMs: 5_000 }));
      assert.equal((await journal()).campaign?.stages[1]?.verdicts?.[0]?.outcome, "pass");
    });

    it("fails the stage as soon as the samples say so, long before the soak ends", async () => {
      target.counts = counting(rising(), 0.9);
      const startedAt = Date.now();
      await assert.rejects(runAll(session({ gates, soakMs: 60_000 })), /registration-success: 9\d\.\d+ %/);
      assert.ok(Date.now() - startedAt < 30_000);
      assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    });

    it("holds without data, with too few samples and on a zero baseline, then fails closed, each in its own words", async () => {
      const cases: [() => readonly KpiCount[], typeof gates | object[], RegExp][] = [
        [() => [], gates, /no instance of the new version reports it/],
        [counting(() => 5, 1), gates, /the new version reports no attempt/],
        [
          counting(rising(), 1),
          [{ ...gates[0], minSamples: 100_000 }],
          /attempts on the new version, 100000 are needed/,
        ],
        [
          counting(rising(), 1),
          [{ kpi: "registration-success", maxDrop: 1, minSamples: 20 }],
          /nothing to compare with/,
        ],
      ];
      for (const [counts, wanted, message] of cases) {
        await fs.rm(dir, { recursive: true });
        target = new FakeTarget("1.0.0");
        target.counts = counts;
        await assert.rejects(runAll(session({ gates: wanted as typeof gates, gateLimitMs: 700 })), message);
        assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
      }
    });
  });
});
