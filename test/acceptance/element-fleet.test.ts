/**
 * Fifty network elements upgraded by one program, ten at a time, in less than 2 GB; with `PULUMI_ISSU_FULL=1`. Otherwise a few of them.
 */
import assert from "node:assert/strict";
import { runFleet } from "../support/element-fleet.ts";
import { platformHere } from "../support/elements.ts";
import { full } from "../support/full.ts";

const count = full ? 50 : 4;

describe(`${count} network elements, upgraded by one program, ${platformHere.platform}`, function () {
  this.timeout(900_000);

  it("ten at a time, without a transit packet lost, in less than 2 GB", async () => {
    const { upgraded, figures, memory } = await runFleet(count, 10);
    assert.equal(upgraded, count);
    assert.equal(figures.transit.lost, 0);
    assert(figures.ztl);
    for (const one of Object.values(figures.elements)) {
      assert.equal(one.boots + one.hardwareResets, 0);
      assert.deepEqual(one.left, { processes: [], mounts: [], ipc: [] });
    }
    assert(memory.together > 0 && memory.together < 2 * 1024 ** 3, JSON.stringify(memory));
  });
});
