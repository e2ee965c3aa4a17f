/** Campaigns whose gates ask a site's own monitoring: before anything is touched, while it answers, and when it doesn't. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import {
  type AlertSource,
  type FiringAlert,
  type MetricSource,
  SourceError,
  type TimedCount,
} from "pulumi-issu/contract";
import type { CampaignError } from "#sdk/campaign/errors.js";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal } from "#sdk/campaign/journal.js";
import { Session } from "#sdk/campaign/session.js";
import { campaignReport } from "#sdk/cli/report.js";
import { reportText } from "#sdk/cli/report-text.js";
import type { AnyGate } from "#sdk/policy/gate-policy.js";
import { type Dial, type DialSpec, dialRule, FakeTarget, release } from "./fake-target.ts";

const quiet = { tick: () => undefined, say: () => undefined };
const alert = (name: string, labels: Record<string, string> = {}): FiringAlert => ({
  fingerprint: `f-${name}`,
  labels: { alertname: name, ...labels },
  startsAt: "2026-01-01T00:00:00.000Z",
});
const away = () => Promise.reject(new SourceError("UNREACHABLE", "prometheus.example can't be reached"));

const LATENCY: AnyGate = {
  kpi: "latency",
  query: "q",
  unit: "ms",
  atMost: 50,
  everyMs: 20,
  minSamples: 5,
};
const COMPARED: AnyGate = {
  kpi: "latency",
  query: "q",
  unit: "ms",
  compare: { effect: 5, worse: "higher", confidence: 0.99, power: 0.95 },
  everyMs: 5,
  minSamples: 20,
};
const ALERTS: AnyGate = { alerts: { matchers: ['service="amf"'], any: false } };
const COUNTED: AnyGate = {
  kpi: "registration-success",
  source: "prometheus",
  atLeast: 99.5,
  minSamples: 50,
};

describe("a campaign with the site's own monitoring", function () {
  this.timeout(60_000);
  let dir: string;
  let store: FileStore;
  let target: FakeTarget;
  let metrics: MetricSource;
  let alerts: AlertSource;
  let asked: { query: string; side: string; parts: readonly string[] }[];

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-monitoring-"));
    store = new FileStore(dir);
    target = new FakeTarget("1.0.0");
    asked = [];
    metrics = {
      name: "prometheus",
      everyMs: 20,
      counts: async () => [],
      value: async (query, { side, parts }) => {
        asked.push({ query, side, parts });
        return 10;
      },
    };
    alerts = { name: "alertmanager", firing: async () => [] };
  });
  afterEach(() => fs.rm(dir, { recursive: true, maxRetries: 3 }));

  const session = (gates: readonly AnyGate[], more: Partial<DialSpec> = {}) =>
    new Session<DialSpec, Dial>({
      target,
      rule: dialRule,
      store,
      log: { write: () => undefined },
      spec: { version: "1.1.0", stops: [50], gates, gateLimitMs: 1_000, ...more } as DialSpec,
      goal: release("1.1.0"),
      onFailure: { rollBack: true, surge: "all", fallbackSurge: 1 },
      approvals: [],
      monitoring: { metrics, alerts },
      parts: ({ version }) => [`dial-${version}`],
    });
  const runAll = async (one: Session<DialSpec, Dial>) => {
    for (const stage of ["preflight", "turn-50", "finalize"]) await one.runStage(stage, quiet);
  };
  const campaign = async () => (await Journal.read(store, target.id)).data.campaign;
  const verdict = async () => (await campaign())?.stages[1]?.verdicts?.[0];
  const noisy = (shift: number) => {
    let i = 0;
    // No two alike, without a pattern that a lag of a few readings would show.
    return () => 20 + shift + ((++i * 7919) % 101) / 10;
  };

  it("is refused at preview, every mistake in one go, with nothing touched", async () => {
    const trouble = (query: string) =>
      query === "bad" ? new SourceError("BAD_QUERY", "parse error") : undefined;
    metrics = {
      ...metrics,
      value: async (query) => {
        const wrong = trouble(query);
        if (wrong) throw wrong;
        return query === "none" ? undefined : 1;
      },
    };
    alerts = {
      name: "alertmanager",
      firing: () =>
        Promise.reject(new SourceError("UNAUTHORIZED", "alerts.example refuses who asks (HTTP 401)")),
    };
    const gates = [
      LATENCY,
      { ...LATENCY, kpi: "b", query: "bad" },
      { ...LATENCY, kpi: "c", query: "none" },
      COUNTED,
      ALERTS,
      { alerts: { matchers: ["x=y"], any: true } },
    ];
    const view = await session(gates).view();
    assert.deepEqual(
      view.plan.problems.map((one) => one.path),
      [
        "upgrade.gates[1].query",
        "upgrade.gates[2].query",
        "upgrade.gates[3].kpi",
        "upgrade.monitoring.alertmanager.token",
      ],
    );
    for (const { message } of view.plan.problems) assert.match(message, /Expected .+\. .+\.$/);
    await assert.rejects(runAll(session(gates)), (error: CampaignError) => error.code === "REFUSED");
    metrics = { ...metrics, value: away };
    const [problem] = (await session([LATENCY, { ...LATENCY, kpi: "b" }]).view()).plan.problems;
    assert.equal(problem?.path, "upgrade.monitoring.prometheus.url");
    assert.match(
      problem?.message ?? "",
      /prometheus: prometheus\.example can't be reached\. Expected an answer/,
    );
    assert.deepEqual(target.performed, []);
    assert.deepEqual(await fs.readdir(dir), []);
  });

  it("asks both sides by what only they have", async () => {
    await runAll(session([{ ...COMPARED, advisory: true }], { soakMs: 100 }));
    const sides = new Map(asked.map(({ side, parts }) => [side, parts]));
    assert.deepEqual(sides.get("right"), ["dial-1.1.0"]);
    assert.deepEqual(sides.get("left"), [], "no journal says what served before");
    await fs.rm(dir, { recursive: true });
    await fs.mkdir(dir);
  });

  it("fails as soon as a reading is out of bounds, and passes within them", async () => {
    await runAll(session([LATENCY], { soakMs: 200 }));
    const good = await verdict();
    assert.deepEqual([good?.outcome, good?.value, good?.unit], ["pass", 10, "ms"]);

    await fs.rm(dir, { recursive: true });
    target = new FakeTarget("1.0.0");
    let value = 10;
    metrics = { ...metrics, value: async () => (value += 5) };
    const startedAt = Date.now();
    await assert.rejects(
      runAll(session([LATENCY], { soakMs: 60_000 })),
      /latency: \d+ ms on the new version, at most 50 ms is wanted/,
    );
    assert.ok(Date.now() - startedAt < 30_000);
    assert.deepEqual(target.dial, { position: 0, version: "1.0.0" });
  });

  it("compares with the old version beside it, and writes all numbers down", async () => {
    const [left, right] = [noisy(0), noisy(8)];
    metrics = { ...metrics, value: async (_, { side }) => (side === "left" ? left() : right()) };
    await assert.rejects(runAll(session([COMPARED], { soakMs: 1_500 })), /worse by .* ms; chance of that/);
    const found = await verdict();
    assert.equal(found?.outcome, "fail");
    for (const number of [found?.value, found?.baseline, found?.worseBy, found?.chance, found?.delta]) {
      assert.equal(typeof number, "number");
    }
    assert.ok((found?.independent?.right ?? 0) > 8);
    assert.ok((found?.worseBy ?? 0) > 5 && (found?.worseBy ?? 0) < 11);
    const record = await campaign();
    assert.ok((record?.readings?.latency?.length ?? 0) >= 20);
    const report = campaignReport(record ?? assert.fail());
    assert.equal(report.gates[0]?.worseBy, found?.worseBy);
    const page = { width: 120, paint: (_: unknown, text: string) => text };
    assert.match(reportText(report, Date.now(), page as never), /GATE AT[\s\S]*turn-50[\s\S]*latency: /);
  });

  it("holds when monitoring goes away, even with enough readings, and fails closed", async () => {
    let calls = 0;
    metrics = { ...metrics, everyMs: 20, value: () => (++calls > 40 ? away() : Promise.resolve(10)) };
    const startedAt = Date.now();
    await assert.rejects(
      runAll(session([LATENCY], { soakMs: 3_000, gateLimitMs: 600 })),
      /fails closed: latency: nothing was measured on the new version for \d s: prometheus\.example can't be reached/,
    );
    assert.ok(Date.now() - startedAt >= 3_600);
    assert.equal((await verdict())?.outcome, "no-data");
  });

  describe("counts taken by it", () => {
    /** Scrapes of one instance of either side, each a little later than the one before. */
    const scrapes = (success: () => number, until = () => true): MetricSource["counts"] => {
      const taken: TimedCount[] = [];
      return async () => {
        const at = Date.now();
        const sequence = taken.length / 2;
        for (const side of ["left", "right"] as const) {
          if (!until()) continue;
          const attempts = 10 * (sequence + 1);
          const ratio = side === "left" ? 1 : success();
          const successes = Math.floor(attempts * ratio);
          taken.push({ kpi: "registration-success", side, source: side, at, attempts, successes });
        }
        // A range: what was given before comes again.
        return taken.slice(-20);
      };
    };

    it("pass, or fail at once", async () => {
      metrics = { ...metrics, counts: scrapes(() => 1) };
      await runAll(session([COUNTED], { soakMs: 100, gateLimitMs: 20_000 }));
      assert.equal((await verdict())?.outcome, "pass");
      assert.ok((await campaign())?.baseline?.["registration-success@prometheus"]);

      await fs.rm(dir, { recursive: true });
      target = new FakeTarget("1.0.0");
      metrics = { ...metrics, counts: scrapes(() => 0.8) };
      await assert.rejects(
        runAll(session([COUNTED], { soakMs: 60_000 })),
        /registration-success: [78]\d\.\d\d % of \d+ attempts on the new version, at least 99\.5 % is wanted/,
      );
    });

    it("of a version that is scraped no more say nothing, however many there were", async () => {
      const startedAt = Date.now();
      metrics = {
        ...metrics,
        counts: scrapes(
          () => 1,
          () => Date.now() - startedAt < 2_500,
        ),
      };
      await assert.rejects(
        runAll(session([{ ...COUNTED, minSamples: 1 }], { soakMs: 5_000, gateLimitMs: 300 })),
        /fails closed: registration-success: nothing was counted on the new version for \d s/,
      );
    });
  });

  describe("alerts", () => {
    const gated = (more: Partial<DialSpec> = {}) => session([ALERTS], { soakMs: 2_500, ...more });
    const failsOn = (name: RegExp) => assert.rejects(runAll(gated()), name);

    it("that fired before don't count, nor do those that campaigns on this target raised", async () => {
      const own = alert("HELD_TOO_LONG", { source: "pulumi-issu", target: "dial/d" });
      const firing = async () => [alert("Old"), ...(target.performed.length > 0 ? [own] : [])];
      alerts = { ...alerts, firing };
      await runAll(gated());
      const found = await verdict();
      assert.deepEqual([found?.outcome, found?.value, found?.attempts], ["pass", 0, 2]);
      assert.match(found?.message ?? "", /none but Old, as before the campaign/);
      assert.deepEqual((await campaign())?.alertsBefore, ["f-Old"]);
    });

    it("that are new fail the stage at once, by name", async () => {
      const startedAt = Date.now();
      alerts = {
        ...alerts,
        firing: async () => [
          alert("Old"),
          ...(target.performed.length > 0 ? [alert("DropsCalls"), alert("Far", { target: "cnf/x/y" })] : []),
        ],
      };
      await assert.rejects(
        runAll(gated({ soakMs: 60_000 })),
        /alerts\{service="amf"\}: DropsCalls, Far fire, and did not when the campaign was opened/,
      );
      assert.ok(Date.now() - startedAt < 30_000);
      assert.deepEqual((await verdict())?.alerts, ["DropsCalls", "Far"]);
    });

    it("count whenever they began, if that is wanted", async () => {
      alerts = { ...alerts, firing: async () => [alert("Old")] };
      const any: AnyGate = { alerts: { matchers: ['service="amf"'], any: true } };
      await assert.rejects(
        runAll(session([any], { soakMs: 60_000 })),
        /alerts\{service="amf"\}: Old fires\b/,
      );
    });

    it("nobody can tell of hold the stage, then fail it", async () => {
      alerts = {
        ...alerts,
        firing: () => (target.performed.length > 0 ? away() : Promise.resolve([])),
      };
      await failsOn(/fails closed: alerts\{.*\}: which alerts fire is not known.*: prometheus\.example/);
    });
  });
});
