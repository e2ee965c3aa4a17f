/** A journal in a bucket: writers that were frozen, leases left behind, journals lost and damaged, under live traffic. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { Journal } from "#sdk/campaign/journal.js";
import { S3Store } from "#sdk/campaign/s3-store.js";
import { type AuditEvent, writesSince } from "../support/audit.ts";
import { BucketServer } from "../support/bucket-server.ts";
import { commandLineOf, type Running, run } from "../support/command.ts";
import { itInFull } from "../support/full.ts";
import { impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const KEY = "cnf/core/amf";
const OBJECT = "sites/north/cnf_core_amf";
const REASON = "the machine it ran on is gone";

describe("a campaign whose journal is in a bucket", function () {
  this.timeout(240_000);
  let bucket: BucketServer;
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let running: Running | undefined;
  const kept = { ...process.env };

  before(async function () {
    this.timeout(600_000); // the bucket server may have to be built
    bucket = await BucketServer.start();
    Object.assign(process.env, bucket.env);
    ({ site, stack, seen } = await openServing(
      { name: "test-journal", subscribers: 1_000, calls: 5 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    await running?.killAll();
    seen?.close();
    await site?.close();
    for (const name of Object.keys(bucket?.env ?? {})) {
      if (kept[name] === undefined) delete process.env[name];
      else process.env[name] = kept[name];
    }
    await bucket?.stop();
  });

  const network = (version: string, soak = "2s") =>
    amf({
      version,
      journal: bucket.url("sites/north"),
      upgrade: {
        gray: { ratios: [50, 100], soak },
        limits: { boot: "30s", move: "30s", gate: "10s" },
      },
    });
  const store = () => new S3Store(bucket.url("sites/north"));
  const journal = async () => (await Journal.read(store(), KEY)).data;
  const issu = async (...args: string[]) =>
    run(
      path.join(root, "node_modules/.bin/issu"),
      [...args, "--journal", bucket.url("sites/north"), "--namespace", "core"],
      { cwd: root, env: site.env },
    );
  const must = async (...args: string[]) => {
    const { code, output } = await issu(...args);
    assert.equal(code, 0, `issu ${args.join(" ")}\n${output}`);
    return output;
  };
  const accepted = (events: readonly AuditEvent[]) =>
    events
      .filter(({ responseStatus }) => (responseStatus?.code ?? 0) < 300)
      .map(({ verb, requestURI }) => `${verb} ${requestURI}`);

  /** An up that soaks in gray-50 until it is ended. */
  async function inGray50(version: string): Promise<Running> {
    running = await stack.startUp(network(version, "60s"));
    await until(
      "gray-50 to soak",
      async () => {
        const { campaign } = await journal();
        const stage = campaign?.stages.find(({ name }) => name === "gray-50");
        return campaign?.to.version === version && stage?.soakingSince !== undefined;
      },
      90_000,
    );
    return running;
  }

  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.equal(figures.sessionsLost, 0, "sessions lost");
    assert.equal(figures.reRegistrations, 0, "re-registrations");
    assert.equal(figures.proceduresFailed, 0, "procedures failed");
  }
  const servesAlone = async (version: string) => {
    const { spec } = await seen.split();
    assert.deepEqual([spec.left?.version, spec.right, spec.ratio], [version, undefined, 0]);
  };

  it("nothing of it is on the cluster, and no credential in state or log", async () => {
    assert.equal((await journal()).serving?.version, "1.0.0");
    const maps = await seen.api.list(seen.path("api/v1", "configmaps"));
    const leases = await seen.api.list(seen.path("apis/coordination.k8s.io/v1", "leases"));
    const names = [...maps, ...leases].map(({ metadata }) => metadata.name);
    assert.deepEqual(
      names.filter((name) => name.startsWith("issu-journal")),
      [],
    );
    const files = await fs.readdir(site.lab.dir, { recursive: true, withFileTypes: true });
    for (const file of files.filter((one) => one.isFile())) {
      const text = await fs.readFile(path.join(file.parentPath, file.name), "latin1");
      for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
        assert.ok(!text.includes(bucket.env[name] as string), `${name} in ${file.parentPath}/${file.name}`);
      }
    }
  });

  it("a run that was frozen while its lease ran out writes nothing when it wakes", async () => {
    await site.traffic.openWindow("frozen");
    const up = await inGray50("1.1.0");
    const all = await up.processes();
    const lines = await Promise.all(all.map(commandLineOf));
    const provider = all[lines.findIndex((line) => line.includes("pulumi-issu/provider"))];
    assert.ok(provider, `no provider among ${lines.join("\n")}`);
    const before = await store().holder(KEY);
    assert.ok(before);
    process.kill(provider, "SIGSTOP");
    try {
      await until("its lease to run out", async () => !(await store().holder(KEY)), 25_000);
      // Somebody else takes the campaign back.
      const output = await must("abort", "amf", "--reason", REASON);
      assert.match(output, /taken back|rolled back/);
    } finally {
      process.kill(provider, "SIGCONT");
    }
    const woken = Date.now();
    const epoch = (await seen.split()).spec.epoch;
    const data = (await store().read(KEY))?.text;
    const { code, output } = await up.ended;
    assert.notEqual(code, 0);
    assert.match(output, /no longer ours|later campaign|changed by someone else/);
    assert.deepEqual(accepted(await writesSince(site.lab.auditLogPath, woken)), []);
    assert.equal((await seen.split()).spec.epoch, epoch);
    assert.equal((await store().read(KEY))?.text, data);
    assert.equal((await journal()).campaign?.state, "rolled-back");
    await servesAlone("1.0.0");
    await stack.mustUp(network("1.0.0"));
    await unharmed("frozen");
  });

  it("killed: the lease is ended by hand at once, and the next run goes on", async () => {
    await site.traffic.openWindow("unlocked");
    const up = await inGray50("1.2.0");
    const refused = await issu("unlock", "amf", "--reason", REASON);
    assert.equal(refused.code, 1);
    assert.match(refused.output, /works on cnf\/core\/amf and renews its lease.*--force/);
    await up.killAll();
    await up.ended;
    const killed = Date.now();
    const said = await must("unlock", "amf", "--reason", REASON);
    note("unlocked", { afterMs: Date.now() - killed });
    // It says otherwise of one that ran out meanwhile.
    assert.match(said, /is ended: what has an epoch of \d+ or less writes nothing more/);
    assert.equal(await store().holder(KEY), undefined);
    const [entry] = (await journal()).audit ?? [];
    assert.equal(entry?.action, "unlock");
    assert.equal(entry?.by.identity, "issu-operator");
    assert.equal(entry?.reason, REASON);
    assert.match(await must("status", "amf", "--window", "0s"), /unlock by .*\(issu-operator\)/);
    await stack.stack.cancel();
    await stack.mustUp(network("1.2.0"));
    await servesAlone("1.2.0");
    await unharmed("unlocked");
  });

  it("lost in the middle: refused at preview, rebuilt by hand, and goes on; epochs never fall", async () => {
    await site.traffic.openWindow("lost");
    const up = await inGray50("1.3.0");
    await up.killAll();
    await up.ended;
    await stack.stack.cancel();
    const { epoch } = (await seen.split()).spec;
    for (const kind of ["json", "lease"]) await bucket.remove(`${OBJECT}.${kind}`);
    const since = Date.now();
    for (const refused of [await stack.preview(network("1.3.0")), await stack.up(network("1.3.0"))]) {
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /1\.2\.0 and 1\.3\.0 serve side by side, 50 % on 1\.3\.0/);
      assert.match(refused.output, /issu journal rebuild cnf\/core\/amf --reason/);
    }
    assert.deepEqual(accepted(await writesSince(site.lab.auditLogPath, since)), []);
    const said = await must("journal", "rebuild", KEY, "--reason", REASON);
    assert.match(said, /campaign \d+ from 1\.2\.0 to 1\.3\.0 is open/);
    await stack.mustUp(network("1.3.0"));
    await servesAlone("1.3.0");
    assert.equal((await journal()).campaign?.state, "completed");
    assert.ok((await seen.split()).spec.epoch > epoch + 1, "the epoch did not rise");
    await unharmed("lost");
  });

  itInFull("damaged at rest: refused with what to do; rebuilt, there is nothing to do", async () => {
    await bucket.remove(`${OBJECT}.json`);
    await store().write(KEY, '{"schemaVersion":1,', undefined);
    const refused = await stack.preview(network("1.3.0"));
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /can't be read.*issu journal rebuild/s);
    assert.match(await must("journal", "rebuild", KEY, "--reason", REASON), /1\.3\.0 serves alone/);
    await stack.mustUp(network("1.3.0"), "--expect-no-changes");
    // Lost while one version serves alone: taken over like any function that runs.
    await bucket.remove(`${OBJECT}.json`);
    await stack.mustUp(network("1.3.0"), "--expect-no-changes");
    await stack.mustUp(network("1.4.0"));
    await servesAlone("1.4.0");
    assert.equal((await journal()).serving?.version, "1.4.0");
  });

  itInFull("restored from a backup: refused at preview, and nothing is touched", async () => {
    const backup = await bucket.raw(`${OBJECT}.json`);
    await stack.mustUp(network("1.3.0"));
    const latest = await bucket.raw(`${OBJECT}.json`);
    await bucket.put(`${OBJECT}.json`, backup);
    const since = Date.now();
    for (const refused of [await stack.preview(network("1.5.0")), await stack.up(network("1.5.0"))]) {
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /is older than what it describes.*backup/s);
    }
    assert.deepEqual(accepted(await writesSince(site.lab.auditLogPath, since)), []);
    assert.equal(await bucket.raw(`${OBJECT}.json`), backup);
    await bucket.put(`${OBJECT}.json`, latest);
    await stack.mustUp(network("1.3.0"), "--expect-no-changes");
  });
});
