import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { writesSince } from "../support/audit.ts";
import { type CommandRun, run } from "../support/command.ts";
import { itInFull } from "../support/full.ts";
import { openTestSite, root, type TestSite } from "../support/site.ts";

/** What is there, without the machine's own folders: what a pipeline checks out. */
const CHECKED_OUT = ["Pulumi.yaml", "package.json", "stacks", "examples/cnf-gray-upgrade/index.ts"];

/** Numbers for a run of minutes; all else is the site's own. */
const QUICK = { soak: "2s", minSamples: "5" };

describe("a pipeline upgrades sites (TEF-11)", function () {
  this.timeout(120_000);
  let site: TestSite;
  let checkout: string;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    site = await openTestSite({ name: "test-pipeline", subscribers: 1500, calls: 4 });
    checkout = path.join(site.lab.dir, "checkout");
    for (const file of CHECKED_OUT)
      await fs.cp(path.join(root, file), path.join(checkout, file), { recursive: true });
    await fs.symlink(path.join(root, "node_modules"), path.join(checkout, "node_modules"));
    const backend = path.join(site.lab.dir, "backend");
    await fs.mkdir(backend);
    const passphrase = path.join(site.lab.dir, "passphrase");
    await fs.writeFile(passphrase, randomBytes(24).toString("hex"), { mode: 0o600 });
    env = {
      ...site.env,
      PULUMI_BACKEND_URL: `file://${backend}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: passphrase,
    };
  });
  after(() => site?.close());

  const pulumi = (...args: string[]): Promise<CommandRun> =>
    run("pulumi", [...args, "--non-interactive", "--color", "never"], { cwd: checkout, env });
  const must = async (...args: string[]): Promise<string> => {
    const { code, output } = await pulumi(...args);
    assert.equal(code, 0, `pulumi ${args.join(" ")}\n${output}`);
    return output;
  };
  const set = (key: string, value: string) => must("config", "set", key, value);
  const output = async (name: string) => (await must("stack", "output", name)).trim();
  const issu = (...args: string[]) =>
    run(path.join(root, "node_modules/.bin/issu"), [...args, "--namespace", "core"], { cwd: checkout, env });
  const exitCode = async () => (await issu("status", "amf", "--exit-code", "--window", "0s")).code;
  const split = async () => {
    const { output } = await issu("status", "amf", "--json", "--window", "0s");
    const { ratio, left, right } = JSON.parse(output).targets[0].traffic;
    return { ratio, left: left?.subscribers, right: right?.subscribers };
  };
  const select = async (stack: string) => {
    await must("stack", "select", "--create", stack);
    for (const [key, value] of Object.entries(QUICK)) await set(key, value);
  };

  it("two sites differ in config alone: instances, ratios, soak (north, south)", async () => {
    const shown: { [stack: string]: string } = {};
    for (const stack of ["north", "south"]) {
      await must("stack", "select", "--create", stack);
      shown[stack] = await must("preview", "--diff");
    }
    assert.match(shown.north ?? "", /amf-gray-1\b/);
    assert.doesNotMatch(shown.south ?? "", /amf-gray-1\b/);
    assert.match(shown.north ?? "", /to 8 instances/);
    assert.match(shown.south ?? "", /to 4 instances/);
  });

  it("completed: exit code 0, outcome completed, then unchanged", async () => {
    await select("south");
    const since = Date.now();
    await must("preview");
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
    await must("up", "--yes", "--skip-preview");
    assert.equal(await output("outcome"), "completed");
    assert.equal(await exitCode(), 0);
    await site.traffic.allRegistered(30_000);
    await must("preview", "--expect-no-changes");
  });

  it("held: exit code 0, outcome held, both serve; again: nobody moves, nothing changes", async () => {
    await site.traffic.openWindow("held");
    await set("holdAt", "50");
    await set("amfVersion", "1.1.0");
    await must("up", "--yes", "--skip-preview");
    assert.equal(await output("outcome"), "held");
    assert.equal(await exitCode(), 3);
    const held = await split();
    assert.equal(held.ratio, 50);
    assert.ok(held.left && held.right, "both serve");

    await must("preview", "--expect-no-changes");
    const since = Date.now();
    const again = await must("up", "--yes", "--skip-preview", "--expect-no-changes");
    assert.doesNotMatch(again, /[~+-] {2}issu|delete/);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
    assert.equal(await output("outcome"), "held");
    // Subscribers sign off and on all the time, each for itself: a few more or less here are no move.
    const now = await split();
    assert.equal(now.ratio, held.ratio);
    assert.ok(
      Math.abs(now.right - held.right) <= 4,
      `${held.right} subscribers on the right, then ${now.right}`,
    );
  });

  it("held, then a version that is neither of the two: refused, nothing is touched", async () => {
    const since = Date.now();
    await set("amfVersion", "1.0.5");
    const { code, output } = await pulumi("preview");
    assert.notEqual(code, 0);
    assert.match(output, /campaign to 1\.1\.0 is open.*set the version back to 1\.0\.0/s);
    assert.notEqual((await pulumi("up", "--yes", "--skip-preview")).code, 0);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
    await set("amfVersion", "1.1.0");
  });

  it("held, then let go: goes on to 100 % and completes", async () => {
    await must("config", "rm", "holdAt");
    await must("up", "--yes", "--skip-preview");
    assert.equal(await output("outcome"), "completed");
    assert.equal(await exitCode(), 0);
    await must("preview", "--expect-no-changes");
  });

  itInFull("held, then the version set back: the old one serves alone", async () => {
    await set("holdAt", "50");
    await set("amfVersion", "1.2.0");
    await must("up", "--yes", "--skip-preview");
    assert.equal(await exitCode(), 3);
    await set("amfVersion", "1.1.0");
    await must("up", "--yes", "--skip-preview");
    assert.equal(await exitCode(), 4);
    assert.equal((await split()).ratio, 0);
    await must("config", "rm", "holdAt");
    await must("up", "--yes", "--skip-preview");
    await must("preview", "--expect-no-changes");
    const figures = await site.traffic.closeWindow("held");
    assert.equal(figures.sessionsLost, 0);
    assert.equal(figures.proceduresFailed, 0);
    assert.equal(figures.reRegistrations, 0);
  });

  it("rolled back: exit code of up is not 0, issu says 4", async () => {
    await site.lab.fault("procedure-failures", {
      version: "1.3.0",
      procedure: "registration",
      percentOfSubscribers: 30,
    });
    await set("amfVersion", "1.3.0");
    const bad = await pulumi("up", "--yes", "--skip-preview");
    assert.notEqual(bad.code, 0, bad.output);
    assert.match(bad.output, /was rolled back/);
    assert.equal(await exitCode(), 4);
    const quarantined = await pulumi("preview");
    assert.notEqual(quarantined.code, 0);
    assert.match(quarantined.output, /quarantined/);
    await set("amfVersion", "1.1.0");
    await must("up", "--yes", "--skip-preview");
    assert.equal((await split()).ratio, 0);
  });
});
