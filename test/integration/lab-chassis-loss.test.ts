/**
 * What an upgrade of the simulated chassis cluster loses, beside what its own moves lose when each is measured alone on a cluster of
 * the same kind. The upgrade is driven by hand here, with the groups put back afterwards.
 */
import assert from "node:assert/strict";
import { buildImage, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { ask, put } from "../support/chassis-client.ts";
import {
  holdToSum,
  MEASURABLE,
  measured,
  moveGroups,
  movesAlone,
  order,
  startProbe,
} from "../support/chassis-moves.ts";

const TO = "21.4R3-S5.4";
const IMAGE = `/var/tmp/${imageName(TO)}`;

describe("what an upgrade loses", function () {
  this.timeout(120_000);

  it("is no more than its moves lose, each measured alone, and no flow", async () => {
    const alone = await movesAlone();
    const whole = await startChassisCluster(MEASURABLE);
    try {
      await startProbe(whole, [alone.packetsPerSecond]);
      await put(whole, 0, IMAGE, buildImage({ release: TO }));
      const before = whole.events().length;
      const upgrade = await measured(whole, "upgrade", async () => {
        await ask(whole, 0, `request system software in-service-upgrade ${IMAGE} reboot`);
        const done = () => whole.events().some(({ type }) => type === "issu-complete");
        assert.ok(await whole.model.events.until(done, 100_000));
        for (const id of [0, 1, 2])
          await order(whole, 1, `request chassis cluster failover reset redundancy-group ${id}`);
        await moveGroups(whole, [0, 1], 0);
      });
      holdToSum(upgrade, alone, whole.events().slice(before));
    } finally {
      await whole.close();
    }
  });
});
