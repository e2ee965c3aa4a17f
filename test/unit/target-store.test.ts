import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import { Lease } from "#sdk/campaign/lease.js";
import { since } from "#sdk/campaign/lease-clock.js";
import { Session } from "#sdk/campaign/session.js";
import { TargetStore } from "#sdk/campaign/target-store.js";
import { type Dial, type DialSpec, dialRule, FakeTarget, failing, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };

describe("journal and target belong together", () => {
  let dir: string;
  let target: FakeTarget;

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-target-store-"));
    target = new FakeTarget("1.0.0");
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const store = () => new TargetStore(new FileStore(dir), target);
  const file = () => path.join(dir, "dial_d.json");
  const session = (of = store()) =>
    new Session<DialSpec, Dial>({
      target,
      rule: dialRule,
      store: of,
      log: { write: () => undefined },
      spec: { version: "1.1.0", stops: [50] },
      goal: release("1.1.0"),
      approvals: [],
      onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
    });
  const stages = dialRule.stages({ version: "1.1.0", stops: [50] });
  const runAll = async (one = session()) => {
    for (const stage of stages) await one.runStage(stage, quiet);
  };
  const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.message, /Nothing was touched.*issu journal rebuild dial\/d --reason/s);
      return true;
    });

  it("whoever takes the lease shuts earlier writers out of the target before he looks at it", async () => {
    const done: string[] = [];
    const { observe, fence } = target;
    target.observe = () => {
      done.push("look");
      return observe.call(target);
    };
    target.fence = (epoch) => {
      done.push(`fence ${epoch}`);
      return fence.call(target, epoch);
    };
    const one = session();
    await one.view();
    assert.deepEqual(done, ["look"], "preview fences nothing off");
    await runAll(one);
    assert.deepEqual(done.slice(0, 3), ["look", "fence 1", "look"]);
    assert.equal(target.epoch, 1);
  });

  it("a journal that is lost while one version serves alone: taken over, and the epoch goes on", async () => {
    await runAll();
    target.epoch = 12;
    await fs.rm(dir, { recursive: true });
    assert.equal((await session().view()).campaign, undefined, "nothing to do");
    target.dial.version = "1.0.0";
    assert.equal((await session().view()).campaign?.id, "13");
    assert.deepEqual(
      await fs.readdir(path.dirname(dir)).then((all) => all.includes(path.basename(dir))),
      false,
    );
    await runAll();
    assert.equal(target.epoch, 13);
    const { campaign } = (await Journal.read(store(), target.id)).data;
    assert.equal(campaign?.id, "13", "a number that an earlier campaign had may still be asked about");
    assert.equal((await Journal.read(store(), target.id)).data.serving?.version, "1.1.0");
  });

  it("a journal that is lost in the middle of a campaign: refused, whatever is asked", async () => {
    const killed = session();
    await killed.runStage("preflight", quiet);
    await killed.runStage("turn-50", quiet);
    await killed.close();
    target.underway = ["1.0.0 and 1.1.0 serve side by side"];
    await fs.rm(file());
    const performed = [...target.performed];
    await refused(session().view(), "JOURNAL_LOST", /1\.0\.0 and 1\.1\.0 serve side by side.*knows of none/);
    await refused(session().runStage("preflight", quiet), "JOURNAL_LOST", /check the journal's URL/);
    await refused(store().acquire(target.id, "x", 1_000), "JOURNAL_LOST", /./);
    assert.deepEqual(target.performed, performed);
    assert.equal(await store().holder(target.id), undefined);
  });

  it("a journal from a backup: refused before anything is taken", async () => {
    await runAll();
    const backup = await fs.readFile(file(), "utf8");
    target.dial.version = "1.0.0";
    await runAll();
    assert.equal(target.epoch, 2);
    await fs.writeFile(file(), backup);
    target.dial.version = "1.0.0";
    await refused(session().view(), "JOURNAL_OLD", /URL first/);
    await refused(store().acquire(target.id, "x", 1_000), "JOURNAL_OLD", /URL first/);
    await refused(
      session().runStage("preflight", quiet),
      "JOURNAL_OLD",
      /under epoch 1, dial\/d under epoch 2.*backup/,
    );
    assert.equal(await store().holder(target.id), undefined);
    assert.equal(target.epoch, 2);
  });

  it("a journal that can't be read: says why", async () => {
    await runAll();
    const whole = await fs.readFile(file(), "utf8");
    const seal = whole.split("\n")[0];
    const broken: [string, RegExp][] = [
      [whole.slice(0, whole.length / 2), /characters that are no JSON/],
      [`${seal}\n`, /got nothing/],
      [`${seal}\n{}`, /no schemaVersion/],
      [whole.replace('"target":"dial/d"', '"target":"dial/e"'), /the journal of dial\/e/],
      [whole.replace('"history":[]', '"history":{}'), /history and quarantine/],
    ];
    for (const [text, why] of broken) {
      await fs.writeFile(file(), text);
      await refused(session().view(), "JOURNAL_DAMAGED", why);
    }
  });

  it("a lease that is lost with the journal: epochs go on from what the target has seen", async () => {
    target.epoch = 7;
    const first = await Lease.take(store(), target.id, () => undefined);
    assert.equal(first.epoch, 8);
    await first.release();
    for (const name of await fs.readdir(dir)) await fs.rm(path.join(dir, name));
    const second = await Lease.take(store(), target.id, () => undefined);
    assert.equal(second.epoch, 9);
    await second.release();
  });

  it("a target that can't be fenced off gives the lease back", async () => {
    target.fence = async () => Promise.reject(failing("UNREACHABLE")());
    await assert.rejects(
      Lease.take(store(), target.id, () => undefined),
      { code: "UNREACHABLE" },
    );
    assert.equal(await store().holder(target.id), undefined);
  });

  it("a run whose lease was taken while it stood still writes nothing, neither target nor journal", async () => {
    const frozen = session();
    await frozen.runStage("preflight", quiet);
    const held = await store().holder(target.id);
    const text = (await new FileStore(dir).read(target.id))?.text;
    // Somebody else, at once, as `issu unlock --force` does; the frozen run has not heard of it.
    const got = await store().acquire(target.id, "other", 30_000, { from: held?.heldBy ?? "" });
    assert.deepEqual(got, { epoch: 2 });
    assert.equal(target.epoch, 2);
    const performed = [...target.performed];
    await assert.rejects(frozen.runStage("turn-50", quiet));
    assert.deepEqual(target.performed, performed);
    assert.equal((await new FileStore(dir).read(target.id))?.text, text);
    await frozen.close();
    assert.equal((await store().holder(target.id))?.heldBy, "other");
  });

  it("counts time by the clock that stood still the least", () => {
    const then = { wall: 1_000_000, steady: 500 };
    assert.equal(since(then, { wall: 1_001_000, steady: 1_500 }), 1_000);
    assert.equal(since(then, { wall: 1_090_000, steady: 600 }), 90_000, "the machine slept");
    assert.equal(since(then, { wall: 900_000, steady: 90_500 }), 90_000, "somebody set the clock back");
  });
});
