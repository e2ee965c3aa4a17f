/** Gates that ask a real Prometheus beside the lab; with `PULUMI_ISSU_FULL=1`, since it may have to be built once (ESC-10, 19). */
import assert from "node:assert/strict";
import type { AnyGatePolicy } from "pulumi-issu";
import { writesSince } from "../support/audit.ts";
import { full } from "../support/full.ts";
import { Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const COUNTED: AnyGatePolicy = {
  kpi: "registration-success",
  source: "prometheus",
  atLeast: 99.5,
  minSamples: 50,
};
const LOAD: AnyGatePolicy = {
  kpi: "load",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of the policy
  query: 'avg(nf_load_ratio{workload=~"${workloads}"})',
  atMost: 0.95,
};

describe("gates that ask Prometheus", function () {
  this.timeout(300_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  const network = (version: string, gates: readonly AnyGatePolicy[], url?: string) =>
    amf({
      version,
      upgrade: {
        gray: { ratios: [50, 100], soak: "6s" },
        monitoring: {
          prometheus: {
            url: url ?? site.lab.prometheusUrl ?? assert.fail("no Prometheus"),
            interval: "1s",
            selector: { namespace: "core" },
          },
        },
        gates,
        limits: { boot: "30s", move: "30s", gate: "10s" },
      },
    });

  before(async function () {
    this.timeout(900_000);
    if (!full) return this.skip();
    site = await openTestSite({
      name: "test-monitoring",
      nodes: 4,
      subscribers: 2_000,
      calls: 10,
      prometheus: true,
    });
    seen = new Observed(site);
    stack = await site.stack("monitoring");
    await stack.mustUp(network("1.0.0", []));
    await site.traffic.allRegistered(30_000);
    await until("Prometheus has scraped it", async () => {
      const query = encodeURIComponent("count(nf_load_ratio)");
      const answer = await fetch(`${site.lab.prometheusUrl}/api/v1/query?query=${query}`);
      const { data } = (await answer.json()) as { data: { result: readonly { value: [number, string] }[] } };
      return data.result[0]?.value[1] === "4";
    });
  });
  afterEach(() => site?.lab.clearFaults());
  after(async () => {
    seen?.close();
    await site?.close();
  });

  it("refuses at preview what it can't answer, with nothing touched", async () => {
    const since = Date.now();
    const { code, output } = await stack.preview(
      network("1.1.0", [
        { ...COUNTED, kpi: "no-such-success" },
        { kpi: "broken", query: "sum(", atMost: 1 },
        { kpi: "many", query: "nf_load_ratio", atMost: 1 },
      ]),
    );
    assert.notEqual(code, 0, output);
    assert.match(output, /upgrade\.gates\[0\]\.kpi.*prometheus shows no counts of no-such-success/);
    assert.match(output, /upgrade\.gates\[1\]\.query.*parse error/);
    assert.match(output, /upgrade\.gates\[2\]\.query.*yields 4 series/);
    const away = await stack.preview(network("1.1.0", [LOAD], "http://127.0.0.1:1"));
    assert.match(away.output, /upgrade\.monitoring\.prometheus\.url.*can't be reached \(ECONNREFUSED\)/);
    assert.deepEqual(await writesSince(site.lab.auditLogPath, since), []);
  });

  it("passes a good version, by what Prometheus scraped of either side", async () => {
    await stack.mustUp(network("1.1.0", [COUNTED, LOAD]));
    const { spec } = await seen.split();
    assert.equal(spec.left?.version, "1.1.0");
  });

  it("takes back a version that fails, for the reason that Prometheus shows", async () => {
    await site.lab.fault("procedure-failures", {
      version: "1.2.0",
      procedure: "registration",
      percentOfSubscribers: 20,
    });
    const { code, output } = await stack.up(network("1.2.0", [COUNTED]));
    assert.notEqual(code, 0, output);
    assert.match(output, /gray-50 failed: registration-success: .*at least 99\.5 % is wanted/);
    assert.match(output, /was rolled back in [\d.]+ s: 1\.1\.0 serves alone/);
  });

  it("holds and fails closed when Prometheus goes away in the middle", async () => {
    const run = stack.up(network("1.3.0", [LOAD]));
    await until("subscribers have moved", async () => (await seen.split()).spec.ratio === 50, 120_000);
    await site.lab.processes.stop("prometheus");
    const { code, output } = await run;
    assert.notEqual(code, 0, output);
    assert.match(output, /fails closed: load: nothing was measured on the new version.*ECONNREFUSED/);
  });
});
