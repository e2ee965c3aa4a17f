/** Prometheus and Alertmanager as sources of what gates judge, against stubs that answer and fail as they do. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import type { MeasuredSides, SourceError } from "pulumi-issu/contract";
import { KpiWindow } from "#sdk/campaign/kpi-window.js";
import { AlertmanagerSource } from "#sdk/drivers/alertmanager/index.js";
import { PrometheusSource } from "#sdk/drivers/prometheus/index.js";
import type { ResolvedPrometheus } from "#sdk/policy/gate-policy.js";
import { createPki } from "../../lab/cluster/pki.ts";
import { MonitoringStub, type Mood, type StubSeries } from "../support/monitoring-stub.ts";

const SIDES: MeasuredSides = {
  left: { side: "left", version: "1.0.0", parts: ["amf-gsu-1-0-0-aa"] },
  right: { side: "right", version: "1.1.0", parts: ["amf-gsu-1-1-0-bb", "amf-omu-1-1-0-cc"] },
};
const LABELS = {
  procedure: "procedure",
  side: "side",
  workload: "workload",
  version: "version",
  instance: "instance",
};
const KPI = "registration-success";

describe("monitoring as a source", () => {
  let stub: MonitoringStub;
  beforeEach(async () => {
    stub = await MonitoringStub.start();
  });
  afterEach(() => stub.close());

  const prometheus = (more: Partial<ResolvedPrometheus> = {}) =>
    new PrometheusSource({
      url: stub.url,
      token: stub.token,
      everyMs: 15_000,
      selector: { namespace: "core" },
      labels: LABELS,
      ...more,
    });
  const fails = async (work: Promise<unknown>, code: string, message: RegExp) => {
    await assert.rejects(work, (error: SourceError) => {
      assert.deepEqual([error.name, error.code], ["SourceError", code], error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /token/);
      return true;
    });
  };

  it("says what is wrong with a server, without showing a secret", async () => {
    const cases: [Mood, string, RegExp][] = [
      ["failing", "UNREACHABLE", /^127\.0\.0\.1:\d+ (says unavailable: not ready|answers HTTP 503)$/],
      ["elsewhere", "BAD_ANSWER", /sends on to another address \(HTTP 302\)/],
      ["html", "BAD_ANSWER", /does not answer as .* does \(HTTP 200\)/],
    ];
    const alertmanager = new AlertmanagerSource({ url: stub.url, token: stub.token });
    for (const [mood, code, message] of cases) {
      stub.mood = mood;
      await fails(prometheus().value("up", SIDES.left), code, message);
      await fails(alertmanager.firing([]), code, message);
    }
    stub.mood = "well";
    await fails(prometheus({ token: "wrong" }).value("up", SIDES.left), "UNAUTHORIZED", /HTTP 401/);
    const away = await MonitoringStub.start();
    const { url } = away;
    await away.close();
    await fails(prometheus({ url }).value("up", SIDES.left), "UNREACHABLE", /ECONNREFUSED/);
  });

  it("gives up on a server that does not answer, and at once when it is told to", async function () {
    this.timeout(20_000);
    stub.mood = "slow";
    await fails(prometheus().value("up", SIDES.left), "UNREACHABLE", /did not answer within 5 s/);
    const stop = new AbortController();
    const asked = prometheus().value("up", SIDES.left, stop.signal);
    stop.abort();
    await fails(asked, "UNREACHABLE", /can't be reached/);
  });

  it("verifies certificates, by the authority that it is given", async () => {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-monitoring-"));
    const { server, ca } = await createPki(dir);
    const secure = await MonitoringStub.start({ cert: server.cert, key: server.key });
    try {
      secure.answer = () => ({ scalar: "7" });
      const url = secure.url.replace("127.0.0.1", "localhost");
      assert.equal(await prometheus({ url, ca }).value("x", SIDES.left), 7);
      await fails(
        prometheus({ url }).value("x", SIDES.left),
        "UNREACHABLE",
        /certificate that is not trusted/,
      );
    } finally {
      await secure.close();
      await fs.rm(dir, { recursive: true });
    }
  });

  it("asks with token, headers and path prefix", async () => {
    stub.answer = () => ({ scalar: "1" });
    const source = prometheus({ headers: { "X-Scope-OrgID": "core" } });
    assert.equal(await source.value("vector(1)", SIDES.left), 1);
    const [first] = stub.asked;
    assert.equal(first?.headers.authorization, `Bearer ${stub.token}`);
    assert.equal(first?.headers["x-scope-orgid"], "core");
    assert.equal(first?.query.get("lookback_delta"), "45s");
    await fails(prometheus({ url: `${stub.url}/prom/` }).value("up", SIDES.left), "BAD_ANSWER", /HTTP 404/);
    assert.equal(stub.asked.at(-1)?.path, "/prom/api/v1/query");
  });

  describe("a query", () => {
    it("stands for one side at a time", async () => {
      stub.answer = () => [{ metric: {}, value: [1, "0.25"] }];
      // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of the policy
      const query = 'avg(x{side="${side}",version="${version}",workload=~"${workloads}"})';
      assert.equal(await prometheus().value(query, SIDES.right), 0.25);
      assert.equal(
        stub.asked[0]?.query.get("query"),
        'avg(x{side="right",version="1.1.0",workload=~"amf-gsu-1-1-0-bb|amf-omu-1-1-0-cc"})',
      );
      // An empty expression would match everything that has no such label.
      await fails(
        prometheus().value(query, { ...SIDES.left, parts: [] }),
        "BAD_QUERY",
        /nothing to stand for/,
      );
      assert.equal(stub.asked.length, 1);
    });

    it("yields one number, or none, or is refused", async () => {
      const value = async (text: string) => {
        stub.answer = () => [{ metric: {}, value: [1, text] }];
        return prometheus().value("x", SIDES.left);
      };
      assert.equal(await value("1.5e-3"), 0.0015);
      assert.equal(await value("NaN"), undefined);
      assert.equal(await value("+Inf"), 1e300);
      stub.answer = () => [];
      assert.equal(await prometheus().value("x", SIDES.left), undefined);
      const one = { metric: { pod: "a" }, value: [1, "1"] as const };
      stub.answer = () => [one, { ...one, metric: { pod: "b" } }];
      await fails(prometheus().value("x", SIDES.left), "BAD_QUERY", /yields 2 series .* aggregate them/);
      stub.answer = () => ({ string: "text" });
      await fails(prometheus().value("x", SIDES.left), "BAD_QUERY", /yields a string/);
      stub.answer = () => ({ error: '1:4: parse error: unexpected "}"' });
      await fails(prometheus().value("x}", SIDES.left), "BAD_QUERY", /bad_data: 1:4: parse error/);
    });
  });

  describe("the contract's counters", () => {
    const T = 1_700_000_000;
    const pair = (
      metric: Readonly<Record<string, string>>,
      points: readonly (readonly [at: number, attempts: string, successes: string])[],
    ): StubSeries[] => [
      {
        metric: { __name__: "nf_procedure_attempts_total", procedure: "registration", ...metric },
        values: points.map(([at, tried]) => [T + at, tried] as const),
      },
      {
        metric: { __name__: "nf_procedure_successes_total", procedure: "registration", ...metric },
        values: points.map(([at, , done]) => [T + at, done] as const),
      },
    ];
    const serve = (counters: readonly StubSeries[], starts: readonly StubSeries[] = []) => {
      stub.answer = (query) => (query.includes("process_start_time_seconds") ? starts : counters);
    };

    it("are asked for as they were scraped lately, and told apart by side, workload or version", async () => {
      serve([
        ...pair({ instance: "a", side: "left" }, [[0, "100", "99"]]),
        ...pair({ instance: "b", side: "", workload: "amf-omu-1-1-0-cc" }, [[0, "50", "50"]]),
        ...pair({ instance: "c", version: "1.0.0" }, [[0, "7", "6"]]),
        ...pair({ instance: "d", version: "0.9.0" }, [[0, "1000", "0"]]),
      ]);
      const counts = await prometheus().counts([KPI, "no-kpi"], SIDES);
      const [starts, counters] = stub.asked.map(({ query }) => query.get("query")).sort();
      assert.equal(starts, 'process_start_time_seconds{namespace="core"}');
      assert.equal(
        counters,
        '{__name__=~"nf_procedure_attempts_total|nf_procedure_successes_total",procedure=~"registration",namespace="core"}[45s]',
      );
      assert.deepEqual(
        counts.map(({ side, attempts, successes, at }) => [side, attempts, successes, at]),
        [
          ["left", 100, 99, T * 1000],
          ["right", 50, 50, T * 1000],
          ["left", 7, 6, T * 1000],
        ],
      );
      assert.equal(new Set(counts.map(({ source }) => source)).size, 3);
    });

    it("are read under the names that a site gives labels", async () => {
      const labels = { ...LABELS, procedure: "exported_procedure", side: "domain", workload: "deployment" };
      const [attempts, successes] = pair({ instance: "a" }, [[0, "3", "3"]]);
      const renamed = [attempts, successes].map((one) => ({
        metric: {
          __name__: one?.metric.__name__ ?? "",
          exported_procedure: "registration",
          deployment: "amf-gsu-1-0-0-aa",
        },
        values: one?.values ?? [],
      }));
      serve(renamed);
      const counts = await prometheus({ labels }).counts([KPI], SIDES);
      assert.deepEqual(
        counts.map(({ side, attempts: tried }) => [side, tried]),
        [["left", 3]],
      );
    });

    it("a restart between two scrapes is no fall, and half a scrape no failure", async () => {
      const at = { instance: "a", side: "right" };
      const [tried, done] = pair(at, [
        [0, "1000", "1000"],
        [15, "1010", "1010"],
        [30, "4", "4"],
        [45, "9", "8"],
      ]);
      // Of the last scrape only one counter has arrived yet.
      serve([tried as StubSeries, { ...(done as StubSeries), values: (done?.values ?? []).slice(0, 3) }]);
      const first = await prometheus().counts([KPI], SIDES);
      assert.equal(first.length, 3);
      serve([tried as StubSeries, done as StubSeries]);
      const window = new KpiWindow(0);
      window.add(await prometheus().counts([KPI], SIDES));
      assert.deepEqual(window.tally(KPI, "right"), { attempts: 10 + 4 + 5, successes: 10 + 4 + 4 });
    });

    it("an instance that is young counts from its start, NaN counts nothing", async () => {
      serve(
        [
          ...pair({ instance: "young", side: "right" }, [[0, "8", "8"]]),
          ...pair({ instance: "odd", side: "right" }, [[0, "NaN", "8"]]),
        ],
        [{ metric: { instance: "young" }, value: [T, String(T - 5)] }],
      );
      const counts = await prometheus().counts([KPI], SIDES);
      assert.deepEqual(
        counts.map(({ startedAt }) => startedAt),
        [(T - 5) * 1000],
      );
    });
  });

  describe("alerts", () => {
    const alertmanager = () => new AlertmanagerSource({ url: stub.url, token: stub.token });
    const alert = (name: string, state: "active" | "suppressed" | "unprocessed" = "active") => ({
      labels: { alertname: name, service: "amf" },
      fingerprint: `f-${name}`,
      startsAt: "2026-01-01T00:00:00.000Z",
      status: { state },
    });

    it("are those that fire; silenced and inhibited ones don't", async () => {
      stub.alerts = [alert("Drops"), alert("Hushed", "suppressed"), alert("New", "unprocessed")];
      const firing = await alertmanager().firing(['service="amf"', 'severity=~"critical|major"']);
      assert.deepEqual(
        firing.map(({ fingerprint }) => fingerprint),
        ["f-Drops"],
      );
      const { query } = stub.asked[0] ?? assert.fail();
      assert.deepEqual(query.getAll("filter"), ['service="amf"', 'severity=~"critical|major"']);
      assert.deepEqual(
        ["active", "silenced", "inhibited", "unprocessed"].map((name) => query.get(name)),
        ["true", "false", "false", "false"],
      );
    });

    it("a matcher that the server does not understand is told as it says", async () => {
      stub.badMatcher = 'a=~"("';
      await fails(alertmanager().firing(['a=~"("']), "BAD_QUERY", /bad matcher format/);
      await fails(
        new AlertmanagerSource({ url: stub.url, token: "other" }).firing([]),
        "UNAUTHORIZED",
        /refuses who asks/,
      );
    });
  });
});
