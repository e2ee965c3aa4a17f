/** What passes through the simulated chassis cluster, and what it loses. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { buildImage, type ChassisCluster, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { ask, put } from "../support/chassis-client.ts";

const TO = "21.4R3-S5.4";
const IMAGE = `/var/tmp/${imageName(TO)}`;

describe("traffic through a chassis cluster", function () {
  this.timeout(40_000);
  let cluster: ChassisCluster;
  afterEach(() => cluster.close());

  /** Packets lost while something is done, and a moment after. */
  const during = async (name: string, work: () => Promise<unknown>) => {
    cluster.traffic.openWindow(name);
    await work();
    await delay(150);
    return cluster.traffic.closeWindow(name);
  };

  it("loses nothing in a quiet spell, both ways and in both groups", async () => {
    cluster = await startChassisCluster({ timeScale: 100 });
    await cluster.traffic.start({ flows: 4, packetsPerSecond: 200 });
    const report = await during("quiet", () => delay(500));
    assert.equal(report.lost, 0);
    assert.equal(report.flowsLost, 0);
    assert.ok(report.sent > 50, `${report.sent} sent`);
    assert.deepEqual([...new Set(report.flows.map(({ path }) => path))], ["reth0-reth1", "reth2-reth3"]);
    assert.ok(report.flows.every(({ forward, backward }) => forward.sent > 0 && backward.sent > 0));
  });

  it("loses packets of the group that moves, for as long as it takes, and no flow", async () => {
    // 0.3 s at this scale.
    cluster = await startChassisCluster({ timeScale: 1 });
    await cluster.traffic.start({ flows: 4, packetsPerSecond: 200 });
    await delay(100);
    const report = await during("failover", async () => {
      await ask(cluster, 0, "request chassis cluster failover redundancy-group 1 node 1");
      await delay(400);
    });
    assert.ok((report.drops.moving ?? 0) > 10, JSON.stringify(report.drops));
    assert.equal(report.flowsLost, 0);
    for (const { path, forward, longest } of report.flows.map((f) => ({
      ...f,
      longest: f.forward.longestGapMs,
    }))) {
      assert.equal(forward.lost > 0, path === "reth0-reth1", path);
      if (forward.lost > 0) assert.ok(longest >= 280 && longest < 1_000, `${longest} ms`);
    }
  });

  it("loses flows whose sessions the other node never learned", async () => {
    cluster = await startChassisCluster({ timeScale: 2_000 });
    await cluster.traffic.start({ flows: 2, packetsPerSecond: 100 });
    await delay(100);
    cluster.model.node(1).sessions.clear();
    const report = await during("sudden", async () => {
      cluster.model.takeDown(0, "sudden", "power loss");
      await delay(500);
    });
    assert.ok((report.drops["no-session"] ?? 0) > 0, JSON.stringify(report.drops));
    assert.equal(report.flows[0]?.isLost, true);
  });

  it("keeps every flow through an upgrade, and loses no more than its moves and card restarts account for", async () => {
    // An upgrade in some six seconds; a card is dark for 2.5 ms, a move takes 0.75 ms.
    cluster = await startChassisCluster({ timeScale: 400 });
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.traffic.start({ flows: 4, packetsPerSecond: 400 });
    await delay(100);
    const report = await during("upgrade", async () => {
      await ask(cluster, 0, `request system software in-service-upgrade ${IMAGE} reboot`);
      const done = () => cluster.events().some(({ type }) => type === "issu-complete");
      assert.ok(await cluster.model.events.until(done, 100_000));
    });
    assert.equal(report.flowsLost, 0);
    assert.ok(report.sent > 500, `${report.sent} sent`);
    assert.equal(report.drops["no-session"], undefined);
    assert.ok(
      report.lost < 0.02 * report.sent,
      `${report.lost} of ${report.sent} lost: ${JSON.stringify(report.drops)}`,
    );
  });
});
