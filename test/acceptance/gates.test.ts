/** Gates that can't judge hold their stage, fail closed at the limit, and say why, each in its own words (ESC-10, fidelity 12). */
import assert from "node:assert/strict";
import type { GatePolicy } from "pulumi-issu";
import { control } from "../../lab/control.ts";
import { writesSince } from "../support/audit.ts";
import { note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const SOAK_MS = 2_000;
const LIMIT_MS = 3_000;
const GATE = { kpi: "registration-success", atLeast: 99.5, minSamples: 50 };

const network = (version: string, gate: GatePolicy = GATE, soakMs = SOAK_MS) =>
  amf({
    version,
    upgrade: {
      gray: { ratios: [20, 100], soak: `${soakMs}ms` },
      gates: [gate],
      limits: { boot: "30s", move: "30s", gate: `${LIMIT_MS}ms` },
    },
  });

describe("gates that can't judge", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async function () {
    this.timeout(240_000);
    ({ site, stack, seen } = await openServing(
      { name: "test-gates", subscribers: 2_000, calls: 4 },
      network("1.0.0"),
    ));
  });
  afterEach(() => site?.lab.clearFaults());
  after(async () => {
    seen?.close();
    await site?.close();
  });

  async function refused(version: string, gate: GatePolicy, ...messages: RegExp[]): Promise<void> {
    const since = Date.now();
    const { code, output } = await stack.preview(network(version, gate));
    assert.notEqual(code, 0, output);
    for (const message of messages) assert.match(output, message);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), [], "something was touched");
  }

  /**
   * The campaign holds in gray-20 for soak and limit, is then taken back, and costs nobody a session.
   *
   * @param meanwhile runs beside the campaign.
   */
  async function failsClosed(
    version: string,
    gate: GatePolicy,
    code: string,
    message: RegExp,
    { meanwhile, soakMs = SOAK_MS }: { meanwhile?: () => Promise<void>; soakMs?: number } = {},
  ): Promise<void> {
    const since = Date.now();
    await site.traffic.openWindow(version);
    const [run] = await Promise.all([stack.up(network(version, gate, soakMs)), meanwhile?.()]);
    const figures = await site.traffic.closeWindow(version);
    assert.notEqual(run.code, 0, run.output);
    assert.match(run.output, /gray-20 failed: gate held the stage until its limit and fails closed/);
    assert.match(run.output, message);
    assert.match(run.output, /was rolled back in [\d.]+ s: 1\.0\.0 serves alone/);
    const log = await seen.log(since);
    const end = log.find(({ stage, action }) => stage === "gray-20" && action === "stage-end");
    assert.equal(end?.code, code);
    const lastStep = log.findLast(
      (one) => one.stage === "gray-20" && one !== end && !one.action.startsWith("alarm-"),
    );
    const held = (end?.at ?? 0) - (lastStep?.at ?? 0);
    note(version, { code, heldMs: held, sessionsLost: figures.sessionsLost });
    const wanted = soakMs + LIMIT_MS;
    assert.ok(held >= wanted && held < wanted + 1_500, `held for ${held} ms, ${wanted} are to be`);
    assert.equal(figures.sessionsLost + figures.reRegistrations, 0);
    const { spec } = await seen.split();
    assert.deepEqual([spec.left?.version, spec.right], ["1.0.0", undefined]);
  }

  it("a KPI that nothing exports is refused at preview, naming what is exported", () =>
    refused(
      "1.1.0",
      { kpi: "handover-success", atLeast: 99, minSamples: 10 },
      /upgrade\.gates\[0\]\.kpi/,
      /handover-success/,
      /registration-success/,
    ));

  it("samples that can't be had within the soak at the present rate are refused at preview", () =>
    refused(
      "1.1.0",
      { ...GATE, minSamples: 100_000 },
      /upgrade\.gates\[0\]\.minSamples/,
      /attempts a second, 20 % of them on the new version/,
      /100000 are needed/,
      /Set gray\.soak to at least/,
    ));

  it("instances that serve no metrics", async () => {
    await site.lab.fault("metrics-missing", { version: "1.1.1" });
    await failsClosed("1.1.1", GATE, "GATE_NO_DATA", /no instance of the new version reports it/);
  });

  it("counters that never move", async () => {
    await site.lab.fault("no-samples", { version: "1.1.2" });
    await failsClosed("1.1.2", GATE, "GATE_NO_DATA", /the new version reports no attempt, 50 are needed/);
  });

  it("too few samples", async () => {
    const gate = { ...GATE, minSamples: 300 };
    await failsClosed(
      "1.1.3",
      gate,
      "GATE_TOO_FEW",
      /registration-success: \d+ attempts on the new version, 300 are needed/,
      {
        soakMs: 4_000,
        // They stop when some have been counted.
        meanwhile: async () => {
          await until("1.1.3 has subscribers", async () => (await seen.split()).spec.ratio === 20, 60_000);
          await site.traffic.watchRule({ name: "few", ...GATE, procedure: "registration", side: "right" });
          await until("some attempts on the new version", async () => {
            const endpoint = site.lab.endpoints.traffic ?? assert.fail("no traffic");
            return (await control<{ attempts: number }>(endpoint, "GET", "/rules/few")).attempts >= 20;
          });
          await site.lab.fault("no-samples", { version: "1.1.3" });
        },
      },
    );
  });

  it("an old version without samples to compare with", async () => {
    await site.lab.fault("no-samples", { version: "1.0.0" });
    await failsClosed(
      "1.1.4",
      { kpi: GATE.kpi, maxDrop: 1, minSamples: 50 },
      "GATE_ZERO_BASELINE",
      /the old version's 0 attempts are too few, so there is nothing to compare with/,
    );
  });

  it("an old version that fails altogether", async () => {
    await site.lab.fault("procedure-failures", {
      version: "1.0.0",
      procedure: "paging",
      percentOfSubscribers: 100,
    });
    await failsClosed(
      "1.1.5",
      { kpi: "paging-success", maxDrop: 1, minSamples: 10 },
      "GATE_ZERO_BASELINE",
      /the old version's success is 0 %, so there is nothing to compare with/,
    );
  });
});
