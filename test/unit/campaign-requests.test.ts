/** What operators ask of a campaign while it runs, on a target of a made-up kind. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { Asking, OperatorRequest, RequestBook } from "pulumi-issu/contract";
import type { CampaignError } from "#sdk/campaign/errors.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import { Session } from "#sdk/campaign/session.js";
import { until } from "../support/until.ts";
import { type Dial, type DialSpec, dialRule, FakeTarget, release, turn } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };

class Book implements RequestBook {
  readonly requests: OperatorRequest[] = [];

  async ask(_target: string, asking: Asking): Promise<OperatorRequest> {
    const id = String(this.requests.length + 1);
    const request = { ...asking, id, by: "alice", at: new Date().toISOString() };
    this.requests.push(request);
    return request;
  }

  async asked(): Promise<readonly OperatorRequest[]> {
    return [...this.requests];
  }

  async doubt(): Promise<undefined> {
    return undefined;
  }
}

describe("requests of operators", () => {
  let dir: string;
  let store: FileStore;
  let target: FakeTarget;
  let book: Book;
  let log: LogEntry[];

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-requests-"));
    store = new FileStore(dir);
    target = new FakeTarget("1.0.0");
    book = new Book();
    log = [];
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const APPROVAL = [{ before: "turn-100", role: "change-manager" }];
  const spec: DialSpec = { version: "1.1.0", stops: [50, 100] };
  const session = (
    more: Partial<DialSpec> = {},
    approvals: typeof APPROVAL = [],
    rollBack = true,
    rule: typeof dialRule = dialRule,
  ) =>
    new Session<DialSpec, Dial>({
      target,
      rule,
      store,
      log: { write: (entry) => log.push(entry) },
      spec: { ...spec, ...more },
      goal: release(more.version ?? spec.version),
      onFailure: { rollBack, surge: "all", fallbackSurge: 1 },
      approvals,
      requests: book,
    });
  const runAll = async (one: Session<DialSpec, Dial>) => {
    const outcomes = [];
    for (const stage of dialRule.stages(spec)) outcomes.push((await one.runStage(stage, quiet)).state);
    return outcomes;
  };
  const campaign = async () => (await Journal.read(store, target.id)).data.campaign;
  const ask = (kind: Asking["kind"], more: Partial<Asking> = {}) =>
    book.ask(target.id, { kind, campaign: "1", reason: "the night shift", ...more });
  const approve = () => ask("approve", { stage: "turn-100", role: "change-manager" });
  const soaking = () =>
    until("the soak", async () => (await campaign())?.stages.some((stage) => stage.soakingSince) ?? false);

  it("without the approval: held with success before the stage that needs it, both versions kept; then goes on", async () => {
    const first = session({}, APPROVAL);
    assert.match(
      (await first.view()).plan.stages[2]?.skipped ?? "",
      /approval of change-manager: issu approve/,
    );
    assert.deepEqual(await runAll(first), ["done", "done", "held", "held"]);
    assert.equal(target.dial.position, 50);
    assert.equal((await campaign())?.state, "held");

    const idle = session({}, APPROVAL);
    assert.equal((await idle.view()).campaign, undefined);
    // As for stages that the engine lost and declares anew.
    assert.deepEqual(await runAll(idle), ["held", "held", "held", "held"]);

    await approve();
    assert.deepEqual(await runAll(session({}, APPROVAL)), ["done", "skipped", "done", "done"]);
    const { state, requests } = (await campaign()) ?? {};
    assert.equal(state, "completed");
    assert.equal(requests?.[0]?.by, "alice");
    assert.ok(
      log.some(({ action, message }) => action === "approve" && /by alice: the night shift/.test(message)),
    );
  });

  it("held with something missing of a stage that passed: nothing is taken up again for that, nor judged anew", async () => {
    /** The same, of a dial that is to wait in `stage` for what was asked for long ago. */
    const short = (stage: string): typeof dialRule => ({
      ...dialRule,
      plan: (...known) => {
        const plan = dialRule.plan(...known);
        const wait = { ...turn(50), summary: "wait until all is there", waits: true };
        return {
          ...plan,
          stages: plan.stages.map(({ skipped, ...one }) =>
            one.name === stage
              ? { ...one, steps: [wait], soakMs: 60_000 }
              : { ...one, ...(skipped ? { skipped } : {}) },
          ),
        };
      },
    });
    await runAll(session({}, APPROVAL));
    assert.equal((await session({}, APPROVAL, true, short("turn-50")).view()).campaign, undefined);
    assert.deepEqual(await runAll(session({}, APPROVAL, true, short("turn-50"))), [
      "held",
      "held",
      "held",
      "held",
    ]);
    assert.equal((await campaign())?.attempt, 1);
    // Once it goes on, it is waited for.
    await approve();
    const { plan, campaign: next } = await session({}, APPROVAL, true, short("turn-50")).view();
    assert.deepEqual([plan.stages[1]?.steps.length, next?.attempt], [1, 2]);
  });

  it("an approval of another stage, in another role or of another campaign does not count", async () => {
    await runAll(session({}, APPROVAL));
    await ask("approve", { stage: "turn-50", role: "change-manager" });
    await ask("approve", { stage: "turn-100", role: "somebody-else" });
    await ask("approve", { stage: "turn-100", role: "change-manager", campaign: "2" });
    assert.equal((await session({}, APPROVAL).view()).campaign, undefined);
  });

  it("abort in a soak: taken back, also where the policy forbids it by itself", async () => {
    const run = runAll(session({ soakMs: 60_000 }, [], false));
    run.catch(() => undefined);
    await soaking();
    await ask("abort");
    await assert.rejects(run, (error: CampaignError) => {
      assert.equal(error.code, "ROLLED_BACK");
      assert.match(error.message, /aborted by alice: the night shift/);
      return true;
    });
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
    assert.equal((await campaign())?.state, "rolled-back");
  });

  it("abort of a campaign that is held: the next run takes it back first", async () => {
    await runAll(session({}, APPROVAL));
    await ask("abort");
    const next = session({}, APPROVAL);
    assert.match((await next.view()).plan.stages[0]?.skipped ?? "", /aborted by alice/);
    await assert.rejects(runAll(next), { code: "ROLLED_BACK" });
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
  });

  it("pause in a soak: nothing goes on until resume, and the soak is no shorter", async () => {
    const run = runAll(session({ soakMs: 300 }));
    await soaking();
    await ask("pause");
    await until("the pause to be heard", async () => log.some(({ action }) => action === "pause"));
    const { position } = target.dial;
    await ask("resume");
    assert.deepEqual(await run, ["done", "done", "done", "done"]);
    assert.ok(position === 50 || position === 100, `paused at ${position}`);
    assert.ok(log.some(({ action }) => action === "resume"));
  });

  it("a run that begins while it is paused does nothing and ends as held", async () => {
    await runAll(session({}, APPROVAL));
    await ask("pause");
    await approve();
    const paused = session({}, APPROVAL);
    assert.equal((await paused.view()).campaign, undefined);
    await ask("resume");
    assert.deepEqual(await runAll(session({}, APPROVAL)), ["done", "skipped", "done", "done"]);
  });

  it("going back needs nobody's approval", async () => {
    await runAll(session({}, APPROVAL));
    await runAll(session({ version: "1.0.0" }, [{ before: "finalize", role: "change-manager" }]));
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
  });
});
