/** `issu snapshot`: what was saved is shown, looked at again and put back, against a stub of the API (ESC-14, ESC-18, ESC-24). */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { labels } from "pulumi-issu/contract";
import { FileStore } from "#sdk/campaign/file-store.js";
import type { JournalData } from "#sdk/campaign/journal.js";
import { FileSnapshots } from "#sdk/campaign/snapshots/file-snapshots.js";
import type { SnapshotRecord } from "#sdk/campaign/snapshots/record.js";
import { take } from "#sdk/campaign/snapshots/take.js";
import { cnfTarget, connect } from "#sdk/drivers/kubernetes/index.js";
import { StubApi } from "../support/stub-api.ts";
import { StubStorage } from "../support/stub-storage.ts";
import { campaign, journal } from "./cli-fixtures.ts";

const ISSU = path.resolve(import.meta.dirname, "../../sdk/bin/issu.js");
const WORKLOAD = "amf-csdb-1-0-0-aaaaaa";

describe("issu snapshot", function () {
  this.timeout(60_000);
  let dir: string;
  let api: StubApi;
  let storage: StubStorage;
  let identity: string;
  let taken: SnapshotRecord;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-cli-snapshot-"));
    api = await new StubApi().start();
    storage = await new StubStorage(api).start();
    api.put(`/apis/apps/v1/namespaces/core/deployments/${WORKLOAD}`, {
      metadata: { name: WORKLOAD, labels: { [labels.cnf]: "amf", [labels.component]: "csdb" } },
      spec: { replicas: 2, selector: {}, template: { spec: { containers: [] } } },
    });
    api.put("/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits/amf", {
      metadata: { name: "amf" },
      spec: { left: { version: "1.0.0", workloads: [WORKLOAD] }, ratio: 0, epoch: 1 },
    });
    await fs.writeFile(path.join(dir, "kubeconfig"), api.kubeconfig);
    env = {
      PATH: process.env.PATH,
      HOME: dir,
      ISSU_LOG_DIR: path.join(dir, "logs"),
      KUBECONFIG: path.join(dir, "kubeconfig"),
    };
    identity = await generateX25519Identity();
    await fs.writeFile(path.join(dir, "key.txt"), `${identity}\n`);
    taken = await take({
      store: new FileSnapshots(path.join(dir, "snapshots"), store()),
      target: cnfTarget(connect({ kubeconfig: api.kubeconfig, namespace: "core" }), {
        name: "amf",
        namespace: "core",
      }) as Required<ReturnType<typeof cnfTarget>>,
      action: {
        action: "snapshot",
        object: "cnf/core/amf",
        args: { workloads: [WORKLOAD], label: "gray-50", data: ["csdb"] },
      },
      context: {
        signal: new AbortController().signal,
        epoch: 1,
        deadline: Date.now() + 60_000,
        progress: () => undefined,
      },
      recipients: [await identityToRecipient(identity)],
      of: { campaign: "3", stage: "gray-50", releases: { to: { version: "1.1.0", release: "1.1.0-x" } } },
    });
    await write(journal({ campaign: campaign({ state: "completed" }), snapshotStore: store() }));
  });
  after(async () => {
    await storage?.stop();
    await api?.stop();
    await fs.rm(dir, { recursive: true });
  });

  const store = () => pathToFileURL(path.join(dir, "snapshots")).href;
  const at = () => ["--journal", pathToFileURL(path.join(dir, "journal")).href];
  const key = () => path.join(dir, "key.txt");
  const journals = () => new FileStore(path.join(dir, "journal"));
  const write = async (data: JournalData) =>
    journals().write(data.target, JSON.stringify(data), (await journals().read(data.target))?.revision);
  const run = async (...args: string[]) => {
    const child = spawn(process.execPath, [ISSU, "snapshot", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    return { out, err, code: code as number };
  };

  it("lists and shows them, where the journal says they are", async () => {
    const list = await run("list", "amf", ...at());
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, /^cnf\/core\/amf, in file:.*snapshots\n/);
    assert.match(list.out, new RegExp(`${taken.id} +\\S.* 3 +4 +[\\d.]+ kB +verified, encrypted`));
    for (const line of list.out.split("\n").slice(1)) assert.ok(line.length <= 100, line);
    const document = JSON.parse((await run("list", "amf", "--json", ...at())).out);
    assert.deepEqual([document.schemaVersion, document.snapshots[0].id], [1, taken.id]);
    const show = await run("show", "amf", "latest", ...at());
    assert.match(show.out, /before gray-50 of campaign 3\n/);
    assert.match(show.out, /encrypted {2}to age1/);
    assert.match(show.out, /data\/csdb +data +\d+ B +[0-9a-f]{12} +component csdb, records 2, schema 2/);
    const none = await run("show", "amf", "20200101-x", ...at());
    assert.equal(none.code, 1);
    assert.match(
      none.err,
      new RegExp(`^error: got 20200101-x, expected a snapshot of .* There is ${taken.id}\\.`),
    );
  });

  it("is of use where cluster and journal are gone: the target in full and the store", async () => {
    const gone = ["--kubeconfig", path.join(dir, "none"), "--store", store()];
    assert.match((await run("list", "cnf/core/amf", ...gone)).out, new RegExp(taken.id));
    assert.match((await run("verify", "cnf/core/amf", ...gone)).out, /is whole: as it lies there, encrypted/);
  });

  it("verifies what lies there, and the content with an identity from a file or the environment", async () => {
    const whole = await run("verify", "amf", "--identity", key(), ...at());
    assert.equal(whole.code, 0, whole.err);
    assert.match(whole.out, /whole {4}data\/csdb\n.*is whole\n$/s);
    const other = path.join(dir, "other.txt");
    await fs.writeFile(other, await generateX25519Identity());
    const wrong = await run("verify", "amf", "--identity", other, ...at());
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /encrypted to others than the identities given/);
    env.ISSU_AGE_IDENTITY = identity;
    assert.match((await run("verify", "amf", ...at())).out, /is whole\n$/);
    delete env.ISSU_AGE_IDENTITY;
  });

  it("restores what was lost, with a reason and a word only, and writes it down", async () => {
    const before = storage.records;
    storage.records = Buffer.from("");
    const why = await run("restore", "amf", "latest", "--yes", ...at());
    assert.match(why.err, /--reason/);
    const restore = (...more: string[]) =>
      run("restore", "amf", "latest", "--reason", "disk broke", ...more, ...at());
    const unasked = await restore();
    assert.equal(unasked.code, 1);
    assert.match(
      unasked.err,
      /Put data\/csdb \(\d+ B\) of cnf\/core\/amf back .*no terminal to ask at: say --yes/,
    );
    assert.match((await restore("--yes")).err, /no identity was given\. Give one with --identity FILE/);
    assert.match(
      (await restore("--yes", "--part", "data/x")).err,
      /has no part data\/x\. It holds versions\.json/,
    );
    assert.equal(storage.records.length, 0, "nothing was touched so far");

    const { out, err, code } = await restore("--yes", "--identity", key());
    assert.equal(code, 0, err);
    assert.match(
      out,
      /put back of \S+ into cnf\/core\/amf:\n {2}data\/csdb: csdb: 2 records as they were\n$/,
    );
    assert.deepEqual(storage.records, before);
    const { audit = [] } = JSON.parse((await journals().read("cnf/core/amf"))?.text ?? "") as JournalData;
    assert.deepEqual(
      audit.map(({ action, reason }) => [action, reason]),
      [
        ["snapshot-restore", "disk broke"],
        ["snapshot-restore", "disk broke"],
      ],
    );
    const log = await fs.readFile(path.join(dir, "logs", "cnf_core_amf.jsonl"), "utf8");
    assert.match(log, /"action":"snapshot-restore"/);
    assert.ok(!/AGE-SECRET|imsi-0010/.test(out + err + log + JSON.stringify(audit)));
    assert.equal(await journals().holder("cnf/core/amf"), undefined);
  });

  it("not while a campaign is open, and not from a damaged one", async () => {
    await write(journal({ campaign: campaign({ state: "held" }), snapshotStore: store() }));
    const restore = (...more: string[]) =>
      run("restore", "amf", taken.id, "--reason", "x", "--yes", "--identity", key(), ...more, ...at());
    const held = await restore();
    assert.equal(held.code, 1);
    assert.match(held.err, /campaign 3 of cnf\/core\/amf from 1\.0\.0 to 1\.1\.0 is held.*--while-open/);
    const file = path.join(dir, "snapshots", "cnf_core_amf", taken.id, "data_csdb.part");
    const bytes = await fs.readFile(file);
    await fs.writeFile(file, bytes.fill(1, bytes.length - 4));
    const before = storage.records;
    storage.records = Buffer.from("new\n");
    assert.match((await restore("--while-open")).err, /data\/csdb: it can't be decrypted/);
    assert.equal(String(storage.records), "new\n");
    const verified = await run("verify", "amf", taken.id, ...at());
    assert.equal(verified.code, 1);
    assert.match(verified.err, /is damaged: data\/csdb: got content with SHA-256.*no other that is whole/);
    assert.match((await run("list", "amf", ...at())).out, /DAMAGED, encrypted/);
    storage.records = before;
  });
});
