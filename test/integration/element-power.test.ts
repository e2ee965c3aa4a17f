import assert from "node:assert/strict";
import { type Element, startElement } from "../../lab/element/index.ts";
import { change, platformHere, settled, stage } from "../support/elements.ts";
import { full } from "../support/full.ts";

/** Steps of the procedure, in order. */
const steps = [
  "set-indication",
  "stop-processes",
  "free-ipc",
  "unmount",
  "mount-new-root",
  "pivot-root",
].concat([
  ...[
    "move-dev",
    "move-proc",
    "move-sys",
    "exec-init",
    "unmount-old-root",
    "mount",
    "start-processes",
    "report",
  ],
]);

/** Process 1 is replaced in this step: nobody is there to say that it is over. */
const points = steps.flatMap((step) => [
  `before:${step}`,
  `during:${step}`,
  ...(step === "exec-init" ? [] : [`after:${step}`]),
]);

describe(`power lost at each point of a switch of roots, ${platformHere.platform}`, () => {
  let element: Element;

  before(async () => {
    element = await startElement({ bootMs: 100, resetMs: 100 });
    await stage(element, { version: "1.1.0" });
  });
  after(() => element?.close());

  // A cut takes seconds; all of them are for the full run.
  for (const at of points.filter((_, n) => full || n % 5 === 0)) {
    it(at, async () => {
      const before = await settled(element);
      await element.fault("power-lost", { at, after: "3ms" });
      const { figures, view, own } = await change(element);
      await element.clear();
      const counts = figures.elements.ne1;
      assert.equal(counts?.boots, 1);
      // On one of the two roots, whole, and by its own account the one that it is on.
      assert(["1.0.0", "1.1.0"].includes(view.version));
      assert.equal(own.version, view.version);
      assert.equal(own.partition, view.partition);
      assert.deepEqual(counts?.left, { processes: [], mounts: [], ipc: [] });
      // A true report: the new root if, and only if, its init had reported in.
      const changed = view.partition !== before.view.partition;
      assert.equal(own.switch?.state, changed ? "completed" : "interrupted");
      assert.equal(changed, at === "after:report" || (at === "during:report" && changed));
      assert.match(own.kernel.resetCause, /power lost/);
      if (!changed) assert.match(own.switch?.reason ?? "", /power lost/);
    });
  }

  it("and with the power on, it changes", async () => {
    const { figures, own } = await change(element);
    assert.equal(own.switch?.state, "completed");
    assert.equal(figures.transit.lost, 0);
  });
});
