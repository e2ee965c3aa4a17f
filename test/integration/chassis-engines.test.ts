/** A campaign on a chassis with two routing engines: unified ISSU, and the way back. */
import assert from "node:assert/strict";
import { ask } from "../support/chassis-client.ts";
import { ChassisBench, RELEASES } from "../support/chassis-run.ts";

describe("a campaign on a chassis with two routing engines", function () {
  this.timeout(120_000);
  let bench: ChassisBench;
  beforeEach(async () => {
    bench = await ChassisBench.open({ name: "core", routingEngines: true });
    bench.putImage({ release: RELEASES.new });
  });
  afterEach(() => bench?.close());

  it("upgrades the backup, the cards one by one, switches mastership, upgrades the old master, and puts it back", async () => {
    const { groups } = bench;
    await bench.cluster.traffic.start({ flows: 10, packetsPerSecond: 500 });
    bench.cluster.traffic.openWindow("all");
    const run = await bench.must(RELEASES.new);
    const { flowsLost, drops } = await bench.cluster.traffic.closeWindow("all");
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
    assert.deepEqual(bench.groups, groups);
    assert.deepEqual(
      bench
        .events("issu-started", "node-up", "fpc-linked", "switchover", "issu-complete", "group-moved")
        .filter((one, at, all) => one !== all[at - 1]),
      [
        "issu-started node0",
        "node-up node1",
        "fpc-linked node0 fpc0",
        "fpc-linked node0 fpc1",
        "group-moved node1 rg0",
        "switchover",
        "node-up node0",
        "issu-complete",
        "group-moved node0 rg0",
      ],
    );
    assert.equal(flowsLost, 0);
    // Cards are dark for a moment; the change of mastership costs nothing.
    assert.deepEqual(
      Object.keys(drops).filter((why) => why !== "card"),
      [],
    );
    for (const { fpcs } of bench.cluster.model.nodes)
      assert.ok(fpcs.every(({ release }) => release === RELEASES.new));
    assert.doesNotMatch(run.ticks.join("\n"), /\bnode[01]\b|RG-0/);
    assert.equal((await bench.run(RELEASES.new)).outcome, "unchanged");
  });

  it("goes back from an image that does not boot on the backup", async () => {
    const { groups } = bench;
    await bench.cluster.fault("boot-failure", { node: 1 });
    const run = await bench.run(RELEASES.new);
    assert.equal(run.code, "ROLLED_BACK", run.error);
    assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
    assert.deepEqual(bench.groups, groups);
  });

  it("is refused while graceful switchover or non-stop routing is off, with how to switch them on", async () => {
    for (const { configuration } of bench.cluster.model.nodes)
      configuration.put({
        statements: configuration.committed.statements.filter(
          (one) => !/graceful-switchover|nonstop/.test(one),
        ),
        at: 0,
        user: "root",
      });
    const run = await bench.run(RELEASES.new);
    assert.equal(run.outcome, "refused", run.error);
    assert.match(
      run.error,
      /graceful switchover is off, non-stop routing is off\. .*set chassis redundancy graceful-switchover, set routing-options nonstop-routing/,
    );
    assert.deepEqual(bench.events("issu-started"), []);
    // The device itself would not have begun it either.
    const answer = await ask(
      bench.cluster,
      0,
      `request system software in-service-upgrade /var/tmp/junos-srx5000-${RELEASES.new}.tgz reboot`,
    );
    assert.match(answer, /ISSU not allowed: chassis redundancy graceful-switchover is not configured/);
  });
});
