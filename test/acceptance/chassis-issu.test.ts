/** A chassis cluster from one release to the next by `pulumi up`, back again, and what is refused. */
import assert from "node:assert/strict";
import { type ChassisSite, openChassisSite, RELEASES } from "../support/chassis-site.ts";

describe("a chassis cluster, upgraded by pulumi up", function () {
  this.timeout(240_000);
  let site: ChassisSite;
  before(async function () {
    this.timeout(600_000);
    site = await openChassisSite({ name: "edge" });
  });
  after(() => site?.close());

  const releases = () => site.cluster.model.nodes.map(({ release }) => release);
  const groups = () =>
    site.cluster.model.groups.map(({ primary, manual }) => ({ primary, manual: manual !== undefined }));

  it("has nothing to do while both nodes run what is declared", async () => {
    await site.stack.mustUp(site.wants(RELEASES.old));
    assert.deepEqual(await site.stack.stack.outputs(), {
      outcomes: { edge: { version: RELEASES.old, outcome: "unchanged", campaign: "" } },
    });
  });

  it("shows the plan, then carries it out in the device's order, and leaves the groups as they were", async () => {
    const before = groups();
    site.putImage({ release: RELEASES.new });
    const { output } = await site.stack.preview(site.wants(RELEASES.new));
    assert.match(output, /upgrade 21\.2R3-S4 → 21\.4R3-S5/);
    await site.stack.mustUp(site.wants(RELEASES.new));
    assert.deepEqual(releases(), [RELEASES.new, RELEASES.new]);
    assert.deepEqual(groups(), before);
  });
});
