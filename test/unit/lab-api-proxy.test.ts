/** Faults between a client and the API server, met by plain requests. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { type ProxyFault, ProxyFaults } from "../../lab/api-proxy/faults.ts";
import { Line } from "../../lab/api-proxy/line.ts";
import { createProxy } from "../../lab/api-proxy/proxy.ts";
import { parseRequest } from "../../lab/api-proxy/request.ts";
import { createPki, OPERATOR, type Pki } from "../../lab/cluster/pki.ts";
import { freePorts } from "../../lab/network.ts";
import { until } from "../support/until.ts";

const any = { verb: "", resource: "", client: "" };

describe("what a request is about", () => {
  for (const [method, url, verb, resource] of [
    ["GET", "/api/v1/namespaces/core/pods", "list", "pods"],
    ["GET", "/api/v1/namespaces/core/pods?watch=true", "watch", "pods"],
    ["GET", "/api/v1/namespaces/core/pods/amf-1", "get", "pods"],
    ["PUT", "/api/v1/namespaces/core/pods/amf-1/status", "update", "pods/status"],
    ["GET", "/api/v1/namespaces/core", "get", "namespaces"],
    ["POST", "/apis/apps/v1/namespaces/core/deployments?fieldManager=x", "create", "deployments"],
    ["PATCH", "/apis/apps/v1/namespaces/core/deployments/amf/scale", "patch", "deployments/scale"],
    ["DELETE", "/api/v1/nodes/node-1", "delete", "nodes"],
    ["GET", "/version", "list", ""],
  ] as const) {
    it(`${method} ${url}`, () => assert.deepEqual(parseRequest(method, url), { verb, resource }));
  }
});

describe("faults between a client and the API server", function () {
  this.timeout(20_000);
  let dir: string;
  let pki: Pki;
  let apiserver: Server;
  let proxy: Server;
  let line: Line;
  let port: number;
  let agent: Agent;
  /** Requests that reached the API server, and under which name. */
  let reached: string[];
  const faults = new ProxyFaults();

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "api-proxy-"));
    pki = await createPki(dir);
    const tls = { cert: pki.server.cert, key: pki.server.key, ca: pki.ca, requestCert: true };
    apiserver = createServer(tls, (req, res) => {
      reached.push(`${(req.socket as TLSSocket).getPeerCertificate().subject.CN} ${req.method} ${req.url}`);
      if (req.url?.includes("watch=true")) {
        res.writeHead(200).write("{}\n");
        return;
      }
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => res.writeHead(201, { "x-seen": "yes" }).end(`got ${Buffer.concat(chunks)}`));
    });
    const behind = await listen(apiserver);
    proxy = createProxy(
      { apiserverPort: behind, ca: pki.ca, server: pki.server, client: { ...pki.operator, name: OPERATOR } },
      faults,
    );
    port = (await freePorts(1))[0] ?? 0;
    line = new Line(port, await listen(proxy));
    await line.listen();
  });
  after(async () => {
    await line?.close();
    for (const server of [proxy, apiserver]) {
      server?.closeAllConnections();
      server?.close();
    }
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    reached = [];
    agent = new Agent({ keepAlive: true, ca: pki.ca, cert: pki.operator.cert, key: pki.operator.key });
  });
  afterEach(async () => {
    faults.clear();
    await line.set(undefined);
    agent.destroy();
  });

  function listen(server: Server): Promise<number> {
    return new Promise((resolve) => {
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    });
  }

  /** @param ended called when the answer breaks off or ends; without it the whole answer is awaited. */
  function ask(
    method: string,
    path: string,
    { body = "", by = agent, ended }: { body?: string; by?: Agent; ended?: () => void } = {},
  ): Promise<{ status: number; text: string; headers: NodeJS.Dict<string | string[]> }> {
    return new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port,
        method,
        path,
        agent: by,
        headers: { "user-agent": "tester" },
      };
      const sent = request(options, (response) => {
        let text = "";
        const answer = () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers });
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("error", () => {});
        response.on("close", () => (ended ? ended() : answer()));
        if (ended) answer();
      });
      sent.once("error", reject);
      sent.end(body);
    });
  }

  const add = async (fault: ProxyFault) => {
    faults.add(fault);
    await line.set(faults.cut?.how);
  };

  it("passes everything on in the operator's name, as it is", async () => {
    const { status, text, headers } = await ask("PATCH", "/api/v1/pods/a", { body: "{}" });
    assert.deepEqual([status, text, headers["x-seen"]], [201, "got {}", "yes"]);
    assert.deepEqual(reached, ["issu-operator PATCH /api/v1/pods/a"]);
  });

  it("lets nobody else come that way", async () => {
    const other = new Agent({ ca: pki.ca, cert: pki.scheduler.cert, key: pki.scheduler.key });
    assert.equal((await ask("GET", "/api/v1/pods", { by: other })).status, 401);
    const nobody = new Agent({ ca: pki.ca });
    await assert.rejects(ask("GET", "/api/v1/pods", { by: nobody }));
    assert.deepEqual(reached, []);
  });

  it("api-slow: carried out at once, answered late", async () => {
    await add({ ...any, name: "api-slow", delayMs: 300, count: 1 });
    const since = performance.now();
    const late = ask("GET", "/api/v1/pods");
    await until("it is carried out", () => reached.length === 1, 200);
    await late;
    assert.ok(performance.now() - since >= 300);
    assert.equal((await ask("GET", "/api/v1/pods")).status, 201);
    assert.ok(performance.now() - since < 600, "the second one was not to wait");
  });

  it("api-status: the same requests by the same seed, with what a client needs to try again", async () => {
    const draw = async () => {
      faults.clear();
      await add({
        ...any,
        ...{ name: "api-status", status: 429, percent: 40, seed: 7, retryAfter: 2, when: "before", count: 0 },
      });
      const answers = [];
      for (let i = 0; i < 20; i++) answers.push(await ask("GET", "/api/v1/pods"));
      return answers;
    };
    const first = await draw();
    const hit = first.filter(({ status }) => status === 429);
    assert.ok(hit.length >= 4 && hit.length <= 12, `${hit.length} of 20`);
    assert.equal(hit[0]?.headers["retry-after"], "2");
    assert.equal(JSON.parse(hit[0]?.text ?? "").reason, "TooManyRequests");
    assert.equal(reached.length, 20 - hit.length);
    assert.deepEqual(
      (await draw()).map(({ status }) => status),
      first.map(({ status }) => status),
    );
  });

  it("api-status after: carried out, and the answer is lost", async () => {
    await add({
      ...any,
      ...{ name: "api-status", status: 500, percent: 100, seed: 1, retryAfter: 0, when: "after", count: 1 },
      verb: "create",
    });
    assert.equal((await ask("GET", "/api/v1/pods")).status, 201);
    assert.equal((await ask("POST", "/api/v1/pods", { body: "{}" })).status, 500);
    assert.equal((await ask("POST", "/api/v1/pods", { body: "{}" })).status, 201);
    assert.equal(reached.length, 3);
  });

  it("api-status 409: only where something is written", async () => {
    await add({
      ...any,
      ...{ name: "api-status", status: 409, percent: 100, seed: 1, retryAfter: 0, when: "before", count: 0 },
    });
    assert.equal((await ask("GET", "/api/v1/pods")).status, 201);
    assert.equal((await ask("PUT", "/api/v1/pods/a")).status, 409);
  });

  it("api-cut refuse: connections break, new ones are refused, and it serves again afterwards", async () => {
    let broken = false;
    await ask("GET", "/api/v1/pods?watch=true", {
      ended: () => {
        broken = true;
      },
    });
    await add({ name: "api-cut", how: "refuse" });
    await until("the watch breaks", () => broken);
    await assert.rejects(ask("GET", "/api/v1/pods"), { code: "ECONNREFUSED" });
    faults.clear();
    await line.set(undefined);
    assert.equal((await ask("GET", "/api/v1/pods")).status, 201);
  });

  it("api-cut black-hole: nothing passes and nobody says so; what was sent arrives once it is over", async () => {
    await ask("GET", "/api/v1/pods");
    await add({ name: "api-cut", how: "black-hole" });
    let answered = false;
    const standing = ask("GET", "/api/v1/pods");
    const fresh = ask("GET", "/api/v1/pods", { by: new Agent({ ...agent.options, keepAlive: false }) });
    void standing.then(() => {
      answered = true;
    });
    await assert.rejects(until("an answer", () => answered, 300));
    assert.equal(reached.length, 1);
    faults.clear();
    await line.set(undefined);
    assert.deepEqual([(await standing).status, (await fresh).status], [201, 201]);
  });

  it("watch-drop: watches break, requests don't", async () => {
    await add({ ...any, name: "watch-drop", everyMs: 200 });
    const since = performance.now();
    let lived = 0;
    await ask("GET", "/api/v1/pods?watch=true", {
      ended: () => {
        lived = performance.now() - since;
      },
    });
    await until("the watch breaks", () => lived > 0, 2_000);
    assert.ok(lived >= 200, `${lived} ms`);
    assert.equal((await ask("GET", "/api/v1/pods")).status, 201);
  });
});
