/** The simulated chassis cluster as a process of its own: started, used and ended by name. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openChassis, recordedChassis, startChassis, stopChassis } from "../../lab/chassis/site.ts";
import { ProcessTable } from "../../lab/processes.ts";
import { connectTo, run } from "../support/chassis-client.ts";
import { until } from "../support/until.ts";

describe("a chassis cluster as a daemon", function () {
  this.timeout(60_000);
  let root: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), "chassis-"));
  });
  after(async () => {
    await stopChassis("dut", root);
    rmSync(root, { recursive: true, force: true });
  });

  it("starts, serves, breaks and ends, and shows no secret in the list of processes", async () => {
    const site = await startChassis("dut", { timeScale: 1_000 }, root);
    assert.deepEqual(recordedChassis(root), ["dut"]);
    await assert.rejects(startChassis("dut", {}, root), /is up already/);
    const { nodes } = await site.status();
    const { credentials } = JSON.parse(readFileSync(join(site.dir, "identity.json"), "utf8"));
    const [node] = nodes;
    assert.ok(
      node && readFileSync(site.knownHostsFile, "utf8").includes(`[127.0.0.1]:${node.port} ssh-ed25519 `),
    );
    for (const file of [site.keyFile, join(site.dir, "identity.json"), join(site.dir, "record.json")])
      assert.equal(statSync(file).mode & 0o777, 0o600, file);

    const client = await connectTo({ nodes, credentials }, 0, {
      privateKey: readFileSync(site.keyFile, "utf8"),
    });
    assert.match((await run(client, "show version")).text, /Hostname: dut-0/);
    client.end();

    const [daemon] = new ProcessTable(site.dir).list();
    assert.ok(daemon);
    const told =
      readFileSync(`/proc/${daemon.pid}/cmdline`, "utf8") +
      readFileSync(`/proc/${daemon.pid}/environ`, "utf8");
    assert.ok(!told.includes(credentials.password));

    await site.startTraffic({ flows: 2, packetsPerSecond: 100 });
    await site.openWindow("quiet");
    await until("sessions to be set up", async () =>
      (await site.events()).some(({ type }) => type === "login"),
    );
    await site.fault("power-loss", { node: 1, seconds: 1_000_000 });
    await assert.rejects(site.fault("nonsense"), /expected one of/);
    assert.ok((await site.closeWindow("quiet")).seconds > 0);
    assert.equal((await openChassis("dut", root).status()).nodes[1]?.power, "off");

    assert.equal(await stopChassis("dut", root), true);
    assert.equal(existsSync(site.keyFile), false);
    assert.throws(() => openChassis("dut", root), /no chassis dut is up/);
    assert.equal(await stopChassis("dut", root), false);
  });
});
