/**
 * A cluster goes to the next release as a whole: three members of its control plane, then its nodes, under an AMF with live traffic
 * and a client of the API that never stops asking; and a member that does not come up takes it back. With `PULUMI_ISSU_FULL=1`, since
 * the older release may have to be built once (TEF-5..9, ESC-01, ESC-14, ESC-18, ESC-23).
 *
 * @module
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import * as age from "age-encryption";
import type { Stack } from "../../examples/support/pulumi.ts";
import type { Traffic } from "../../examples/support/traffic.ts";
import type { ProbeFigures } from "../../lab/api-probe/figures.ts";
import { type ControlAddress, control } from "../../lab/control.ts";
import type { Lab } from "../../lab/lab.ts";
import { type CaasSite, openCaasSite } from "../support/caas-site.ts";
import { Members } from "../support/members.ts";
import type { SeenCluster } from "../support/seen-cluster.ts";

const OLD = "1.33.13";
const NEW = "1.34.2";
const IDS = ["cp-1", "cp-2", "cp-3"];

/** Nodes under the network functions; four of them are away at a time. */
const NODES = 24;
const SURGE = 4;

describe("a cluster with its control plane", function () {
  this.timeout(900_000);
  let site: CaasSite | undefined;
  let lab: Lab;
  let stack: Stack;
  let traffic: Traffic;
  let cluster: SeenCluster;
  let members: Members;
  let identity: string;
  /** Campaign that was taken back: its release is asked for again. */
  let failed: string | undefined;

  before(async function () {
    if (process.env.PULUMI_ISSU_FULL !== "1") return this.skip();
    this.timeout(1_800_000);
    identity = await age.generateX25519Identity();
    const recipient = await age.identityToRecipient(identity);
    site = await openCaasSite(
      {
        name: "test-caas-members",
        nodes: NODES,
        subscribers: 2_000,
        calls: 20,
        machines: { release: OLD, spares: SURGE },
        controlPlane: { members: IDS.length, release: OLD },
      },
      ({ dir }) => ({
        gsuInstances: 16,
        surge: SURGE,
        journal: `file://${path.join(dir, "journal")}`,
        snapshots: `file://${path.join(dir, "snapshots")}`,
      }),
      async (stack, { controlPlane }) => {
        assert.ok(controlPlane);
        const { caPath, certPath, keyPath } = controlPlane.etcdClient;
        await stack.setJson("etcdFiles", { ca: caPath, certificate: certPath, key: keyPath });
        await stack.setJson("snapshotRecipients", [recipient]);
      },
    );
    ({ lab, stack, traffic, cluster } = site);
    members = new Members(lab);
  });

  after(async function () {
    this.timeout(60_000);
    await site?.close();
  });

  const all = async (release: string): Promise<void> => {
    const nodes = await cluster.nodes();
    assert.equal(nodes.length, NODES + IDS.length);
    for (const { name, version, cordoned } of nodes)
      assert.deepEqual({ name, version, cordoned }, { name, version: release, cordoned: false });
    for (const id of IDS) assert.equal(await members.version(id), `v${release}`);
  };
  /** Runs an `up` and holds against it what subscribers and a client of the API felt. */
  const watched = async (name: string): Promise<{ readonly code: number; readonly output: string }> => {
    const probe = lab.endpoints.apiProbe as ControlAddress;
    await traffic.openWindow(name);
    await control(probe, "POST", "/windows", { body: { name } });
    const began = Date.now();
    const run = await stack.up();
    const met = await control<ProbeFigures>(probe, "POST", `/windows/${name}/close`);
    const felt = await traffic.closeWindow(name);
    const { calls, firstTryFailures, failures, longestGapMs, watch } = met;
    const seconds = ((Date.now() - began) / 1000).toFixed(0);
    console.log(
      `      ${name}: ${seconds} s, API ${JSON.stringify({ calls, firstTryFailures, failures, longestGapMs, watch })}, sessions lost ${felt.sessionsLost}, procedures failed ${felt.proceduresFailed}`,
    );
    assert.equal(felt.sessionsLost, 0);
    assert.equal(felt.proceduresFailed, 0);
    assert.equal(failures, 0, "calls failed for a client that tries for 5 s");
    assert.ok(watch.events > 0, "a standing watch saw nothing");
    assert.equal(watch.missed, 0, "changes that a standing watch missed");
    assert.deepEqual([...cluster.broken], [], "budgets that were not kept");
    return run;
  };

  it("comes back when a member does not come up with the new release, and nobody notices", async () => {
    const { id: leader } = await leading();
    // The one that goes second: the first is at the new release by then.
    const second = IDS.filter((id) => id !== leader)[1] as string;
    await lab.fault("wrong-version", { machine: second });
    await stack.setConfig({ kubernetesVersion: NEW });
    const { code, output } = await watched("back");
    assert.notEqual(code, 0);
    assert.match(output, /control-plane failed: .* came back with 1\.33\.13, not 1\.34\.2/);
    failed = /Campaign (\S+) was rolled back in/.exec(output)?.[1];
    assert.ok(failed, output);
    await lab.clearFaults();
    await all(OLD);
    await stack.setConfig({ kubernetesVersion: OLD });
    const clean = await stack.up();
    assert.equal(clean.code, 0, clean.output);
  });

  it("goes to the next release, members first, without a lost session or call", async () => {
    assert.ok(failed);
    await stack.setConfig({ kubernetesVersion: NEW, retry: failed });
    const { code, output } = await watched("up");
    assert.equal(code, 0, output);
    await all(NEW);
    const folder = path.join(lab.dir, "snapshots");
    const saved = (await fs.readdir(folder, { recursive: true })).find((one) => /etcd\.db/.test(one));
    assert.ok(saved);
    const bytes = await fs.readFile(path.join(folder, saved));
    assert.match(bytes.subarray(0, 30).toString(), /^age-encryption\.org\/v1/);
    const decrypter = new age.Decrypter();
    decrypter.addIdentity(identity);
    const clear = await decrypter.decrypt(bytes);
    // Pages of a bbolt database, and a checksum behind them.
    assert.equal(clear.length % 512, 32);
  });

  async function leading(): Promise<{ readonly id: string }> {
    for (const id of IDS) {
      const { memberId, leader } = await members.etcd(id);
      if (memberId === leader) return { id };
    }
    throw new Error("nobody leads etcd");
  }
});
