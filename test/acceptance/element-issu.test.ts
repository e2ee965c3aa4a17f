/** A network element from one release to the next by `pulumi up`, back again, and what fails (INI-1..11). */
import assert from "node:assert/strict";
import { type ElementSite, openElementSite } from "../support/element-site.ts";
import { platformHere } from "../support/elements.ts";

describe(`a network element, upgraded by pulumi up, ${platformHere.platform}`, function () {
  this.timeout(240_000);
  let site: ElementSite;
  before(async function () {
    this.timeout(600_000);
    site = await openElementSite({ name: "element" });
  });
  after(() => site?.close());

  it("has nothing to do while it runs what is declared", async () => {
    await site.stack.mustUp(await site.wants("1.0.0"));
    assert.deepEqual(await site.stack.stack.outputs(), {
      outcomes: { ne1: { version: "1.0.0", outcome: "unchanged" } },
    });
  });

  it("shows the plan, then replaces init and root in service; no transit packet is lost", async () => {
    const image = await site.element.image({ version: "1.1.0" });
    const args = await site.wants("1.1.0", image);
    const { output } = await site.stack.preview(args);
    assert.match(output, /upgrade 1\.0\.0 → 1\.1\.0/);
    const figures = await site.element.measure(() => site.stack.mustUp(args).then(() => undefined));
    const view = await site.element.view();
    assert.equal(view.version, "1.1.0");
    assert.equal(view.exeSha256, image.initSha256);
    assert.equal(figures.elements.ne1?.boots, 0);
    assert.equal(figures.elements.ne1?.hardwareResets, 0);
    assert.equal(figures.transit.lost, 0);
    assert(figures.ztl);
  });

  it("fails with the element's own reason when the new init hangs, and the old root serves", async () => {
    const image = await site.element.image({ version: "1.2.0", defect: "hang" });
    const { code, output } = await site.stack.up(await site.wants("1.2.0", image, { watchdog: "1s" }));
    assert.notEqual(code, 0);
    assert.match(output, /did not report in time/);
    assert.equal((await site.element.view()).version, "1.1.0");
  });

  it("goes back to the older version by the same way", async () => {
    const args = await site.wants("1.0.0", await site.element.image({ version: "1.0.0" }));
    const figures = await site.element.measure(() => site.stack.mustUp(args).then(() => undefined));
    assert.equal((await site.element.view()).version, "1.0.0");
    assert.equal(figures.transit.lost, 0);
  });
});
