/**
 * Subscribers of both access types with what a site's subscribers do wrong by themselves, and test cards, against the
 * simulated network function without a control plane (GRY-03, GRY-10, GRY-11).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { CnfDaemon } from "../../lab/cnf/daemon.ts";
import { control } from "../../lab/control.ts";
import type { CardMedia } from "../../lab/traffic/card-media.ts";
import { TrafficDaemon } from "../../lab/traffic/daemon.ts";
import type { Rest } from "../../lab/traffic/rests.ts";
import type { Served } from "../../lab/traffic/served-log.ts";
import { StubCluster } from "../support/stub-cluster.ts";
import { until as untilWithin } from "../support/until.ts";

const SUBSCRIBERS = 600;
const FOUR_G = 150;
const OLD = { version: "1.0.0", workloads: ["amf-gsu-1-0-0"] };
const NEW = { version: "1.1.0", workloads: ["amf-gsu-1-1-0"] };

const until: typeof untilWithin = (what, met) => untilWithin(what, met, 60_000);

describe("traffic of a site with 4G and 5G", function () {
  this.timeout(180_000);

  const token = randomBytes(16).toString("hex");
  let cluster: StubCluster;
  let cnf: CnfDaemon;
  let traffic: TrafficDaemon;

  before(async () => {
    cluster = new StubCluster(`127.${100 + (process.pid % 100)}.201`);
    cnf = await CnfDaemon.start(cluster, {
      control: { port: 0, token },
      serviceAddress: "127.0.0.1",
      signallingPort: 0,
      mediaPort: 0,
      ratedSubscribers: 1_000,
      log: () => {},
    });
    traffic = await TrafficDaemon.start({
      control: { port: 0, token },
      cnfControl: { port: cnf.controlPort, token },
      service: cnf.balancer.address,
      subscribers: SUBSCRIBERS,
      calls: 2,
      registrationsPerSecond: 100,
      otherProceduresPerSecond: 150,
      churnPerSecond: 10,
      backOffMs: 300,
      // What is slow here is the machine, and a try that is given up is no sign of anything.
      timeoutMs: 4_000,
      fourG: FOUR_G,
      testCards: true,
      successRates: { "handover-5g-to-4g": 80, attach: 90 },
      log: () => {},
    });
    cluster.scale("amf-gsu-1-0-0", "1.0.0", 3);
    cluster.split({ left: OLD });
    await until("all are attached", () => traffic.subscribers.attachSeconds !== undefined);
  });

  after(async () => {
    await traffic.stop();
    cnf.stop();
  });

  const settled = () =>
    until("the split is settled", () => {
      const { status } = cluster;
      return status?.observedGeneration === cluster.generation && status.moving === 0;
    });
  const ask = <T>(path: string) =>
    control<T>({ port: traffic.controlPort, token }, "GET", path) as Promise<T>;

  it("runs every procedure, and fails those that are to fail for causes of the subscribers' own, and no others", async () => {
    await traffic.openWindow("quiet");
    const enough = async () => {
      const { left } = (await traffic.readWindow("quiet")).kpis;
      return Object.values(left).every(({ attempted }) => attempted >= 20);
    };
    await until("20 attempts of each procedure", enough);
    const { kpis, users, ...figures } = await traffic.closeWindow("quiet");
    const { left, right } = kpis;
    assert.deepEqual(Object.keys(left).slice(4), [
      "attach",
      "tracking-area-update",
      "pdn-connection",
      "handover-4g-to-5g",
      "handover-5g-to-4g",
      "initial-registration",
    ]);
    for (const [name, { attempted, failed }] of Object.entries(left)) {
      if (name === "handover-5g-to-4g") {
        assert.ok(failed > 0 && failed < attempted / 2, `${failed} of ${attempted}`);
      } else if (name !== "attach") assert.equal(failed, 0, name);
    }
    assert.ok(Object.values(right).every(({ attempted }) => attempted === 0));
    assert.equal(figures.proceduresFailed, figures.userCauses);
    assert.ok(figures.userCauses > 0);
    assert.deepEqual([figures.sessionsLost, figures.reRegistrations, figures.packetsLost], [0, 0, 0]);
    assert.equal(users.right["4g"] + users.right["5g"], 0);
    // Some are over on 4G for a moment, some are just leaving.
    assert.ok(Math.abs(users.left["4g"] - FOUR_G) <= 20, `${users.left["4g"]} on 4G`);
    assert.ok(Math.abs(users.left["5g"] - (SUBSCRIBERS - FOUR_G)) <= 40, `${users.left["5g"]} on 5G`);
  });

  it("splits 4G and 5G each by the ratio, and keeps the cards' calls and data going while they move", async () => {
    await traffic.openWindow("upgrade");
    cluster.scale("amf-gsu-1-1-0", "1.1.0", 3);
    const pinned = [1, 2].map((card) => ({
      subscriber: `imsi-00101000000000${card}`,
      side: "right" as const,
    }));
    for (const ratio of [0, 50, 100]) {
      cluster.split({ left: OLD, right: NEW, ratio, ...(ratio < 100 ? { pinned } : {}) });
      await settled();
      await until(`some looks at ${ratio} %`, async () => {
        const last = (await ask<Rest[]>("/rests")).at(-1);
        return last?.ratio === ratio && last.until - last.since > 1_000;
      });
    }
    const rests = await ask<Rest[]>("/rests");
    for (const rest of rests) {
      assert.deepEqual([rest.left, rest.right], ["1.0.0", "1.1.0"]);
      // In subscribers: of the standing and the new one each, and those few who are over on 4G as chance has it.
      assert.ok(rest.splitError["5g"] <= (100 * 5) / 450, `5G ${rest.splitError["5g"]} at ${rest.ratio} %`);
      assert.ok(rest.splitError["4g"] <= (100 * 5) / 150, `4G ${rest.splitError["4g"]} at ${rest.ratio} %`);
    }
    const at = (ratio: number) => rests.filter((rest) => rest.ratio === ratio).at(-1) ?? assert.fail();
    assert.deepEqual(at(100).users.left, { "4g": 0, "5g": 0 });
    assert.ok((at(50).kpis.right.registration?.attempted ?? 0) > 0);
    assert.ok((at(50).kpis.left.registration?.attempted ?? 0) > 0);
    assert.equal(at(100).kpis.left.registration?.attempted, 0);

    const { cards, sessionsLost } = await traffic.closeWindow("upgrade");
    assert.equal(sessionsLost, 0);
    assert.deepEqual(
      cards.map(({ msin }) => msin),
      [1, 2, 3, 4],
    );
    for (const { call, data } of cards as readonly CardMedia[]) {
      assert.ok(call.packets > 50 && call.packetsLost === 0, JSON.stringify(call));
      assert.ok(call.longestGapMs < 1_000, JSON.stringify(call));
      assert.ok(data.answered > 20 && data.sent - data.answered <= 2, JSON.stringify(data));
    }
    const served = await ask<{ subscriber: string; served: Served[] }[]>("/cards");
    for (const { subscriber, served: log } of served) {
      assert.equal(log[0]?.version, "1.0.0", subscriber);
      assert.equal(log.at(-1)?.version, "1.1.0", subscriber);
      assert.match(log.at(-1)?.pod ?? "", /^amf-gsu-1-1-0-/);
    }
  });
});
