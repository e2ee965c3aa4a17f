/** Campaigns on a chassis that is driven by NETCONF: they take the same course as by the command line. */
import assert from "node:assert/strict";
import { ChassisBench, RELEASES } from "../support/chassis-run.ts";
import { itInFull } from "../support/full.ts";

const access = { protocol: "netconf" } as const;

describe("a campaign on a chassis cluster by NETCONF", function () {
  this.timeout(120_000);
  let bench: ChassisBench | undefined;
  afterEach(() => bench?.close());

  itInFull("upgrades both nodes, and nothing is typed", async () => {
    bench = await ChassisBench.open({ name: "edge" });
    const { groups } = bench;
    bench.putImage({ release: RELEASES.new });
    const run = await bench.must(RELEASES.new, { access });
    assert.deepEqual(bench.releases, [RELEASES.new, RELEASES.new]);
    assert.deepEqual(bench.groups, groups);
    assert.match(run.ticks.join("\n"), /node1 21\.4R3-S5\.4/);
    assert.equal((await bench.run(RELEASES.new, { access })).outcome, "unchanged");
  });
});
