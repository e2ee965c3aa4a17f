/** A campaign on a device with one routing engine: consented to, or not at all (ESC-16). */
import assert from "node:assert/strict";
import { ChassisBench, RELEASES } from "../support/chassis-run.ts";

describe("a campaign on a device with one routing engine", function () {
  this.timeout(120_000);
  let bench: ChassisBench;
  beforeEach(async () => {
    bench = await ChassisBench.open({ name: "branch", nodes: 1 });
    bench.putImage({ release: RELEASES.new });
  });
  afterEach(() => bench?.close());
  const CONSENT = { upgrade: { outage: "15m", limits: { install: "40s" }, save: { system: false } } };

  it("is refused without consent to the outage, or to too short a one, saying for how long it goes down", async () => {
    const none = await bench.run(RELEASES.new);
    assert.equal(none.outcome, "refused");
    assert.match(
      none.error,
      /upgrade\.outage: Got no consent to an outage\. Expected consent to 10 m or more: branch has one routing engine, and goes down for about 10 m while it boots\. Write outage: "10m"/,
    );
    const short = await bench.run(RELEASES.new, { upgrade: { ...CONSENT.upgrade, outage: "2m" } });
    assert.match(short.error, /Got consent to an outage of 2 m\. Expected consent to 10 m or more/);
    assert.deepEqual(bench.releases, [RELEASES.old]);
    assert.deepEqual(bench.events("installed", "node-down"), []);
  });

  it("installs, reboots, and goes back by the release that the device keeps", async () => {
    const run = await bench.must(RELEASES.new, CONSENT);
    assert.match(run.warnings.join("\n"), /while it boots, for about 10 m, nothing goes through it/);
    assert.doesNotMatch(run.ticks.join("\n"), /\bnode0\b/);
    assert.deepEqual(bench.releases, [RELEASES.new]);
    assert.equal((await bench.run(RELEASES.new, CONSENT)).outcome, "unchanged");
    await bench.must(RELEASES.old, CONSENT);
    assert.deepEqual(bench.releases, [RELEASES.old]);
    assert.equal(bench.events("installed").length, 1);
  });

  it("does not come with the next boot once it was taken back before the reboot", async () => {
    const killed = await bench.run(RELEASES.new, { ...CONSENT, interrupt: bench.happens("installed") });
    assert.equal(killed.code, "INTERRUPTED", `${killed.outcome} ${killed.error}`);
    assert.equal(bench.cluster.model.node(0).pending?.release, RELEASES.new);
    await bench.must(RELEASES.old, CONSENT);
    assert.equal(bench.cluster.model.node(0).pending, undefined);
    assert.deepEqual(bench.events("node-down"), []);
  });

  it("ends on the old release when the new one does not boot", async () => {
    await bench.cluster.fault("boot-failure", { node: 0 });
    const run = await bench.run(RELEASES.new, CONSENT);
    assert.equal(run.code, "ROLLED_BACK", run.error);
    assert.deepEqual(bench.releases, [RELEASES.old]);
  });
});
