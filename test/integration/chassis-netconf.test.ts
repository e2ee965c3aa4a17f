/** Campaigns on a chassis that is driven by NETCONF: they take the same course as by the command line. */
import assert from "node:assert/strict";
import { ChassisBench, RELEASES } from "../support/chassis-run.ts";
import { itInFull } from "../support/full.ts";

const access = { protocol: "netconf" } as const;

describe("a campaign on a chassis by NETCONF", function () {
  this.timeout(120_000);
  let bench: ChassisBench;
  afterEach(() => bench?.close());
  const open = async (more: Parameters<typeof ChassisBench.open>[0]) => {
    bench = await ChassisBench.open(more);
    bench.putImage({ release: RELEASES.new });
    return bench.groups;
  };

  itInFull("upgrades both nodes of a cluster, in the order of the command line's", async () => {
    const groups = await open({ name: "edge" });
    const run = await bench.must(RELEASES.new, { access });
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
    assert.deepEqual(bench.groups, groups);
    assert.deepEqual(bench.events("issu-started", "node-up", "fpc-linked", "switchover", "issu-complete"), [
      "issu-started node0",
      "node-up node1",
      "fpc-linked node0 fpc0",
      "fpc-linked node0 fpc1",
      "switchover",
      "node-up node0",
      "issu-complete",
    ]);
    assert.match(run.ticks.join("\n"), /node1 21\.4R3-S5\.4/);
    assert.equal((await bench.run(RELEASES.new, { access })).outcome, "unchanged");
  });

  itInFull("upgrades two routing engines, by version 1.0, in single bytes", async () => {
    const groups = await open({ name: "core", routingEngines: true, netconf: "1.0" });
    await bench.cluster.fault("one-byte-output", { node: 1 });
    await bench.must(RELEASES.new, { access });
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
    assert.deepEqual(bench.groups, groups);
  });

  itInFull("upgrades a device with one routing engine", async () => {
    await open({ name: "branch", nodes: 1 });
    const { host, port, hostPublicKey } = bench.cluster.nodes[0] ?? {};
    await bench.must(RELEASES.new, {
      access,
      nodes: [{ host, port, hostKey: hostPublicKey }],
      upgrade: { outage: "2h" },
    });
    assert.deepEqual(bench.releases, [RELEASES.new]);
  });

  itInFull("is refused at preview by a device that does not serve it, with how to mend that", async () => {
    await open({ name: "edge", netconf: "off" });
    const run = await bench.run(RELEASES.new, { access });
    assert.equal(run.outcome, "refused");
    assert.match(run.error, /serves no NETCONF.*set system services netconf ssh/);
    assert.deepEqual(bench.events("issu-started", "group-moved"), []);
  });

  itInFull("goes on after its session was cut, by what the nodes show", async () => {
    await open({ name: "edge" });
    await bench.cluster.fault("ssh-cut", { node: 0, seconds: 60, on: "kernel-synced" });
    await bench.must(RELEASES.new, { access });
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
  });

  itInFull("puts the groups back when the device refuses the configuration, in its words", async () => {
    const groups = await open({ name: "edge" });
    await bench.cluster.fault("config-does-not-commit");
    const run = await bench.run(RELEASES.new, { access });
    assert.equal(run.code, "ROLLED_BACK", run.error);
    assert.match(run.error, /configuration check-out failed|Validation failed/);
    assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
    assert.deepEqual(bench.groups, groups);
  });

  for (const [why, fault, params] of [
    ["an image that does not boot", "boot-failure", { node: 1 }],
    ["another operator's abort", "operator-abort", { on: "cold-sync-complete" }],
  ] as const)
    itInFull(`goes back from ${why}`, async () => {
      const groups = await open({ name: "edge" });
      await bench.cluster.fault(fault, params);
      const run = await bench.run(RELEASES.new, { access });
      assert.equal(run.code, "ROLLED_BACK", run.error);
      assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
      assert.deepEqual(bench.groups, groups);
    });
});
