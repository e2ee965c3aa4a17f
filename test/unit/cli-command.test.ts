import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { FileStore } from "#sdk/campaign/file-store.js";
import type { JournalData } from "#sdk/campaign/journal.js";
import { LogFile } from "#sdk/campaign/log-file.js";
import { campaign, journal, quarantined, rolledBack } from "./cli-fixtures.ts";

const ISSU = path.resolve(import.meta.dirname, "../../sdk/bin/issu.js");

describe("the issu command", () => {
  let dir: string;
  let store: FileStore;
  let children: ChildProcess[];
  const env = () => ({
    PATH: process.env.PATH,
    HOME: dir,
    ISSU_LOG_DIR: path.join(dir, "logs"),
    KUBECONFIG: path.join(dir, "none"),
  });

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-cli-"));
    store = new FileStore(path.join(dir, "journal"));
    children = [];
  });
  afterEach(async () => {
    for (const child of children) child.kill();
    await fs.rm(dir, { recursive: true });
  });

  const write = async (data: JournalData) =>
    store.write(data.target, JSON.stringify(data), (await store.read(data.target))?.revision);
  const at = () => ["--journal", pathToFileURL(path.join(dir, "journal")).href];
  const start = (args: readonly string[]) => {
    const child = spawn(process.execPath, [ISSU, ...args], { env: env(), stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return child;
  };
  const run = async (...args: string[]) => {
    const child = start(args);
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ]);
    return { out, err, code: code as number };
  };

  it("shows the status by short and by full name, and tells the outcome by exit code", async () => {
    await write(journal({ campaign: rolledBack(), quarantine: [quarantined] }));
    const short = await run("status", "amf", ...at());
    assert.equal(short.code, 0, short.err);
    assert.match(short.out, /cnf\/core\/amf .*ROLLED-BACK/);
    assert.match(short.out, /TARGET_UNREADABLE/, "there is no cluster, and it says so");
    assert.ok(!short.out.includes("\u001b["), "no colours in a pipe");
    for (const line of short.out.split("\n")) assert.ok(line.length <= 100, line);
    const full = await run("status", "cnf/core/amf", "--exit-code", ...at());
    assert.equal(full.code, 4);
  });

  it("prints the versioned document of all targets", async () => {
    await write(journal({ campaign: campaign({ state: "completed" }) }));
    await write({ ...journal({ campaign: campaign({ state: "held" }) }), target: "cnf/core/smf" });
    const { out, code } = await run("status", "--json", "--exit-code", ...at());
    const document = JSON.parse(out);
    assert.equal(document.schemaVersion, 1);
    assert.deepEqual(
      document.targets.map((one: { target: string; exitCode: number }) => [one.target, one.exitCode]),
      [
        ["cnf/core/amf", 0],
        ["cnf/core/smf", 3],
      ],
    );
    assert.equal(code, 3);
  });

  it("says who holds the lease", async () => {
    await write(journal());
    await store.acquire("cnf/core/amf", "host/1/x", 60_000);
    const { out, code } = await run("status", "amf", "--exit-code", ...at());
    assert.match(out, /in hand by host\/1\/x/);
    assert.equal(code, 5);
  });

  it("ends a lease that was left behind, with a reason only, and shows who did", async () => {
    await write(journal({ campaign: campaign({ state: "completed" }) }));
    const why = await run("unlock", "amf", ...at());
    assert.match(why.err, /--reason/);
    const free = await run("unlock", "amf", "--reason", "tidy up", ...at());
    assert.match(free.out, /nobody holds the lease of cnf\/core\/amf; nothing was changed/);
    await store.acquire("cnf/core/amf", "host/1/x", 60_000);
    const { out, err, code } = await run("unlock", "amf", "--reason", "host is gone", ...at());
    assert.equal(code, 0, err);
    assert.match(out, /the lease of host\/1\/x on cnf\/core\/amf is ended/);
    assert.match(out, /could not be reached.*shut out of its journal only/s, "there is no cluster");
    assert.equal(await store.holder("cnf/core/amf"), undefined);
    const status = await run("status", "amf", "--window", "0s", ...at());
    assert.match(
      status.out,
      /DONE BY HAND\n.*unlock by .*: ended the lease of host\/1\/x\. Reason: host is gone/,
    );
    assert.match((await run("log", "amf")).out, /unlock cnf\/core\/amf: .* host is gone/);
    assert.equal(
      JSON.parse((await run("status", "--json", ...at())).out).targets[0].audit[0].action,
      "unlock",
    );
  }).timeout(30_000);

  it("rebuilds no journal without the target", async () => {
    await fs.mkdir(path.join(dir, "journal"), { recursive: true });
    await fs.writeFile(path.join(dir, "journal", "cnf_core_amf.json"), "{");
    const broken = await run("status", "amf", ...at());
    assert.match(broken.err, /1 characters that are no JSON.*issu journal rebuild cnf\/core\/amf/s);
    assert.match(
      (await run("journal", "rebuild", "amf", "--reason", "x", ...at())).err,
      /expected the target in full/,
    );
    assert.match(
      (await run("journal", "rebuild", "cnf/core/amf", "--reason", "x", ...at())).err,
      /kubeconfig/,
    );
  });

  it("follows a campaign in a pipeline, a line per change, and ends with its outcome", async () => {
    await write(journal());
    const { epoch } = (await store.acquire("cnf/core/amf", "host/1/x", 60_000)) as { epoch: number };
    const child = start(["status", "amf", "--watch", "--exit-code", ...at()]);
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += chunk;
    });
    const saw = async (what: RegExp) => {
      for (const end = Date.now() + 10_000; !what.test(out); await delay(20)) {
        assert.ok(Date.now() < end, `${what} did not come in:\n${out}`);
      }
    };
    await saw(/gray-50 running/);
    await write(journal({ campaign: campaign({ state: "completed", closedAt: new Date().toISOString() }) }));
    await store.release("cnf/core/amf", "host/1/x", epoch);
    const [code] = await once(child, "exit");
    assert.match(out, /campaign 3 completed/);
    assert.equal(code, 0);
  });

  it("reports the last campaign", async () => {
    await write(journal({ campaign: rolledBack() }));
    const { out } = await run("report", "amf", "--json", ...at());
    const { schemaVersion, campaigns } = JSON.parse(out);
    assert.equal(schemaVersion, 1);
    assert.equal(campaigns[0].target, "cnf/core/amf");
    assert.equal(campaigns[0].outcome, "rolled-back");
    assert.equal(campaigns[0].rollbackMs, 8_000);
  });

  it("prints definitions that kubectl can take", async () => {
    const { out } = await run("crds", "-o", "json");
    const list = JSON.parse(out);
    assert.equal(list.kind, "List");
    assert.deepEqual(
      [...new Set(list.items.map((item: { kind: string }) => item.kind))],
      ["CustomResourceDefinition", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"],
    );
    const yaml = await run("crds");
    assert.equal(yaml.out.split("---\n").length, list.items.length);
    assert.match(yaml.out, /name: subscribersplits\.pulumi-issu\.dev/);
  });

  it("helps when there is no such target, or no journal at all", async () => {
    const none = await run("status", ...at());
    assert.equal(none.code, 1);
    assert.match(none.err, /^error: no journal in file:.*first pulumi up/);
    await write(journal());
    const other = await run("status", "smf", ...at());
    assert.equal(other.code, 1);
    assert.match(other.err, /no target smf in .* There is: cnf\/core\/amf\./);
    await write({ ...journal(), target: "cnf/edge/amf" });
    assert.match(
      (await run("status", "amf", ...at())).err,
      /cnf\/core\/amf, cnf\/edge\/amf: give it in full/,
    );
  });

  it("helps when the cluster can't be reached", async () => {
    const noKubeconfig = await run("status", "amf");
    assert.equal(noKubeconfig.code, 1);
    assert.match(noKubeconfig.err, /^error: .*kubeconfig/);
    const kubeconfig = path.join(dir, "kubeconfig");
    await fs.writeFile(
      kubeconfig,
      JSON.stringify({
        "current-context": "c",
        clusters: [{ name: "c", cluster: { server: "http://127.0.0.1:1" } }],
        users: [{ name: "c", user: {} }],
        contexts: [{ name: "c", context: { cluster: "c", user: "c" } }],
      }),
    );
    const gone = await run("status", "amf", "--kubeconfig", kubeconfig);
    assert.equal(gone.code, 1);
    assert.match(gone.err, /127\.0\.0\.1:1.*can't be reached/);
  });

  it("refuses what it does not understand", async () => {
    const journalUrl = await run("status", "amf", "--journal", "ftp://x");
    assert.match(journalUrl.err, /journal: got ftp:\/\/x, expected/);
    const window = await run("status", "amf", "--window", "soon", ...at());
    assert.match(window.err, /--window: got soon, expected/);
    assert.equal((await run("upgrade")).code, 1);
  });

  describe("log", () => {
    const entry = {
      stage: "gray-50",
      object: "deployment/amf-gsu",
      action: "scale",
      message: "4 of 4 ready",
    };
    const log = () => {
      process.env.ISSU_LOG_DIR = env().ISSU_LOG_DIR;
      try {
        return new LogFile("cnf/core/amf");
      } finally {
        delete process.env.ISSU_LOG_DIR;
      }
    };

    it("reads every action back, for people and as it is", async () => {
      const file = log();
      file.write({ ...entry, campaign: "3", code: "OK", durationMs: 1_200 });
      file.write({ ...entry, campaign: "4", code: "UNSCHEDULABLE", message: "no room" });
      const { out } = await run("log", "amf");
      assert.match(out, /3\/gray-50 scale deployment\/amf-gsu: 4 of 4 ready \(1\.2 s\)/);
      assert.match(out, /! 4\/gray-50 scale deployment\/amf-gsu UNSCHEDULABLE: no room/);
      const json = await run("log", "--json", "--campaign", "4");
      assert.equal(JSON.parse(json.out).code, "UNSCHEDULABLE");
    });

    it("follows", async () => {
      const file = log();
      file.write({ ...entry, campaign: "3", code: "OK" });
      const child = start(["log", "amf", "--follow", "--json"]);
      const chunks = child.stdout.setEncoding("utf8").iterator();
      assert.equal(JSON.parse((await chunks.next()).value).campaign, "3");
      file.write({ ...entry, campaign: "4", code: "OK" });
      assert.equal(JSON.parse((await chunks.next()).value).campaign, "4");
    });

    it("helps when there is none", async () => {
      assert.match((await run("log")).err, /no log in .*no campaign ran on this machine/);
      log().write({ ...entry, campaign: "3", code: "OK" });
      assert.match((await run("log", "smf")).err, /no log of smf .*There is: cnf\/core\/amf/);
    });
  });
});
