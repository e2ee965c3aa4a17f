/** Requests by the weights of an HTTPRoute, through a Gateway on a real cluster, with clients who never pause (TEF-12). */
import assert from "node:assert/strict";
import type { CnfArgs } from "pulumi-issu";
import type { Running } from "../support/command.ts";
import { type Answer, HttpClients } from "../support/http-clients.ts";
import { note, Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const ROUTES = "apis/gateway.networking.k8s.io/v1";

const network = (version: string, failPercent = 0): CnfArgs =>
  amf({
    version,
    components: [
      {
        name: "sbi",
        serviceType: "load-sharing",
        replicas: 3,
        terminationGracePeriodSeconds: 1,
        ...(failPercent > 0
          ? { podAnnotations: { "lab.pulumi-issu.dev/fail-percent": String(failPercent) } }
          : {}),
      },
    ],
    traffic: { httpRoute: "amf-sbi", services: ["amf-a", "amf-b"], drainAfter: "1s" },
    upgrade: {
      gray: { ratios: [50, 100], soak: "4s" },
      gates: [{ kpi: "session-create-success", atLeast: 99, minSamples: 50 }],
      limits: { boot: "30s", move: "30s", gate: "10s" },
    },
  });

describe("requests by an HTTPRoute", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let clients: HttpClients | undefined;
  let running: Running | undefined;

  before(async function () {
    this.timeout(300_000);
    site = await openTestSite({ name: "test-http-route", nodes: 4, gateway: true });
    seen = new Observed(site);
    const { namespace } = site.lab;
    for (const name of ["amf-a", "amf-b"]) {
      const spec = { ports: [{ port: 80, targetPort: 8080 }] };
      await seen.api.create({ apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec });
    }
    await seen.api.create({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name: "amf-sbi", namespace },
      spec: {
        parentRefs: [{ name: "edge" }],
        hostnames: ["amf.example.net"],
        rules: [
          {
            matches: [{ path: { value: "/nsmf-pdusession" } }],
            timeouts: { request: "5s" },
            backendRefs: [
              { name: "amf-a", port: 80 },
              { name: "amf-b", port: 80, weight: 0 },
            ],
          },
        ],
      },
    });
    stack = await site.stack("http-route");
    await stack.mustUp(network("1.0.0"));
    const port = site.lab.gatewayPort ?? assert.fail("no gateway");
    clients = new HttpClients(port);
    await until(
      "requests to be answered",
      async () => clients?.answers.some(({ status }) => status === 201) === true,
      10_000,
    );
  });
  after(async () => {
    await running?.killAll();
    await clients?.stop();
    seen?.close();
    await site?.close();
  });

  const route = () =>
    seen.api.get<{
      metadata: { name: string; annotations: { [key: string]: string } };
      spec: {
        hostnames: string[];
        rules: { timeouts?: object; backendRefs: { name: string; weight: number }[] }[];
      };
    }>(`${seen.path(ROUTES, "httproutes")}/amf-sbi`);
  const weights = async () =>
    Object.fromEntries(
      ((await route()).spec.rules[0]?.backendRefs ?? []).map(({ name, weight }) => [name, weight]),
    );
  const answers = (since: number) => (clients ?? assert.fail("no clients")).since(since);
  const failed = (list: readonly Answer[]) =>
    list.filter(({ status }) => status !== 201).map(({ status, version, why }) => ({ status, version, why }));
  const shares = (list: readonly Answer[]) => {
    const count: { [version: string]: number } = {};
    for (const { version } of list) count[version] = (count[version] ?? 0) + 1;
    return count;
  };
  /** When a stage was at work, by the journal. */
  async function soakOf(name: string): Promise<readonly [number, number]> {
    const stage = (await seen.journal())?.stages.find((one) => one.name === name) as
      | { soakingSince?: string; finishedAt?: string }
      | undefined;
    return [Date.parse(stage?.soakingSince ?? ""), Date.parse(stage?.finishedAt ?? "")];
  }
  async function alone(version: string): Promise<void> {
    const all = await seen.deployments();
    assert.deepEqual(
      all.map(({ version: of, replicas, ready }) => [of, replicas, ready]),
      [[version, 3, 3]],
    );
    const after = Date.now();
    await until("requests to be answered", async () => answers(after).length > 40, 10_000);
    assert.deepEqual(Object.keys(shares(answers(after))), [version]);
  }

  it("1.0.0 → 1.1.0 by 50 and 100 % of the requests: none fails, and preview says what can't be promised", async () => {
    const preview = await stack.preview(network("1.1.0"));
    assert.equal(preview.code, 0, preview.output);
    assert.match(preview.output, /share out requests, not subscribers/);
    const since = Date.now();
    await stack.mustUp(network("1.1.0"));
    const list = answers(since);
    const [from, to] = await soakOf("gray-50");
    const half = shares(list.filter(({ at }) => at > from && at < to));
    note("http-route", { requests: list.length, failed: failed(list).length, half });
    assert.deepEqual(failed(list), []);
    const share = (100 * (half["1.1.0"] ?? 0)) / ((half["1.0.0"] ?? 0) + (half["1.1.0"] ?? 0));
    assert.ok(share > 35 && share < 65, `${share} % of the requests met 1.1.0 at 50 %`);
    assert.deepEqual(await weights(), { "amf-a": 0, "amf-b": 100 });
    const { spec } = await route();
    assert.deepEqual(spec.hostnames, ["amf.example.net"]);
    assert.deepEqual(spec.rules[0]?.timeouts, { request: "5s" });
    await alone("1.1.0");
  });

  it("1.2.0 fails one request in five: the gate takes it back, and only what it answered itself failed", async () => {
    const since = Date.now();
    const { code, output } = await stack.up(network("1.2.0", 20));
    const list = answers(since);
    note("http-route-gate", { requests: list.length, failed: failed(list).length });
    assert.notEqual(code, 0, output);
    assert.match(output, /session-create-success/);
    assert.match(output, /was rolled back/);
    assert.ok(failed(list).length > 0);
    assert.deepEqual(
      [...new Set(failed(list).map(({ status, version }) => `${status} ${version}`))],
      ["500 1.2.0"],
    );
    assert.deepEqual(await weights(), { "amf-a": 0, "amf-b": 100 });
    // With the version set back the program is clean again.
    await stack.mustUp(network("1.1.0"));
    await alone("1.1.0");
  });

  it("killed at 50 %: the next up goes on from the weights as they are, and no request fails", async () => {
    const since = Date.now();
    running = await stack.startUp(network("1.3.0"));
    await until("half of the requests to go to 1.3.0", async () => (await weights())["amf-a"] === 50, 90_000);
    await running.killAll();
    await running.ended;
    await stack.stack.cancel();
    await stack.mustUp(network("1.3.0"));
    const list = answers(since);
    note("http-route-killed", { requests: list.length, failed: failed(list).length });
    assert.deepEqual(failed(list), []);
    assert.deepEqual(await weights(), { "amf-a": 100, "amf-b": 0 });
    await alone("1.3.0");
  });

  it("weights that somebody else sets meanwhile are not fought over: the campaign says so and goes back", async () => {
    const before = await weights();
    const path = `${seen.path(ROUTES, "httproutes")}/amf-sbi`;
    const { spec } = await route();
    const [rule] = spec.rules;
    const backendRefs = (rule?.backendRefs ?? []).map((one) => ({ ...one, weight: 7 }));
    await seen.api.patch(path, { spec: { rules: [{ ...rule, backendRefs }] } });
    const preview = await stack.preview(network("1.4.0"));
    assert.match(preview.output, /someone else set the weights of httproute\/amf-sbi to amf-a=7,amf-b=7/);
    await seen.api.patch(path, { spec: { rules: spec.rules } });
    assert.deepEqual(await weights(), before);
    await alone("1.3.0");
  });
});
