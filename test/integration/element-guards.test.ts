import assert from "node:assert/strict";
import { type Element, type Figures, startElement } from "../../lab/element/index.ts";
import { change, type OwnStatus, platformHere, settled, stage } from "../support/elements.ts";

/** What must be measured when a guard of the procedure is taken away (INI-8). */
const guards: Readonly<
  Record<string, { readonly why: string; check(figures: Figures, own: OwnStatus): void }>
> = {
  "unmount-critical": {
    why: "the kernel reboots",
    check(figures, own) {
      const counts = figures.elements.ne1;
      assert.equal(counts?.boots, 1);
      assert.notEqual(counts?.bootIdAfter, counts?.bootIdBefore);
      assert(figures.transit.lost > 60);
      assert.equal(own.version, own.switch?.from.version);
      assert.equal(own.switch?.state, "interrupted");
      assert.match(own.switch?.reason ?? "", /critical file system/);
    },
  },
  "unload-modules": {
    why: "each module resets the cards",
    check: (figures, own) => resetBy(2, figures, own),
  },
  "load-modules": { why: "each module resets them again", check: (figures, own) => resetBy(2, figures, own) },
  "reset-hardware": {
    why: "the start script resets them",
    check: (figures, own) => resetBy(1, figures, own),
  },
  "start-early": {
    why: "the old root stays in use",
    check(figures, own) {
      assert.deepEqual(figures.elements.ne1?.left.mounts, ["/oldroot"]);
      assert.match(own.switch?.warnings?.[0] ?? "", /busy/);
      assert.equal(figures.transit.lost, 0);
    },
  },
  "keep-ipc": {
    why: "shared memory, semaphores and queues stay behind",
    check(figures) {
      assert.deepEqual(
        figures.elements.ne1?.left.ipc.map((one) => one.split(" ")[0]),
        ["shm", "sem", "msg"],
      );
    },
  },
};

function resetBy(count: number, figures: Figures, own: OwnStatus): void {
  const counts = figures.elements.ne1;
  assert.equal(counts?.hardwareResets, count);
  assert.equal(counts?.boots, 0);
  assert.equal(counts?.bootIdAfter, counts?.bootIdBefore);
  assert(figures.transit.lost > 0 && !figures.ztl && !figures.zpl, `${figures.transit.lost} lost`);
  assert.equal(own.switch?.state, "completed");
}

describe(`guards of the procedure, taken away one at a time (INI-8), ${platformHere.platform}`, () => {
  let element: Element;

  before(async () => {
    element = await startElement({ bootMs: 500 });
    await stage(element, { version: "1.1.0" });
  });
  after(() => element?.close());

  for (const [name, { why, check }] of Object.entries(guards)) {
    it(`${name}: ${why}`, async () => {
      await element.fault(name);
      let end: Awaited<ReturnType<typeof change>>;
      try {
        end = await change(element);
      } finally {
        await element.clear();
      }
      check(end.figures, end.own);
      // What one left behind is not the next one's: modules that are gone, or an old root in use, are refused until a boot.
      if (name === "unload-modules") await assert.rejects(change(element), /needs module/);
      if (name === "start-early") await assert.rejects(change(element), /old root is still mounted/);
      await element.powerCycle();
      await settled(element);
    });
  }

  it("with all of them back, nothing is lost", async () => {
    const { figures, own } = await change(element);
    assert.equal(own.switch?.state, "completed");
    assert.equal(figures.transit.lost, 0);
    assert.equal(figures.elements.ne1?.hardwareResets, 0);
    assert.deepEqual(figures.elements.ne1?.left, { processes: [], mounts: [], ipc: [] });
  });
});
