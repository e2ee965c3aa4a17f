/** What a policy may say of monitoring and of gates that ask it, and what is said back where it makes no sense. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { describeStage } from "#sdk/plan/describe.js";
import type { StagePlan } from "#sdk/plan/plan.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";

const QUERY = 'avg(x{side="$' + '{side}"})';
const MONITORING = {
  prometheus: { url: "https://prometheus.example:9090", token: "very-secret-token" },
  alertmanager: { url: "https://alerts.example/am" },
};

const problemsOf = (raw: unknown) =>
  new Map(resolvePolicy(raw).problems.map(({ path, message }) => [path, message]));

describe("monitoring in a policy", () => {
  it("is kept apart from what is journalled, with its defaults", () => {
    const { policy, peers, problems } = resolvePolicy({ monitoring: MONITORING });
    assert.deepEqual(problems, []);
    assert.doesNotMatch(JSON.stringify(policy), /example|secret/);
    assert.deepEqual(peers?.monitoring, {
      prometheus: {
        url: "https://prometheus.example:9090",
        token: "very-secret-token",
        everyMs: 15_000,
        selector: {},
        labels: {
          procedure: "procedure",
          side: "side",
          workload: "workload",
          version: "version",
          instance: "instance",
        },
      },
      alertmanager: { url: "https://alerts.example/am" },
    });
  });

  it("every mistake is told in one go, and no secret with it", () => {
    const found = problemsOf({
      monitoring: {
        prometheus: {
          url: "http://user:hunter2@prometheus.example",
          token: "hunter2 with spaces",
          ca: "no pem",
          headers: { "bad header": "hunter2", "X-Ok": 5 },
          interval: "0s",
          selector: { "a-b": "c", d: 1 },
          labels: { worklaod: "x", side: "1st" },
          allowHttp: "yes",
        },
        alertmanager: { url: "https://alerts.example/api/v2/alerts" },
        grafana: {},
      },
    });
    const at = (path: string) => `upgrade.monitoring.${path}`;
    assert.deepEqual(
      [...found.keys()].sort(),
      [
        "alertmanager.url",
        "grafana",
        "prometheus.allowHttp",
        "prometheus.ca",
        "prometheus.headers.X-Ok",
        "prometheus.headers.bad header",
        "prometheus.interval",
        "prometheus.labels.side",
        "prometheus.labels.worklaod",
        "prometheus.selector.a-b",
        "prometheus.selector.d",
        "prometheus.token",
        "prometheus.url",
      ].map(at),
    );
    for (const [path, message] of found) {
      assert.match(message, /^Got .+\. Expected .+\. .+\.$/, path);
      assert.doesNotMatch(message, /hunter2/);
    }
    assert.match(found.get(at("prometheus.labels.worklaod")) ?? "", /Write workload if that is meant/);
  });

  it("a credential is a token or a header, not both", () => {
    const headers = { Authorization: "Basic aHVudGVyMg==" };
    const said = (more: object) =>
      problemsOf({ monitoring: { alertmanager: { url: "https://alerts.example", headers, ...more } } });
    assert.equal(said({}).size, 0);
    assert.match(said({ token: "t" }).get("upgrade.monitoring.alertmanager.token") ?? "", /Remove the other/);
  });

  it("plain http over a network has to be wanted, and never carries a credential", () => {
    const url = "http://prometheus.monitoring.svc:9090";
    const at = "upgrade.monitoring.prometheus.url";
    const said = (more: object) => problemsOf({ monitoring: { prometheus: { url, ...more } } }).get(at);
    assert.match(said({}) ?? "", /can forge .* set allowHttp to true/);
    assert.equal(said({ allowHttp: true }), undefined);
    assert.match(said({ allowHttp: true, token: "t" }) ?? "", /would show token/);
    assert.equal(said({ url: "http://127.0.0.1:9090", token: "t" }), undefined);
  });

  it("what is not known yet is no mistake, and gates may count on it", () => {
    const later = { __pulumiOutput: true };
    const { problems, peers, policy } = resolvePolicy({
      monitoring: { prometheus: { url: later, token: later } },
      gates: [{ kpi: "registration-success", source: "prometheus", atLeast: 99 }],
    });
    assert.deepEqual([problems, peers], [[], {}]);
    assert.equal(policy?.gates.length, 1);
  });
});

describe("gates that ask monitoring", () => {
  it("are read with their defaults", () => {
    const { policy, problems } = resolvePolicy({
      monitoring: { ...MONITORING, prometheus: { ...MONITORING.prometheus, interval: "5s" } },
      gates: [
        { kpi: "registration-success", source: "prometheus", atLeast: 99.5 },
        { kpi: "latency", query: QUERY, atMost: 50, unit: "ms", failures: 3 },
        { kpi: "load", query: QUERY, compare: { effect: 0.1 }, every: "10s", advisory: true },
        { alerts: { matchers: ["severity=critical", ' service =~ "amf|smf" '] } },
      ],
    });
    assert.deepEqual(problems, []);
    assert.deepEqual(policy?.gates, [
      { kpi: "registration-success", source: "prometheus", atLeast: 99.5, minSamples: 100 },
      { kpi: "latency", query: QUERY, unit: "ms", atMost: 50, everyMs: 5_000, minSamples: 3, failures: 3 },
      {
        kpi: "load",
        query: QUERY,
        compare: { effect: 0.1, worse: "higher", confidence: 0.99, power: 0.95 },
        everyMs: 10_000,
        minSamples: 20,
        advisory: true,
      },
      { alerts: { matchers: ['severity="critical"', 'service=~"amf|smf"'], any: false } },
    ]);
  });

  it("say what they lack", () => {
    const found = problemsOf({
      gates: [
        { kpi: "registration-success", source: "prometheus", atLeast: 99.5 },
        { kpi: "latency", query: 'x{a="$' + '{pod}"}' },
        { kpi: "load", query: "node_load1", compare: { effect: -1, worse: "more", power: 2 }, minSamples: 3 },
        { kpi: "load", query: QUERY, atLeast: 5, atMost: 1 },
        { alerts: { matchers: [] } },
        { alerts: { matchers: ["critical", 'a=~"("', 5] } },
        { alerts: [], kpi: "x" },
        { kpi: "direct", source: "thanos", atLeast: 1 },
      ],
    });
    assert.deepEqual(
      [...found.keys()].sort(),
      [
        "gates[0].source",
        "gates[1]",
        "gates[1].query",
        "gates[2].compare.effect",
        "gates[2].compare.power",
        "gates[2].compare.worse",
        "gates[2].minSamples",
        "gates[2].query",
        "gates[3].atLeast",
        "gates[3].kpi",
        "gates[3].query",
        "gates[4].alerts",
        "gates[4].alerts.matchers",
        "gates[5].alerts",
        "gates[5].alerts.matchers[0]",
        "gates[5].alerts.matchers[1]",
        "gates[5].alerts.matchers[2]",
        "gates[6].alerts",
        "gates[6].alerts.matchers",
        "gates[6].kpi",
        "gates[7].source",
      ].map((path) => `upgrade.${path}`),
    );
    for (const [path, message] of found) assert.match(message, /^Got .+\. Expected .+\. .+\.$/s, path);
    assert.match(found.get("upgrade.gates[0].source") ?? "", /Add monitoring: \{ prometheus/);
    const declared = problemsOf({
      monitoring: MONITORING,
      gates: [
        { kpi: "a", query: 'x{a="$' + '{pod}"}', atMost: 1 },
        { kpi: "b", query: "node_load1", compare: { effect: 1 } },
        { kpi: "c", query: "node_load1", atMost: 1 },
      ],
    });
    assert.deepEqual([...declared.keys()], ["upgrade.gates[0].query", "upgrade.gates[1].query"]);
    assert.match(declared.get("upgrade.gates[1].query") ?? "", /both sides are asked the same/);
  });

  it("never throws, whatever is given", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record(
            { query: fc.anything(), alerts: fc.anything(), kpi: fc.anything(), compare: fc.anything() },
            { requiredKeys: [] },
          ),
        ),
        fc.record({ prometheus: fc.anything(), alertmanager: fc.anything() }, { requiredKeys: [] }),
        (gates, monitoring) => {
          const { problems, policy } = resolvePolicy({ gates, monitoring });
          assert.equal(policy === undefined, problems.length > 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are shown by preview", () => {
    const { policy } = resolvePolicy({
      monitoring: MONITORING,
      gates: [
        { kpi: "registration-success", source: "prometheus", atLeast: 99.5 },
        { kpi: "latency", query: QUERY, atMost: 50, unit: "ms" },
        { kpi: "load", query: QUERY, compare: { effect: 0.1 } },
        { alerts: { matchers: ['service="amf"'] } },
      ],
    });
    const stage: StagePlan = {
      name: "gray-50",
      steps: [],
      soakMs: 900_000,
      gates: policy?.gates ?? [],
      gateLimitMs: 120_000,
      expectedMs: 900_000,
    };
    const text = describeStage(stage).join(" ").replace(/\s+/g, " ");
    for (const part of [
      "gate registration-success: at least 99.5 %; 100 samples needed, counted by prometheus, waits up to 2 m",
      "gate latency: at most 50 ms; 3 readings needed, one every 15 s; waits up to 2 m for them",
      "gate load: not higher than the old version: 0.1 are told from noise; 20 readings needed on each side, one every 15 s",
      'gate alerts{service="amf"}: no alert fires that did not when the campaign was opened',
    ]) {
      assert.ok(text.includes(part), `${part}\n${text}`);
    }
  });
});
