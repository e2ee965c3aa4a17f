/** Campaigns on a simulated chassis: the device's order, refusals, and what goes wrong on the way. */
import assert from "node:assert/strict";
import type { ChassisOptions } from "../../lab/chassis/index.ts";
import { ChassisBench, RELEASES } from "../support/chassis-run.ts";

describe("a campaign on a chassis", function () {
  this.timeout(120_000);
  let bench: ChassisBench;
  const open = async (options: Partial<ChassisOptions> = {}) => {
    await bench?.close();
    bench = await ChassisBench.open({ name: "edge", ...options });
    return bench;
  };
  after(() => bench?.close());

  it("runs the device's own procedure in its order and puts the groups back (CHA-2..10)", async () => {
    const { groups } = await open();
    bench.putImage({ release: RELEASES.new });
    await bench.must(RELEASES.new);
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
    assert.deepEqual(bench.groups, groups);
    const order = bench.events(
      "issu-started",
      "image-validated",
      "kernel-synced",
      "node-up",
      "processes-prepared",
      "fpc-linked",
      "switchover",
      "issu-complete",
    );
    assert.deepEqual(order, [
      "issu-started node0",
      "image-validated node0",
      "kernel-synced node1",
      "node-up node1",
      "processes-prepared node0",
      "fpc-linked node0 fpc0",
      "fpc-linked node0 fpc1",
      "switchover",
      "node-up node0",
      "issu-complete",
    ]);
    assert.equal((await bench.run(RELEASES.new)).outcome, "unchanged");
    const written = await bench.written();
    assert.ok(
      !written.includes(bench.cluster.credentials.password ?? ""),
      "the password is in journal or log",
    );
  });

  it("gathers the groups itself up to 11.4 (CHA-3)", async () => {
    await open({ release: "11.4R7.5" });
    const sha256 = bench.putImage({ release: "12.1X46-D10.2" });
    await bench.must("12.1X46-D10", { image: { sha256, path: "/var/tmp/junos-srx5000-12.1X46-D10.2.tgz" } });
    assert.deepEqual(bench.releases, ["12.1X46-D10.2", "12.1X46-D10.2"]);
    const order = bench.events("group-moved", "issu-started");
    assert.deepEqual(order.slice(0, 2), ["group-moved node0 rg2", "issu-started node0"]);
  });

  it("goes back after completion, one node after the other, and forward again", async () => {
    const { groups } = await open();
    bench.putImage({ release: RELEASES.new });
    await bench.must(RELEASES.new);
    const run = await bench.must(RELEASES.old);
    assert.match(run.warnings.join("\n"), /both nodes roll back to it one after the other/);
    assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
    assert.deepEqual(bench.groups, groups);
    assert.deepEqual(bench.events("rolled-back"), ["rolled-back node1", "rolled-back node0"]);
  });

  describe("refused, with nothing changed:", () => {
    const touching = () => bench.events("issu-started", "group-moved", "group-manual", "snapshot").length;
    const untouched = (before: number) => {
      assert.equal(touching(), before);
      assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
    };
    const refuses = async (message: RegExp, release: string = RELEASES.new, more: object = {}) => {
      const before = touching();
      const run = await bench.run(release, more);
      assert.equal(run.outcome, "refused", run.outcome);
      assert.match(run.error, message);
      untouched(before);
      assert.equal((await bench.journal()).campaign, undefined);
    };
    before(async () => {
      await open();
      bench.putImage({ release: RELEASES.new });
    });
    afterEach(async () => {
      const { model } = bench.cluster;
      model.node(1).files.remove("/var/tmp/core");
      model.boot(1);
      model.resynchronise(1);
      await bench.settled();
      const [zero, one] = [model.node(0), model.groups[2]];
      if (one && zero && one.primary !== 1) model.move(one, 1, "as before");
      await bench.settled();
    });

    it("a start from the secondary", () =>
      refuses(/Got node1\. Expected node0: it is RG-0's primary/, RELEASES.new, {
        upgrade: { startFrom: "node1" },
      }));

    it("an older release than any node can go back to", () =>
      refuses(
        /no in-service upgrade leads to an earlier one \(CHA-1\); node0 has none to roll back to/,
        "20.2R1",
      ));

    it("no room in /var of the secondary", async () => {
      const { files } = bench.cluster.model.node(1);
      files.write("/var/tmp/core", Buffer.alloc(1), files.mountOf("/var/tmp").freeKilobytes - 100);
      await refuses(/nodes\[1\]: Got 0 MB free in \/var of node1/, RELEASES.new, {
        image: { bytes: 300_000_000 },
      });
    });

    it("a peer that is lost", async () => {
      // Its own groups move by themselves once it is missed.
      const missed = bench.happens("peer-lost");
      bench.cluster.model.takeDown(1, "sudden", "power");
      await missed;
      await refuses(/node1 can't be asked: 127\.0\.0\.1:\d+ can't be reached over SSH: connection refused/);
    });

    it("cold sync that fails", async () => {
      bench.cluster.model.node(1).coldSync = "failed";
      await refuses(/cold sync fails on node1, priority 0 \(CS\)/);
    });

    it("one node of a cluster, declared as if it stood alone", () =>
      refuses(/nodes: Got a node of a chassis cluster\. Expected a device that stands alone/, RELEASES.new, {
        nodes: bench.cluster.nodes
          .slice(0, 1)
          .map(({ host, port, hostPublicKey }) => ({ host, port, hostKey: hostPublicKey })),
      }));

    it("the keyword reboot missing", () =>
      refuses(/'reboot' keyword must be specified\. Aborting ISSU/, RELEASES.new, {
        upgrade: { options: ["no-copy"] },
      }));

    it("a wrong password, which is not shown", () =>
      refuses(/refused to log \S+ in: it did not take the password/, RELEASES.new, {
        access: { password: "Wrong-Horse" },
      }));

    it("another host key", async () => {
      const nodes = bench.cluster.nodes.map(({ host, port }, i) => ({
        host,
        port,
        hostKey: bench.cluster.nodes[1 - i]?.hostPublicKey,
      }));
      await refuses(/shows ssh-ed25519 SHA256:.*Nothing was sent to it/, RELEASES.new, { nodes });
    });
  });

  it("waits for groups in secondary-hold within its budget", async () => {
    const { cluster } = await open();
    bench.putImage({ release: RELEASES.new });
    const [zero] = cluster.model.groups;
    assert.ok(zero);
    cluster.model.hold(zero, 1, 1_200);
    const run = await bench.must(RELEASES.new);
    assert.ok(run.ticks.some((line) => /RG-0 still in secondary-hold/.test(line)));
  });

  describe("taken back:", () => {
    const wentBack = async (
      { outcome, code, error }: { outcome: string; code: string; error: string },
      groups: readonly object[],
      why: RegExp,
    ) => {
      assert.equal(outcome, "failed");
      assert.equal(code, "ROLLED_BACK", error);
      assert.match(error, why);
      assert.deepEqual(bench.releases, [RELEASES.old, RELEASES.old]);
      assert.deepEqual(bench.groups, groups);
      assert.equal((await bench.journal()).campaign?.state, "rolled-back");
      const again = await bench.run(RELEASES.new);
      assert.match(again.error, /is quarantined with this content/);
      assert.equal((await bench.run(RELEASES.old)).outcome, "unchanged");
    };

    it("an image that was cut on its way, before the device is told anything", async () => {
      const { groups } = await open();
      bench.putImage({ release: RELEASES.new }, 0, (all) => all.subarray(0, all.length / 2));
      const run = await bench.run(RELEASES.new);
      await wentBack(run, groups, /is not what was declared: got SHA-256 \w+, expected/);
      assert.deepEqual(bench.events("issu-started", "group-moved"), []);
    });

    it("a configuration that does not commit: the groups have moved by then, and are put back (CHA-5)", async () => {
      const { groups } = await open();
      const sha256 = bench.putImage({
        release: RELEASES.new,
        removedStatements: ["system host-name", "system", "chassis"],
      });
      const run = await bench.run(RELEASES.new, { image: { sha256 } });
      await wentBack(run, groups, /the device refused the upgrade: .*[Vv]alidation failed/);
      assert.ok(bench.events("group-moved").length >= 2);
    });

    it("an abort by another operator after the secondary's reboot: mixed versions, then abort, rollback, reboot", async () => {
      const { groups } = await open();
      bench.putImage({ release: RELEASES.new });
      const aborted = bench
        .happens("node-up", ({ node }) => node === 1)
        .then(() => bench.operator(0, "request system software abort in-service-upgrade"));
      const run = await bench.run(RELEASES.new);
      await aborted;
      await wentBack(run, groups, /failed: /);
      assert.deepEqual(bench.events("rolled-back"), ["rolled-back node1"]);
      assert.ok(bench.events("mixed-releases").length > 0);
    });
  });
});
