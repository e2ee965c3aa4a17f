/** What a new version can fail at besides its KPIs: its dial test, its boot, its life. */
import assert from "node:assert/strict";
import { lastCampaign } from "../../examples/support/issu.ts";
import { impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const DESIGNATED = ["imsi-001010000000001", "imsi-001010000000002"];

const network = (version: string, boot = "30s") =>
  amf({
    version,
    upgrade: {
      gray: { ratios: [50, 100], soak: "4s" },
      dialTest: { subscribers: DESIGNATED },
      gates: [{ kpi: "registration-success", atLeast: 99.5, minSamples: 50 }],
      limits: { boot, move: "30s", gate: "10s" },
    },
  });

describe("failures of a new version", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async function () {
    this.timeout(240_000);
    ({ site, stack, seen } = await openServing(
      { name: "test-failures", subscribers: 2_000, calls: 4 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  async function backOnOld(): Promise<void> {
    const { report } = await lastCampaign(root, site.env, "amf", site.lab.namespace);
    assert.equal(report.outcome, "rolled-back");
    const { spec } = await seen.split();
    assert.equal(spec.left?.version, "1.0.0");
    assert.equal(spec.right, undefined);
    assert.deepEqual(spec.pinned, []);
    for (const one of await seen.deployments()) {
      const wanted = one.version === "1.0.0" ? 4 : 0;
      assert.deepEqual([one.name, one.replicas], [one.name, wanted]);
    }
  }

  it("a dial test that fails ends the campaign before anybody else moves (GRY-07, ESC-10)", async () => {
    await site.lab.fault("dial-test-failure", { version: "1.1.0" });
    await site.traffic.openWindow("dial");
    const { code, output } = await stack.up(network("1.1.0"));
    const figures = await site.traffic.closeWindow("dial");
    note("dial", impactOf(figures));
    assert.notEqual(code, 0, output);
    assert.match(output, /dial-test failed: .*imsi-00101\*+0001 registration: 5GMM cause 22/);
    assert.match(output, /Campaign 2 was rolled back/);
    assert.equal(figures.metVersions["1.1.0"]?.subscribers, DESIGNATED.length, "others met it, too");
    assert.equal(figures.sessionsLost + figures.reRegistrations, 0);
    await backOnOld();
  });

  it("an instance that never becomes ready ends it within limits.boot (ESC-11, fidelity 7)", async () => {
    await site.lab.fault("pods-never-ready", { version: "1.1.1" });
    await site.traffic.openWindow("boot");
    const since = Date.now();
    const { code, output } = await stack.up(network("1.1.1", "5s"));
    const figures = await site.traffic.closeWindow("boot");
    note("boot", impactOf(figures));
    assert.notEqual(code, 0, output);
    assert.match(output, /minimal failed: .*amf-gsu-1-1-1/);
    assert.match(output, /Campaign 3 was rolled back/);
    const step = (await seen.log(since)).find(({ action, code }) => action === "scale" && code !== "OK");
    const waited = step ? step.at - step.startedAt : Number.NaN;
    assert.ok(waited >= 5_000 && waited < 7_000, `waited ${waited} ms for the instance, 5 s are allowed`);
    assert.equal(figures.sessionsLost + figures.reRegistrations + figures.proceduresFailed, 0);
    assert.equal(figures.metVersions["1.1.1"], undefined, "somebody met a version that never served");
    await backOnOld();
    await site.lab.clearFaults();
  });

  it("an instance that crashes costs sessions, which the record shows, and the gate stops the campaign (ESC-15, GRY-06f)", async () => {
    await site.traffic.openWindow("crash");
    const running = stack.up(network("1.1.2"));
    await until(
      "1.1.2 carries half of the subscribers",
      async () => {
        const { spec, status } = await seen.split();
        return spec.right?.version === "1.1.2" && spec.ratio === 50 && status?.moving === 0;
      },
      60_000,
    );
    await site.lab.fault("instance-crash", { version: "1.1.2", count: 1 });
    const { code, output } = await running;
    const figures = await site.traffic.closeWindow("crash");
    note("crash", impactOf(figures));
    assert.ok(figures.sessionsLost > 0, "the measurement did not see what was lost");
    assert.ok(figures.reRegistrations > 0, "nobody had to register anew");
    assert.notEqual(code, 0, output);
    assert.match(output, /was rolled back/);
    await backOnOld();
  });
});
