/** The front of a control plane of several members, and the probe that asks through it; members are stubs that speak TLS. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Front } from "../../lab/api-front/front.ts";
import { type ApiTrust, ask, standingAgent } from "../../lab/api-probe/connection.ts";
import { ApiProbe } from "../../lab/api-probe/probe.ts";
import { createPki, type Pki } from "../../lab/cluster/pki.ts";
import { until } from "../support/until.ts";

/** What all members serve: one ConfigMap, and who watches it. */
class Store {
  revision = 1;
  data: Record<string, string> | undefined;
  readonly watchers = new Set<ServerResponse>();

  get object() {
    return { metadata: { name: "issu-api-probe", resourceVersion: String(this.revision) }, data: this.data };
  }

  /** What a watch is told now and then, so that it needs to begin less far back. */
  bookmark(): void {
    const object = { metadata: { resourceVersion: String(this.revision) } };
    for (const watcher of this.watchers) watcher.write(`${JSON.stringify({ type: "BOOKMARK", object })}\n`);
  }

  write(data: Record<string, string>): void {
    this.revision += 1;
    this.data = data;
    for (const watcher of this.watchers)
      watcher.write(`${JSON.stringify({ type: "MODIFIED", object: this.object })}\n`);
  }
}

class StubMember {
  ready = true;
  readonly id: string;
  readonly #server: Server;
  served = 0;

  constructor(id: string, pki: Pki, store: Store) {
    this.id = id;
    const { server, ca } = pki;
    this.#server = createServer(
      { cert: server.cert, key: server.key, ca, requestCert: true, rejectUnauthorized: true },
      async (request, response) => {
        const { method, url = "" } = request;
        if (url === "/readyz") return void response.writeHead(this.ready ? 200 : 500).end("ok");
        if (url === "/version") return void response.end(JSON.stringify({ member: this.id }));
        this.served += 1;
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : undefined;
        if (url.includes("watch=1")) {
          store.watchers.add(response);
          response.once("close", () => store.watchers.delete(response));
          response.flushHeaders();
          return;
        }
        if (method === "POST") store.data = body.data;
        if (method === "PATCH") store.write(body.data);
        response.writeHead(method === "POST" ? 201 : 200).end(JSON.stringify(store.object));
      },
    );
  }

  /** @param port 0 for a free one. */
  listen(port = 0): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", () => resolve()));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

describe("the front of a control plane's members", function () {
  this.timeout(60_000);
  let dir: string;
  let pki: Pki;
  let trust: ApiTrust;
  let store: Store;
  let stubs: StubMember[];
  let front: Front;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "api-front-"));
    pki = await createPki(dir, ["127.9.255.11"]);
    trust = { ca: pki.ca, cert: pki.front.cert, key: pki.front.key };
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  beforeEach(async () => {
    store = new Store();
    stubs = ["cp-1", "cp-2", "cp-3"].map((id) => new StubMember(id, pki, store));
    await Promise.all(stubs.map((stub) => stub.listen()));
    front = await Front.start({
      port: 0,
      members: stubs.map(({ id, port }) => ({ id, address: "127.0.0.1", port })),
      identity: trust,
      checkEveryMs: 20,
      log: () => undefined,
    });
    await until("all to be ready", async () => front.state.every(({ ready }) => ready));
  });
  afterEach(async () => {
    await front.close();
    await Promise.all(stubs.map((stub) => stub.stop().catch(() => undefined)));
  });

  const url = (path: string) => `https://127.0.0.1:${front.port}${path}`;
  const whoAnswers = async () =>
    ((await ask(trust, url("/version"), { withinMs: 2_000 })).body as { member: string }).member;
  const stub = (id: string) => stubs.find((one) => one.id === id) as StubMember;

  it("leads new connections to those that are ready only, and leaves standing ones where they are", async () => {
    const standing = standingAgent(trust);
    const ask1 = async () =>
      ((await ask(standing, url("/version"), { withinMs: 2_000 })).body as { member: string }).member;
    const first = await ask1();
    stub(first).ready = false;
    await until("the front to have seen it", async () => !front.state.find(({ id }) => id === first)?.ready);
    for (let i = 0; i < 6; i++) assert.notEqual(await whoAnswers(), first);
    assert.equal(await ask1(), first, "a standing connection was moved");
    assert.match(front.state.find(({ id }) => id === first)?.reason ?? "", /it answers 500/);
    standing.destroy();
  });

  it("takes the next one where the first can't be reached though nobody has noticed yet", async () => {
    const gone = stubs[0] as StubMember;
    await front.close();
    front = await Front.start({
      port: 0,
      members: stubs.map(({ id, port }) => ({ id, address: "127.0.0.1", port })),
      identity: trust,
      checkEveryMs: 5_000,
      log: () => undefined,
    });
    await until("all to be ready", async () => front.state.every(({ ready }) => ready));
    await gone.stop();
    for (let i = 0; i < 6; i++) assert.notEqual(await whoAnswers(), gone.id);
    await gone.listen();
  });

  it("refuses while nobody is ready, and serves again as soon as somebody is", async () => {
    for (const one of stubs) one.ready = false;
    await until("none to be ready", async () => front.state.every(({ ready }) => !ready));
    await assert.rejects(whoAnswers());
    stub("cp-2").ready = true;
    await until("one to be ready", async () => front.state.some(({ ready }) => ready));
    assert.equal(await whoAnswers(), "cp-2");
  });

  describe("with the probe behind it", () => {
    let probe: ApiProbe;
    beforeEach(async () => {
      probe = await ApiProbe.start({ server: url("").replace(/\/$/, ""), trust, namespace: "default" });
      await until("its watch to have seen a change", async () => (figures().watch.events ?? 0) > 0);
    });
    afterEach(() => probe.stop());
    const figures = (name = "total") => {
      const read = probe.recorder.read(name);
      assert.ok(read, `no window ${name}`);
      return read;
    };

    it("counts a member's end as first-try failures at most, and sees every change", async () => {
      assert.ok(probe.recorder.open("end"));
      assert.ok(!probe.recorder.open("end"), "opened twice");
      const { port } = stub("cp-1");
      await stub("cp-1").stop();
      const before = figures("end").watch.events;
      store.bookmark();
      await until("changes to be seen", async () => figures("end").watch.events >= before + 3);
      await stub("cp-1").listen(port);
      const met = probe.recorder.close("end");
      assert.ok(met && !met.open);
      assert.equal(met.failures, 0);
      assert.equal(met.watch.missed, 0);
      assert.ok(met.calls > 5 && met.byKind.new.calls > 0 && met.byKind.write.calls > 0);
      assert.ok(met.longestGapMs < 5_000, `${met.longestGapMs} ms`);
    });

    it("tells calls that failed at first from those that failed for good", async () => {
      probe.recorder.open("away");
      for (const one of stubs) one.ready = false;
      await until("none to be ready", async () => front.state.every(({ ready }) => !ready));
      await until("a new connection to fail", async () => Object.keys(figures("away").reasons).length > 0);
      for (const one of stubs) one.ready = true;
      await until("all calls to succeed again", async () => figures("away").byKind.new.firstTryFailures > 0);
      const { failures, byKind, reasons } = figures("away");
      assert.equal(failures, 0);
      assert.equal(byKind.standing.firstTryFailures, 0, "a standing connection noticed");
      assert.ok(Object.keys(reasons).every((reason) => reason.startsWith("new: ")));
    });
  });
});
