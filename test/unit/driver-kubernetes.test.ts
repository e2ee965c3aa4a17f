import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import { judge } from "#sdk/drivers/kubernetes/actions/dial-test.js";
import { isDraining, surplus } from "#sdk/drivers/kubernetes/actions/drain.js";
import { spareInstances } from "#sdk/drivers/kubernetes/capacity.js";
import { connect } from "#sdk/drivers/kubernetes/index.js";
import { parseMetrics } from "#sdk/drivers/kubernetes/metrics-text.js";
import type { Node, Pod } from "#sdk/drivers/kubernetes/objects.js";
import { quantity } from "#sdk/drivers/kubernetes/quantity.js";
import { countsOf } from "#sdk/drivers/kubernetes/scrape.js";
import { waitUntil } from "#sdk/drivers/kubernetes/wait.js";
import { Watched } from "#sdk/drivers/kubernetes/watched.js";

describe("Kubernetes driver: kubeconfig", () => {
  const config = (user: object, cluster: object = { server: "https://10.0.0.1:6443" }) =>
    JSON.stringify({
      clusters: [{ name: "c", cluster }],
      users: [{ name: "u", user }],
      contexts: [{ name: "one", context: { cluster: "c", user: "u", namespace: "core" } }],
      "current-context": "one",
    });
  const refused = (work: () => unknown, message: RegExp) =>
    assert.throws(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, "KUBECONFIG");
      assert.match(error.message, message);
      return true;
    });

  it("contents and path, the context's namespace", async () => {
    const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-kubeconfig-"));
    try {
      const file = path.join(dir, "config");
      await fs.writeFile(file, config({ token: "t" }));
      for (const kubeconfig of [file, config({ token: "t" })]) {
        const { namespace, server } = connect({ kubeconfig });
        assert.deepEqual([namespace, server], ["core", "https://10.0.0.1:6443"]);
      }
    } finally {
      await fs.rm(dir, { recursive: true });
    }
  });

  it("says what is wrong, and never quotes a credential", () => {
    refused(() => connect({ kubeconfig: "/nowhere/config" }), /no kubeconfig at \/nowhere\/config/);
    refused(
      () => connect({ kubeconfig: config({}), context: "two" }),
      /no context "two".*Known contexts: one/,
    );
    refused(() => connect({ kubeconfig: config({}, {}) }), /no `server`/);
    refused(() => connect({ kubeconfig: "token: [secret\n: :" }), /^(?!.*secret)/s);
    refused(
      () => connect({ kubeconfig: config({ token: "secret" }, { server: "http://10.0.0.1" }) }),
      /^(?!.*secret).*https/s,
    );
  });

  it("credentials from a command, by the client library", async () => {
    const exec = {
      apiVersion: "client.authentication.k8s.io/v1",
      command: process.execPath,
      args: [
        "-e",
        `console.log(JSON.stringify({kind:"ExecCredential",apiVersion:"client.authentication.k8s.io/v1",status:{token:"from-exec"}}))`,
      ],
      interactiveMode: "Never",
    };
    let seen: string | undefined;
    const server = http.createServer((request, response) => {
      seen = request.headers.authorization;
      response.setHeader("content-type", "application/json").end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as { port: number };
      const { api } = connect({
        kubeconfig: config(
          { exec },
          { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
        ),
      });
      await api.get("/version");
      assert.equal(seen, "Bearer from-exec");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("Kubernetes driver: KPIs", () => {
  const text = [
    "# HELP nf_procedure_attempts_total Attempts",
    'nf_procedure_attempts_total{procedure="registration",side="right",version="1.1.0"} 1000 1700000000',
    'nf_procedure_successes_total{procedure="registration",side="right",version="1.1.0"} 9.7e2',
    'nf_procedure_attempts_total{procedure="paging",version="a\\"b"} 7',
    "nf_load_ratio 0.25",
    "process_start_time_seconds 1000",
    "this is no line of the format {",
    "other_metric 1",
  ].join("\n");
  const names = new Set([
    "nf_procedure_attempts_total",
    "nf_procedure_successes_total",
    "nf_load_ratio",
    "process_start_time_seconds",
  ]);

  it("reads Prometheus text and passes over what it can't", () => {
    const samples = parseMetrics(text, names);
    assert.equal(samples.length, 5);
    assert.equal(samples[1]?.value, 970);
    assert.equal(samples[2]?.labels.version, 'a"b');
  });

  it("counts by side, from the label or from the split; a restart is another source", () => {
    const scraped = [{ pod: "p", workload: "old", samples: parseMetrics(text, names) }];
    const split = {
      left: { version: "1.0.0", workloads: ["old"] },
      ratio: 0,
      admission: "by-ratio",
      pinned: [],
      epoch: 1,
    } as const;
    assert.deepEqual(
      countsOf(scraped, ["registration-success", "paging-success", "latency"], split, 1_100_000),
      [
        {
          kpi: "registration-success",
          side: "right",
          source: "p@1000/right",
          startedAt: 1_000_000,
          attempts: 1000,
          successes: 970,
          attemptsPerSecond: 10,
        },
        {
          kpi: "paging-success",
          side: "left",
          source: "p@1000/left",
          startedAt: 1_000_000,
          attempts: 7,
          successes: 0,
          attemptsPerSecond: 0.07,
        },
      ],
    );
    assert.deepEqual(countsOf(scraped, ["paging-success"], undefined), []);
  });
});

describe("Kubernetes driver: small parts", () => {
  it("quantities", () => {
    assert.deepEqual(
      ["250m", "1", "1Gi", "2k", "1e3", "1.5"].map(quantity),
      [0.25, 1, 1073741824, 2000, 1000, 1.5],
    );
    assert.ok(Number.isNaN(quantity("many")));
  });

  it("spare room: requests, taints, nodes that are not ready", () => {
    const node = (name: string, more: object = {}, ready = "True") =>
      ({
        metadata: { name },
        spec: more,
        status: { allocatable: { cpu: "1", pods: "10" }, conditions: [{ type: "Ready", status: ready }] },
      }) as Node;
    const spec = (cpu: string, nodeName?: string) =>
      ({ nodeName, containers: [{ name: "c", resources: { requests: { cpu } } }] }) as Pod["spec"];
    const nodes = [
      node("a"),
      node("b", { unschedulable: true }),
      node("c", { taints: [{ key: "k", effect: "NoSchedule" }] }),
      node("d", {}, "False"),
    ];
    const pods = [{ metadata: { name: "p" }, spec: spec("500m", "a"), status: { phase: "Running" } } as Pod];
    assert.equal(spareInstances(nodes, pods, [spec("100m")]), 5);
    assert.equal(spareInstances(nodes, pods, []), 9);
    assert.equal(
      spareInstances(nodes, pods, [{ ...spec("100m"), tolerations: [{ operator: "Exists" }] }]),
      15,
    );
  });

  it("surplus: what does not serve, what was asked already, what carries least", () => {
    const pod = (name: string, ready = true, asked = false) =>
      ({
        metadata: { name, annotations: asked ? { "pulumi-issu.dev/drain": "1" } : {} },
        spec: { nodeName: "n", containers: [] },
        status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
      }) as Pod;
    const carrying = new Map(
      Object.entries({ a: 5, b: 1, c: 9 }).map(([name, sessions]) => [
        name,
        { name, workload: "w", serving: true, draining: false, subscribers: sessions, sessions },
      ]),
    );
    const names = (pods: Pod[], count: number) =>
      surplus(pods, count, carrying, isDraining).map((of) => of.metadata.name);
    assert.deepEqual(names([pod("a"), pod("b"), pod("c")], 2), ["b", "a"]);
    assert.deepEqual(names([pod("a"), pod("b"), pod("c", true, true)], 1), ["c"]);
    assert.deepEqual(names([pod("a"), pod("b", true, true), pod("c", false)], 1), ["c"]);
  });

  it("dial test: a procedure without a result failed", () => {
    const spec = {
      split: "amf",
      subscribers: ["imsi-001010000000001"],
      side: "right",
      procedures: ["registration", "paging"],
      epoch: 1,
    } as const;
    const result = {
      subscriber: "imsi-001010000000001",
      procedure: "registration",
      passed: true,
      servedBy: "p",
      side: "right",
      durationMs: 1,
    } as const;
    assert.deepEqual(judge(spec, [result]), ["imsi-00101******0001 paging: no result"]);
  });
});

describe("Kubernetes driver: watches on an API server that misbehaves", () => {
  it("goes on after a dropped line, an expired version and an error of the server's", async () => {
    const items = [{ metadata: { name: "a", resourceVersion: "1" } }];
    let lists = 0;
    let watches = 0;
    const server = http.createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      if (!request.url?.includes("watch=true")) {
        if (lists++ === 0) response.writeHead(500).end("{}");
        else response.end(JSON.stringify({ metadata: { resourceVersion: String(lists) }, items }));
        return;
      }
      watches++;
      const send = (type: string, object: object) => response.write(`${JSON.stringify({ type, object })}\n`);
      if (watches === 1) {
        send("ADDED", { metadata: { name: "b", resourceVersion: "5" } });
        setTimeout(() => response.destroy(), 20);
      } else if (watches === 2) {
        assert.match(request.url, /resourceVersion=5/);
        send("ERROR", { kind: "Status", code: 410, metadata: {} });
        response.end();
      } else {
        send("DELETED", { metadata: { name: "a", resourceVersion: "9" } });
        send("ADDED", { metadata: { name: "c", resourceVersion: "10" } });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { api } = connect({
      kubeconfig: JSON.stringify({
        clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
        contexts: [{ name: "x", context: { cluster: "c" } }],
        "current-context": "x",
      }),
    });
    const watched = new Watched(api, "/api/v1/namespaces/core/pods");
    try {
      const limits = { deadline: Date.now() + 5_000 };
      await waitUntil(
        [watched],
        limits,
        () => "c",
        () => (watched.items.has("c") ? true : undefined),
      );
      assert.deepEqual([...watched.items.keys()], ["c"]);
      const stop = new AbortController();
      const late = waitUntil(
        [watched],
        { deadline: Date.now() + 50 },
        () => "a pod z",
        () => undefined,
      );
      await assert.rejects(late, { code: "TIMEOUT" });
      const stopped = waitUntil(
        [watched],
        { ...limits, signal: stop.signal },
        () => "z",
        () => undefined,
      );
      stop.abort();
      await assert.rejects(stopped, { code: "ABORTED" });
    } finally {
      watched.stop();
      server.closeAllConnections();
      server.close();
    }
  });
});
