/**
 * Power, links and sessions lost at every step of an upgrade of the simulated chassis cluster: it never wedges. In the end both nodes
 * are up, no upgrade runs, every group has a primary that is there, and what each node runs is one of the two releases.
 */
import assert from "node:assert/strict";
import {
  buildImage,
  type ChassisCluster,
  type ChassisEventType,
  type FaultParams,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { connectTo, put, run } from "../support/chassis-client.ts";
import { full } from "../support/full.ts";

const FROM = "21.2R3-S4.9";
const TO = "21.4R3-S5.4";
const IMAGE = `/var/tmp/${imageName(TO)}`;

const STEPS: readonly ChassisEventType[] = [
  "issu-started",
  "image-validated",
  "configuration-checked",
  "kernel-synced",
  "copied",
  "installed",
  "node-down",
  "node-up",
  "cold-sync-started",
  "cold-sync-complete",
  "processes-prepared",
  "pfe-issu-ready",
  "fpc-down",
  "fpc-linked",
  "switchover-prepared",
  "switchover",
];

const TROUBLES: readonly (readonly [string, FaultParams])[] = [
  ["power-loss", { node: 0, seconds: 30 }],
  ["power-loss", { node: 1, seconds: 30 }],
  ["power-loss", { node: "both", seconds: 30 }],
  ["link-lost", { link: "control" }],
  ["link-lost", { link: "fabric" }],
  ["ssh-cut", { node: 0, seconds: 60 }],
  ["operator-abort", {}],
  ["crash", { node: 1 }],
];

describe("trouble at every step of an upgrade", function () {
  this.timeout(60_000);
  let cluster: ChassisCluster;
  beforeEach(async () => {
    cluster = await startChassisCluster({ timeScale: 20_000 });
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
  });
  afterEach(() => cluster.close());

  for (const [at, [fault, params]] of TROUBLES.entries()) {
    // Every step only where there is time for it: two minutes instead of some twenty seconds.
    const steps = STEPS.filter((_, step) => full || (step + at) % 5 === 0);
    for (const step of steps) {
      it(`${fault} ${JSON.stringify(params)} at ${step}`, async () => {
        const { model } = cluster;
        await cluster.fault(fault, { ...params, on: step });
        const client = await connectTo(cluster, 0);
        await run(client, `request system software in-service-upgrade ${IMAGE} reboot`);
        client.end();
        const over = () => cluster.events().some(({ type }) => /^issu-(complete|failed|aborted)$/.test(type));
        assert.ok(await model.events.until(over, 100_000), "the upgrade ends");
        await cluster.clearFaults();
        const settled = () =>
          model.nodes.every(
            ({ isUp, coldSync, eligibility }) =>
              isUp && (coldSync === "complete" || eligibility !== "eligible"),
          ) && model.groups.every(({ primary }) => primary !== undefined && model.node(primary).isUp);
        assert.ok(await model.events.until(settled, 100_000), JSON.stringify(cluster.status()));
        // Who was shut out by a lost link joins again by a reboot.
        for (const { id, eligibility } of model.nodes) {
          if (eligibility === "eligible") continue;
          const late = await connectTo(cluster, id);
          await run(late, "request system reboot", "yes\n");
          late.end();
          assert.ok(await model.events.until(settled, 100_000), JSON.stringify(cluster.status()));
        }
        assert.equal(cluster.status().upgrading, false);
        for (const { release, fpcs, isUp } of model.nodes) {
          assert.ok(isUp && (release === FROM || release === TO), release);
          for (const fpc of fpcs) assert.deepEqual([fpc.state, fpc.release], ["Online", release]);
        }
        assert.ok(model.groups.every(({ primary }) => primary !== undefined && model.node(primary).isUp));
      });
    }
  }
});
