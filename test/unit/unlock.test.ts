import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import { rebuild } from "#sdk/campaign/rebuild.js";
import { Session } from "#sdk/campaign/session.js";
import { TargetStore } from "#sdk/campaign/target-store.js";
import { unlock } from "#sdk/campaign/unlock.js";
import { shownByCnf } from "#sdk/plan/cnf-shown.js";
import type { Shown } from "#sdk/plan/plan.js";
import { type Dial, type DialSpec, dialRule, FakeTarget, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };
const by = { user: "ann", host: "ops-1", identity: "ann@example" };

describe("by hand: unlock, and a journal rebuilt", () => {
  let dir: string;
  let target: FakeTarget;
  let log: LogEntry[];

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-unlock-"));
    target = new FakeTarget("1.0.0");
    log = [];
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const store = () => new FileStore(dir);
  const file = () => path.join(dir, "dial_d.json");
  const journal = async () => (await Journal.read(store(), target.id)).data;
  const session = () =>
    new Session<DialSpec, Dial>({
      target,
      rule: dialRule,
      store: new TargetStore(store(), target),
      log: { write: (entry) => log.push(entry) },
      spec: { version: "1.1.0", stops: [50] },
      goal: release("1.1.0"),
      approvals: [],
      onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
    });
  const stages = dialRule.stages({ version: "1.1.0", stops: [50] });
  const runAll = async (one = session()) => {
    for (const stage of stages) await one.runStage(stage, quiet);
  };
  const end = (more: { force?: boolean; reach?: () => Promise<FakeTarget> } = {}) =>
    unlock({
      store: store(),
      key: target.id,
      reach: async () => target,
      by,
      reason: "its machine burned down",
      force: false,
      log: { write: (entry) => log.push(entry) },
      waiting: () => undefined,
      ...more,
    });

  describe("unlock", () => {
    it("nobody holds it: nothing is changed", async () => {
      assert.equal(await end(), undefined);
      assert.deepEqual(await fs.readdir(dir), []);
    });

    it("ends what a dead run left behind, says who and why, and shuts that run out", async function () {
      this.timeout(20_000);
      const dead = session();
      await dead.runStage("preflight", quiet);
      const { heldBy } = (await store().holder(target.id)) as { heldBy: string };
      // It renews no more: its store is gone, as its machine.
      const frozen = await fs.stat(path.join(dir, "dial_d.lease"));
      await dead.close();
      await store().acquire(target.id, heldBy, 60_000);
      assert.ok(frozen);
      const done = await end();
      assert.equal(done?.heldBy, heldBy);
      assert.equal(await store().holder(target.id), undefined);
      assert.ok(target.epoch > (done?.epoch ?? 99));
      const [entry, ...more] = (await journal()).audit ?? [];
      assert.deepEqual(more, []);
      assert.deepEqual(
        [entry?.action, entry?.by, entry?.reason, entry?.detail],
        ["unlock", by, "its machine burned down", `ended the lease of ${heldBy}`],
      );
      assert.match(log.at(-1)?.message ?? "", /ann@ops-1 \(ann@example\) ended the lease.*burned down/);
      assert.deepEqual([log.at(-1)?.action, log.at(-1)?.campaign], ["unlock", "1"]);
      await runAll();
      assert.equal((await journal()).audit?.length, 1, "it stays in the journal");
    });

    it("refuses while its holder renews, unless forced", async function () {
      this.timeout(20_000);
      const one = session();
      await one.runStage("preflight", quiet);
      await assert.rejects(end(), (error: Error & { code?: string }) => {
        assert.equal(error.code, "LEASE_HELD");
        assert.match(error.message, /works on dial\/d and renews.*issu pause.*--force/s);
        return true;
      });
      assert.equal((await journal()).audit, undefined);
      const done = await end({ force: true });
      assert.equal(done?.epoch, 1);
      const performed = [...target.performed];
      await assert.rejects(one.runStage("turn-50", quiet));
      assert.deepEqual(target.performed, performed);
      await one.close();
      await runAll();
      assert.equal((await journal()).serving?.version, "1.1.0");
    });

    it("a target that can't be reached: the journal is freed, and it is said what is not", async () => {
      await store().acquire(target.id, "gone", 60_000);
      const done = await end({
        force: true,
        reach: async () => Promise.reject(new Error("no route to it.")),
      });
      assert.equal(done?.unfenced, "no route to it");
      assert.equal(target.epoch, 0);
      assert.equal(await store().holder(target.id), undefined);
    });

    it("does not make a journal from a backup look like the latest", async () => {
      await runAll();
      await store().acquire(target.id, "gone", 60_000);
      target.epoch = 40;
      await assert.rejects(end({ force: true }), { code: "JOURNAL_OLD" });
    });

    it("a journal that can't be read keeps no lease from being ended", async () => {
      await fs.writeFile(file(), "{");
      await store().acquire(target.id, "gone", 60_000);
      assert.equal((await end({ force: true }))?.heldBy, "gone");
      assert.equal(log.at(-1)?.action, "unlock");
      await assert.rejects(journal(), { code: "JOURNAL_DAMAGED" });
    });
  });

  describe("journal rebuild", () => {
    const spec = { version: "1.1.0", stops: [50] };
    const kept: string[] = [];
    const anew = (shown: Shown) =>
      rebuild({
        store: store(),
        target,
        shown: () => shown,
        by,
        reason: "lost it",
        log: { write: (entry) => log.push(entry) },
        waiting: () => undefined,
        keep: (text) => {
          kept.push(text);
          return "/kept";
        },
      });
    const alone: Shown = { serving: { ...release("1.0.0"), spec: { ...spec, version: "1.0.0" } } };
    const between: Shown = { ...alone, coming: { ...release("1.1.0"), spec } };

    it("leaves one that is in order as it is", async () => {
      await runAll();
      const before = await fs.readFile(file(), "utf8");
      await assert.rejects(anew(alone), /in order.*issu status/);
      assert.equal(await fs.readFile(file(), "utf8"), before);
    });

    it("lost between two versions: the campaign is open again, and goes on or back", async () => {
      for (const goal of ["1.1.0", "1.0.0"]) {
        target = new FakeTarget("1.0.0");
        const killed = session();
        await killed.runStage("preflight", quiet);
        await killed.runStage("turn-50", quiet);
        await killed.close();
        target.underway = ["side by side"];
        await fs.rm(file());
        const { why, journal: made } = await anew(between);
        assert.equal(why, "lost");
        assert.equal(made.campaign?.id, "2", "no number that an earlier campaign may have had");
        const next = new Session<DialSpec, Dial>({
          target,
          rule: dialRule,
          store: new TargetStore(store(), target),
          log: { write: () => undefined },
          spec: { ...spec, version: goal },
          goal: release(goal),
          approvals: [],
          onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
        });
        assert.deepEqual((await next.view()).campaign, { id: "2", attempt: 1 });
        await runAll(next);
        assert.deepEqual(target.dial, { position: 0, version: goal });
        const { campaign, audit } = await journal();
        assert.equal(campaign?.state, goal === "1.1.0" ? "completed" : "rolled-back");
        assert.equal(audit?.[0]?.action, "journal-rebuild");
        await fs.rm(dir, { recursive: true });
      }
      await fs.mkdir(dir);
    });

    it("from a backup: what it knew of quarantine and history is kept, and numbers go on", async () => {
      await runAll();
      const data = await journal();
      data.quarantine.push({ ...release("9.9.9"), campaign: "1", reason: "bad", at: "then" });
      const backup = await store().read(target.id);
      await store().write(target.id, JSON.stringify(data), backup?.revision);
      target.epoch = 9;
      const { why, journal: made } = await anew(alone);
      assert.equal(why, "old");
      assert.equal(made.quarantine[0]?.version, "9.9.9");
      assert.deepEqual(
        made.history.map(({ id, state }) => [id, state]),
        [["1", "completed"]],
      );
      assert.equal(target.epoch, 10);
      assert.equal((await new TargetStore(store(), target).read(target.id))?.epoch, 10);
    });

    it("damaged: what can't be read is kept aside", async () => {
      await runAll();
      const whole = await fs.readFile(file(), "utf8");
      await fs.writeFile(file(), whole.slice(0, 300));
      const done = await anew(alone);
      assert.deepEqual([done.why, done.kept], ["damaged", "/kept"]);
      assert.ok(whole.includes(kept.at(-1) as string));
      assert.equal((await journal()).serving?.version, "1.0.0");
      assert.match(log.at(-1)?.message ?? "", /being damaged: 1\.0\.0 serves: lost it/);
    });
  });

  it("a network function shows its versions, their parts and contents", () => {
    const workload = (component: string, version: string, hash: string, replicas: number) => ({
      name: `amf-${component}-${version.replaceAll(".", "-")}-${hash}`,
      component,
      version,
      serviceType: "load-sharing" as const,
      replicas,
      ready: replicas,
    });
    const shared = workload("db", "1.0.0", "0000000a", 2);
    const old = workload("gsu", "1.0.0", "0000000b", 4);
    const coming = workload("gsu", "1.1.0", "0000000c", 1);
    const split = {
      left: { version: "1.0.0", workloads: [shared.name, old.name] },
      right: { version: "1.1.0", workloads: [shared.name, coming.name] },
      ratio: 10,
      admission: "by-ratio" as const,
      pinned: [],
    };
    const inventory = {
      kubernetesVersion: "1.34.2",
      workloads: [shared, old, coming],
      autoscalers: [],
      split,
      kpis: {},
      load: {},
    };
    const at = { name: "amf", namespace: "core" };
    const { serving, coming: next } = shownByCnf(inventory, at);
    assert.match(serving?.release ?? "", /^1\.0\.0-[0-9a-f]{8}$/);
    assert.notEqual(serving?.release, next?.release);
    assert.ok(serving);
    const { cnf } = serving.spec as { cnf: { release: string; components: { workload: string }[] } };
    assert.equal(cnf.release, serving.release);
    assert.deepEqual(
      cnf.components.map((one) => one.workload),
      [shared.name, old.name],
    );
    assert.deepEqual(
      shownByCnf({ ...inventory, split: { ...split, left: undefined as never } }, at).serving,
      undefined,
    );
    assert.throws(
      () => shownByCnf({ ...inventory, workloads: [shared, old] }, at),
      /amf-gsu-1-1-0-0000000c serves 1\.1\.0, but there is no such Deployment/,
    );
  });
});
