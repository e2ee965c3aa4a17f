/** What passes through the simulated chassis cluster, and what it loses. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { buildImage, type ChassisCluster, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { ask, put } from "../support/chassis-client.ts";
import { until } from "../support/until.ts";

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
    cluster = await startChassisCluster({ timeScale: 1, durations: { failoverInterruption: 0.5 } });
    await cluster.traffic.start({ flows: 4, packetsPerSecond: 200 });
    await delay(100);
    const report = await during("failover", async () => {
      await ask(cluster, 0, "request chassis cluster failover redundancy-group 1 node 1");
      await delay(700);
    });
    assert.ok((report.drops.moving ?? 0) > 0, JSON.stringify(report.drops));
    assert.equal(report.flowsLost, 0);
    for (const { path, forward } of report.flows) {
      if (path === "reth2-reth3") assert.equal(forward.lost, 0, path);
      assert.ok(forward.longestGapMs < 700, `${path}: ${forward.longestGapMs} ms`);
    }
    assert.ok(report.longestGapMs > 0);
  });

  it("loses flows whose sessions the other node never learned", async () => {
    cluster = await startChassisCluster({ timeScale: 2_000 });
    await cluster.traffic.start({ flows: 2, packetsPerSecond: 200 });
    await until("both flows to be known", () => cluster.model.node(1).sessions.size === 2);
    cluster.model.node(1).sessions.clear();
    const report = await during("sudden", async () => {
      cluster.model.takeDown(0, "sudden", "power loss");
      await until("the peer to refuse packets", () => cluster.traffic.drops["no-session"] > 20);
    });
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
    // At 400 a second each of five such moments, two cards and three moves, finds one or two packets.
    assert.ok(report.lost <= 12, `${report.lost} lost: ${JSON.stringify(report.drops)}`);
  });

  it("loses what goes through a PIC that restarts with its card, and keeps its flows", async () => {
    cluster = await startChassisCluster({
      timeScale: 400,
      durations: { validateImage: 1, install: 1, reboot: 1 },
    });
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("unsupported-pic", { fpc: 0, pic: 1 });
    await cluster.traffic.start({ flows: 4, packetsPerSecond: 400 });
    await delay(100);
    const report = await during("restart", async () => {
      await ask(cluster, 0, `request system software in-service-upgrade ${IMAGE} reboot`);
    });
    // 0.3 s at this scale.
    const { flows } = report;
    assert.ok(
      flows.filter(({ path }) => path === "reth2-reth3").every(({ forward }) => forward.longestGapMs >= 250),
    );
    assert.ok(
      flows.filter(({ path }) => path === "reth0-reth1").every(({ forward }) => forward.longestGapMs < 250),
    );
    assert.equal(report.flowsLost, 0);
  });
});
