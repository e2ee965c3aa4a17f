import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { AlarmNotice, AlarmOutlet } from "#sdk/campaign/alarms.js";
import type { CallbackAddress } from "#sdk/campaign/callback.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import type { OnCallSettings } from "#sdk/campaign/on-call.js";
import { Session } from "#sdk/campaign/session.js";
import { until } from "../support/until.ts";
import { type Dial, type DialSpec, dialRule, FakeTarget, failing, release } from "./fake-target.ts";

/** Keeps what it is told. */
class Pager implements AlarmOutlet {
  readonly notices: AlarmNotice[] = [];
  private readonly listeners: ((receiver: string, trouble: string | undefined) => void)[] = [];
  offer(notice: AlarmNotice): void {
    this.notices.push({ ...notice });
  }
  onTrouble(listener: (receiver: string, trouble: string | undefined) => void): void {
    this.listeners.push(listener);
  }
  trouble(receiver: string, what: string | undefined): void {
    for (const listener of this.listeners) listener(receiver, what);
  }
  /** Each as `+CODE` or `-CODE`, in order. */
  get told(): readonly string[] {
    return this.notices.map(({ code, clearedAt }) => `${clearedAt ? "-" : "+"}${code}`);
  }
}

describe("a run and whoever is on call (ESC-11, ESC-19)", () => {
  let dir: string;
  let store: FileStore;
  let target: FakeTarget;
  let log: LogEntry[];
  let pager: Pager;
  const callback = { host: "127.0.0.1", port: 0 };

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-on-call-"));
    store = new FileStore(dir);
    target = new FakeTarget("1.0.0");
    log = [];
    pager = new Pager();
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const open = (
    spec: Partial<DialSpec> = {},
    more: Partial<OnCallSettings> & { rollBack?: boolean } = {},
  ) => {
    const { rollBack = true, ...settings } = more;
    return new Session<DialSpec, Dial>({
      target,
      // A stage that hangs is one whose step does not end: the rule says how long it may take.
      rule: {
        ...dialRule,
        plan: (...args) => {
          const plan = dialRule.plan(...args);
          return {
            ...plan,
            stages: plan.stages.map((one) => ({ ...one, limitMs: spec.stageLimitMs ?? 60_000 })),
          };
        },
      },
      store,
      log: { write: (entry) => log.push(entry) },
      spec: { version: "1.1.0", stops: [50, 100], ...spec },
      goal: release("1.1.0"),
      approvals: [],
      onFailure: { rollBack, surge: "all", fallbackSurge: 1 },
      onCall: { overExpected: 1.5, rollbackWithinMs: 60_000, outlet: pager, ...settings },
    });
  };
  const quiet = { tick: () => undefined, say: () => undefined };
  const runAll = async (session: Session<DialSpec, Dial>) => {
    for (const stage of dialRule.stages({ version: "", stops: [50, 100] }))
      await session.runStage(stage, quiet);
  };
  const journal = async () => (await Journal.read(store, target.id)).data;
  const raised = async () =>
    (await journal()).alarms?.filter((one) => !one.clearedAt).map(({ code }) => code) ?? [];

  it("a stage over its expected time raises an alarm that others see at once, and clears it when it ends", async () => {
    target.slow = { action: "turn", ms: 1_800 };
    const session = open({ stops: [50] });
    await session.runStage("preflight", quiet);
    const running = session.runStage("turn-50", quiet);
    await until("the journal has it", async () => (await raised()).includes("STAGE_OVER_EXPECTED"));
    assert.equal((await journal()).campaign?.stages[1]?.state, "running");
    await running;
    assert.deepEqual(pager.told, ["+STAGE_OVER_EXPECTED", "-STAGE_OVER_EXPECTED"]);
    assert.deepEqual(await raised(), []);
    const [alarm] = (await journal()).alarms ?? [];
    assert.equal(alarm?.severity, "warning");
    assert.equal(alarm?.stage, "turn-50");
    assert.ok(alarm?.clearedAt);
    assert.deepEqual(
      log
        .filter(({ action }) => action.startsWith("alarm"))
        .map(({ action, code, severity }) => [action, code, severity]),
      [
        ["alarm-raise", "STAGE_OVER_EXPECTED", "warning"],
        ["alarm-clear", "OK", "warning"],
      ],
    );
    await session.close();
  });

  it("a stage over its limit is taken back, and its alarms are cleared once it is", async () => {
    target.slow = { action: "turn", ms: 60_000 };
    await assert.rejects(runAll(open({ stageLimitMs: 1_400 })), (error: Error & { code: string }) => {
      assert.equal(error.code, "ROLLED_BACK");
      assert.match(error.message, /turn-50 failed: its steps are not done after 1\.4 s/);
      return true;
    });
    assert.deepEqual(pager.told, [
      "+STAGE_OVER_EXPECTED",
      "+STAGE_OVER_LIMIT",
      "+ROLLBACK_BEGUN",
      "-STAGE_OVER_EXPECTED",
      "-STAGE_OVER_LIMIT",
      "-ROLLBACK_BEGUN",
    ]);
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.deepEqual(await raised(), []);
  });

  it("a driver that does not even obey its signal keeps nobody from going back", async function () {
    this.timeout(20_000);
    target.slow = { action: "turn", ms: 60_000, deaf: true };
    await assert.rejects(runAll(open({ stageLimitMs: 300 })), { code: "ROLLED_BACK" });
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
  });

  it("what stays is told until somebody takes it up: stopped, half back, interrupted", async () => {
    target.strikes = [{ action: "turn", when: "before", error: failing("BROKEN") }];
    await assert.rejects(runAll(open({}, { rollBack: false })), { code: "STOPPED" });
    assert.deepEqual(await raised(), ["STOPPED"]);

    const next = open();
    await next.runStage("preflight", quiet);
    assert.deepEqual(await raised(), []);
    target.slow = { action: "turn", ms: 60_000 };
    const running = next.runStage("turn-50", quiet);
    await until("it runs", () => target.busy);
    next.stop("interrupted");
    await assert.rejects(running, { code: "INTERRUPTED" });
    assert.deepEqual(await raised(), ["RUN_INTERRUPTED"]);

    target.slow = undefined;
    target.strikes = [
      { action: "turn", when: "after", error: failing("BROKEN") },
      ...Array.from(
        { length: 4 },
        () => ({ action: "promote", when: "before", error: failing("AWAY") }) as const,
      ),
    ];
    await assert.rejects(runAll(open()), { code: "ROLLBACK_INCOMPLETE" });
    assert.deepEqual(await raised(), ["ROLLBACK_BEGUN", "ROLLBACK_INCOMPLETE"]);
    await assert.rejects(runAll(open()), { code: "REFUSED" });
    assert.deepEqual(await raised(), []);
  });

  it("a gate without data says that it holds the stage, then that it failed", async () => {
    const gates = [{ kpi: "registration-success", atLeast: 99.5, minSamples: 20 }];
    await assert.rejects(runAll(open({ gates, gateLimitMs: 600 })), { code: "ROLLED_BACK" });
    assert.deepEqual(pager.told.slice(0, 3), ["+GATE_HOLDING", "+GATE_FAILED", "+ROLLBACK_BEGUN"]);
    assert.deepEqual(await raised(), []);
  });

  it("a rollback over its time raises an alarm and goes on", async () => {
    target.strikes = [{ action: "turn", when: "after", error: failing("BROKEN") }];
    target.slow = { action: "promote", ms: 400 };
    await assert.rejects(runAll(open({}, { rollbackWithinMs: 100 })), { code: "ROLLED_BACK" });
    assert.ok(pager.told.includes("+ROLLBACK_OVERDUE"));
    assert.deepEqual(await raised(), []);
  });

  it("a run that lost its lease tells, and writes nothing more into what is another's", async function () {
    this.timeout(30_000);
    target.slow = { action: "turn", ms: 60_000 };
    const session = open();
    await session.runStage("preflight", quiet);
    const running = session.runStage("turn-50", quiet);
    running.catch(() => undefined);
    await until("it runs", () => target.busy);
    const holder = (await store.holder(target.id))?.heldBy ?? "";
    await store.release(target.id, holder, 1);
    const other = await store.acquire(target.id, "someone/else", 60_000);
    assert.ok("epoch" in other);
    await assert.rejects(running, { code: "LEASE_LOST" });
    assert.ok(pager.told.includes("+LEASE_LOST"));
    assert.ok(!(await raised()).includes("LEASE_LOST"));
  });

  it("a receiver that is away is an alarm itself", async () => {
    const session = open();
    await session.runStage("preflight", quiet);
    pager.trouble("webhook", "hooks.example answered 500");
    await until("the journal has it", async () => (await raised()).includes("ALARMS_UNDELIVERED"));
    pager.trouble("webhook", undefined);
    await until("it is over", async () => (await raised()).length === 0);
    await session.close();
  });

  describe("targets that report in", () => {
    const report = async (to: CallbackAddress | undefined, body: object) => {
      const response = await fetch(to?.url ?? "", {
        method: "POST",
        headers: { authorization: `Bearer ${to?.token}` },
        body: JSON.stringify(body),
      });
      return response.status;
    };

    it("keep a stage from being taken for hung, and are shown", async () => {
      target.slow = { action: "turn", ms: 4_000 };
      const session = open({ stageLimitMs: 2_000 }, { callback });
      const { callback: to } = await session.runStage("preflight", quiet);
      const running = session.runStage("turn-50", quiet);
      running.catch(() => undefined);
      await until("it runs", () => target.busy);
      const timer = setInterval(() => void report(to, { state: "progress", message: "half" }), 200);
      await running.finally(() => clearInterval(timer));
      const [, stage] = (await journal()).campaign?.stages ?? [];
      assert.equal(stage?.reports?.[0]?.message, "half");
      assert.ok(
        log.some(
          ({ action, stage: of, message }) =>
            action === "report" && of === "turn-50" && message === "progress: half",
        ),
      );
      await session.close();
      await assert.rejects(report(to, { state: "done" }), /fetch failed/);
    });

    it("fail the stage at once, and never end it", async () => {
      target.slow = { action: "turn", ms: 60_000 };
      const session = open({}, { callback });
      const { callback: to } = await session.runStage("preflight", quiet);
      const running = session.runStage("turn-50", quiet);
      running.catch(() => undefined);
      await until("it runs", () => target.busy);
      assert.equal(await report(to, { state: "done", stage: "turn-50" }), 202);
      assert.equal(await report(to, { state: "done", stage: "turn-100" }), 409);
      assert.equal((await journal()).campaign?.stages[1]?.state, "running");
      assert.equal(
        await report(to, { state: "failed", message: "image of imsi-001010000000042 is broken" }),
        202,
      );
      await assert.rejects(
        running,
        /turn-50 failed: reported to have failed: image of imsi-00101\*+0042 is broken/,
      );
      assert.ok(pager.told.includes("+FAILURE_REPORTED"));
      assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    });

    it("between two stages are heard by the next", async () => {
      const session = open({}, { callback });
      const { callback: to } = await session.runStage("preflight", quiet);
      assert.equal(await report(to, { state: "failed", message: "backup is bad" }), 202);
      await assert.rejects(session.runStage("turn-50", quiet), /reported to have failed: backup is bad/);
      assert.deepEqual(target.performed, []);
    });

    it("refuse the campaign before anything is touched where their port is taken", async () => {
      const one = open({}, { callback });
      const { callback: to } = await one.runStage("preflight", quiet);
      await one.close();
      const holder = open({}, { callback: { ...callback, port: Number(new URL(to?.url ?? "").port) } });
      await holder.runStage("preflight", quiet);
      const before = await journal();
      target = Object.assign(new FakeTarget("1.0.0"), { id: "dial/e" });
      const other = open({}, { callback: { ...callback, port: Number(new URL(to?.url ?? "").port) } });
      await assert.rejects(
        other.runStage("preflight", quiet),
        /upgrade\.callback\.listen: Got 127\.0\.0\.1:\d+\..*EADDRINUSE/,
      );
      assert.equal((await journal()).campaign, undefined);
      assert.ok(before.campaign);
      await holder.close();
    });
  });
});
