import assert from "node:assert/strict";
import { claimOf } from "../../lab/element/claim.ts";
import type { ElementCounts, Figures } from "../../lab/element/index.ts";

const counts: ElementCounts = {
  adjacencyDrops: 0,
  hardwareResets: 0,
  boots: 0,
  bootIdBefore: "1",
  bootIdAfter: "1",
  awayMs: 0,
  rebuiltMs: 0,
  rebuilt: true,
  left: { processes: [], mounts: [], ipc: [] },
};

const figures = (transitLost = 0, puntedLost = 0, adjacencyDrops = 0, sent = 100): Figures => ({
  seconds: 1,
  transit: { sent, lost: transitLost, longestGapMs: 5 },
  punted: { sent, lost: puntedLost, longestGapMs: 20 },
  elements: { ne1: { ...counts, adjacencyDrops }, ne2: counts },
  zpl: false,
  ztl: false,
  events: [],
});

describe("what may be claimed of an element's change (INI-7)", () => {
  it("zero packet loss only if neither transit nor punted packets were lost", () => {
    assert.deepEqual(claimOf(figures()), { reached: "ZPL", against: [] });
    assert.deepEqual(claimOf(figures(0, 3)), { reached: "ZTL", against: ["3 packets for the element lost"] });
  });

  it("zero topology loss only if no adjacency dropped and no transit packet was lost", () => {
    assert.deepEqual(claimOf(figures(1)), { against: ["1 transit packets lost"] });
    assert.deepEqual(claimOf(figures(0, 0, 1)), { against: ["1 adjacency drops"] });
  });

  it("nothing where nothing was measured", () => {
    assert.equal(claimOf(figures(0, 0, 0, 0)).reached, undefined);
  });
});
