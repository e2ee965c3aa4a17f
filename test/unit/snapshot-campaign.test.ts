/** Snapshots in campaigns, and put back by hand, on a target of a made-up kind (ESC-14, ESC-18, ESC-24). */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { thisPerson } from "#sdk/campaign/audit.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import type { LogEntry } from "#sdk/campaign/log.js";
import { Session } from "#sdk/campaign/session.js";
import { FileSnapshots } from "#sdk/campaign/snapshots/file-snapshots.js";
import { SnapshotKeeper } from "#sdk/campaign/snapshots/keeper.js";
import { find, listed } from "#sdk/campaign/snapshots/library.js";
import { partsOf, restore } from "#sdk/campaign/snapshots/restore.js";
import { TargetStore } from "#sdk/campaign/target-store.js";
import type { PlanRule } from "#sdk/plan/plan.js";
import { SnapTarget } from "../support/snap-target.ts";
import { type Dial, type DialSpec, dialRule, failing, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };

/** Before each turn a snapshot. */
const rule: PlanRule<DialSpec, Dial> = {
  ...dialRule,
  plan(...args) {
    const plan = dialRule.plan(...args);
    return {
      ...plan,
      stages: plan.stages.map((stage) => ({
        ...stage,
        steps: stage.steps.flatMap((step) =>
          step.action === "turn" ? [{ ...step, action: "snapshot", summary: "save" }, step] : [step],
        ),
      })),
    };
  },
};

describe("snapshots in a campaign", () => {
  let dir: string;
  let target: SnapTarget;
  let snapshots: FileSnapshots;
  let log: LogEntry[];
  const spec: DialSpec = { version: "1.1.0", stops: [50, 100] };

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-snap-campaign-"));
    target = new SnapTarget("1.0.0");
    snapshots = new FileSnapshots(path.join(dir, "snapshots"), "file:///snapshots");
    log = [];
  });
  afterEach(() => fs.rm(dir, { recursive: true }));

  const store = () => new TargetStore(new FileStore(path.join(dir, "journal")), target);
  const session = (keep = { count: 10 }, recipients: readonly string[] = [], rollBack = true) =>
    new Session<DialSpec, Dial>({
      target,
      rule,
      store: store(),
      log: { write: (entry) => log.push(entry) },
      spec,
      goal: release(spec.version),
      approvals: [],
      snapshots: new SnapshotKeeper({ store: snapshots, recipients, keep }),
      onFailure: { rollBack, surge: "all", fallbackSurge: 1 },
    });
  const runAll = async (one = session()) => {
    for (const stage of rule.stages(spec)) await one.runStage(stage, quiet);
    await one.close();
  };
  const journal = async () => (await Journal.read(store(), target.id)).data;

  it("precede each step of change; the journal names them and where they are", async () => {
    await runAll();
    assert.deepEqual(target.performed, ["turn:50", "turn:100", "promote:0"]);
    const { campaign, snapshotStore } = await journal();
    assert.deepEqual(
      campaign?.snapshots?.map(({ stage }) => stage),
      ["turn-50", "turn-100"],
    );
    assert.equal(snapshotStore, "file:///snapshots");
    const all = await listed(snapshots, target.id);
    assert.deepEqual(
      all.map(({ id }) => id).reverse(),
      campaign?.snapshots?.map(({ id }) => id),
    );
    assert.deepEqual(all[0]?.releases, { from: release("1.0.0"), to: release("1.1.0") });
    const [entry] = log.filter(({ action }) => action === "snapshot");
    assert.match(
      entry?.message ?? "",
      /^\S+-c1-turn-50 in file:\/\/\/snapshots: versions\.json, data\/dial; read back and compared$/,
    );
    const order = log.map(({ action }) => action);
    assert.ok(order.indexOf("snapshot") < order.indexOf("turn"));
  });

  it("those of an open campaign stay, whatever keep says; later ones make room", async () => {
    await runAll(session({ count: 1 }));
    assert.equal(
      (await listed(snapshots, target.id)).length,
      2,
      "the campaign was open while they were taken",
    );
    target.dial.version = "1.0.0";
    const again = new SnapshotKeeper({ store: snapshots, recipients: [], keep: { count: 1 } });
    assert.equal((await again.clear(target.id, [])).length, 1);
  });

  it("nothing is changed where none can be taken: the campaign is taken back", async () => {
    target.claims = { bytes: 1 };
    await assert.rejects(runAll(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "ROLLED_BACK");
      assert.match(error.message, /turn-50 failed: data\/dial: got 18 bytes, expected 1/);
      return true;
    });
    assert.deepEqual(target.performed, []);
    assert.deepEqual(await listed(snapshots, target.id), []);
  });

  it("preview refuses a store that can't be written and a public key with a typo, and writes nothing", async () => {
    await fs.writeFile(path.join(dir, "snapshots"), "a file");
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const typo = recipient.slice(0, -1) + (recipient.endsWith("q") ? "p" : "q");
    const one = session({ count: 10 }, [recipient, typo]);
    const { plan } = await one.view();
    assert.deepEqual(
      plan.problems.map(({ path: at }) => at),
      ["upgrade.snapshot.store", "upgrade.snapshot.recipients[1]"],
    );
    for (const { message } of plan.problems) assert.match(message, /^Got .+Expected .+\. .+\.$/);
    await assert.rejects(one.runStage("preflight", quiet), /refused, nothing was touched/);
    await fs.rm(path.join(dir, "snapshots"));
    assert.deepEqual((await session().view()).plan.problems, []);
    assert.deepEqual(await fs.readdir(dir), [], "neither store nor journal");
  });

  it("what lies there too long and can't be removed fails no campaign", async () => {
    snapshots.leftovers = async () => {
      throw failing("STORE_UNREACHABLE")();
    };
    await runAll();
    const [entry] = log.filter(({ action }) => action === "snapshot-clear");
    assert.equal(entry?.code, "STORE_UNREACHABLE");
  });

  describe("put back", () => {
    const LOST = Buffer.alloc(0);
    const putting = async (more: Partial<Parameters<typeof restore>[0]> = {}, id = "latest") => {
      const snapshot = await find(snapshots, target.id, id);
      return restore({
        store: store(),
        snapshots,
        target,
        snapshot,
        parts: partsOf(snapshot, []),
        identities: [],
        by: thisPerson("issu-operator"),
        reason: "the records were lost",
        whileOpen: false,
        log: { write: (entry) => log.push(entry) },
        withinMs: 5_000,
        progress: () => undefined,
        ...more,
      });
    };
    const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
      assert.rejects(work, (error: Error & { code?: string }) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.message, message);
        return true;
      });

    it("records that were lost are as they were; who did it, why and what is written down", async () => {
      const before = target.records;
      await runAll();
      target.records = LOST;
      const { epoch } = target;
      assert.deepEqual(await putting(), [{ part: "data/dial", detail: "18 bytes as they were" }]);
      assert.deepEqual(target.records, before);
      assert.equal(target.epoch, epoch + 1, "under a lease of its own: earlier writers are shut out");
      const { audit = [] } = await journal();
      assert.deepEqual(
        audit.map(({ action, reason, by }) => [action, reason, by.identity]),
        [
          ["snapshot-restore", "the records were lost", "issu-operator"],
          ["snapshot-restore", "the records were lost", "issu-operator"],
        ],
      );
      assert.match(
        audit[1]?.detail ?? "",
        /^put back data\/dial \(18 bytes as they were\) of \S+-c1-turn-100$/,
      );
      assert.equal(log.filter(({ action }) => action === "snapshot-restore").length, 2);
      assert.equal(await store().holder(target.id), undefined, "the lease is given back");
    });

    it("not while a campaign is open, unless told; not while a run works", async () => {
      const one = session();
      for (const stage of ["preflight", "turn-50"]) await one.runStage(stage, quiet);
      await one.close();
      target.records = LOST;
      await refused(putting(), "REFUSED", /campaign 1 .* is open.*Nothing was touched.*--while-open/);
      assert.deepEqual(target.records, LOST);
      assert.equal((await putting({ whileOpen: true })).length, 1);
      assert.notDeepEqual(target.records, LOST);
    });

    it("one that is damaged, encrypted to others or not there is refused before anything is touched", async () => {
      const identity = await generateX25519Identity();
      await runAll(session({ count: 10 }, [await identityToRecipient(identity)]));
      const before = target.records;
      target.records = LOST;
      const { epoch } = target;
      await refused(putting(), "NO_IDENTITY", /no identity was given\. Give one with --identity/);
      await refused(putting({ identities: [await generateX25519Identity()] }), "NO_IDENTITY", /to others/);
      const { id } = await find(snapshots, target.id, "latest");
      const file = path.join(dir, "snapshots", "dial_d", id, "data_dial.part");
      const bytes = await fs.readFile(file);
      await fs.writeFile(file, bytes.fill(0, bytes.length - 3));
      await refused(
        putting({ identities: [identity] }),
        "SNAPSHOT_DAMAGED",
        /data\/dial: it can't be decrypted/,
      );
      await fs.rm(file);
      await refused(putting({ identities: [identity] }), "PART_MISSING", /data\/dial is not in/);
      assert.deepEqual([target.records, target.epoch, target.restored], [LOST, epoch, []]);
      const [, earlier] = await listed(snapshots, target.id);
      await putting({ identities: [identity] }, earlier?.id);
      assert.deepEqual(target.records, before);
    });

    it("a part that the target does not take: the audit says how far it got", async () => {
      await runAll();
      const snapshot = await find(snapshots, target.id, "latest");
      const both = partsOf(snapshot, ["versions.json", "data/dial"]);
      await refused(putting({ parts: [...both].reverse() }), "BAD_PART", /versions\.json/);
      const { audit = [] } = await journal();
      assert.match(
        audit.at(-1)?.detail ?? "",
        /^could not put back versions\.json of .*; data\/dial are put back$/,
      );
      assert.throws(
        () => partsOf(snapshot, ["data/other"]),
        /has no part data\/other. It holds versions.json, data\/dial/,
      );
      assert.throws(
        () => partsOf({ ...snapshot, parts: snapshot.parts.slice(0, 1) }, []),
        /holds no records.*--part/,
      );
    });
  });
});
