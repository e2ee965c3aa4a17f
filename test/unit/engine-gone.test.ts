/** A killed engine says nothing: the provider finds out by its line to it. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import { Engine } from "#sdk/provider/engine.js";

/** A gRPC server on loopback, as an engine has one. */
async function serve(port = 0): Promise<{ readonly server: grpc.Server; readonly port: number }> {
  const server = new grpc.Server();
  const bound = await new Promise<number>((resolve, reject) =>
    server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
  return { server, port: bound };
}

/** A port of loopback that nobody listens on. */
async function unusedPort(): Promise<number> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  await new Promise((resolve) => listener.close(resolve));
  assert.ok(address && typeof address === "object");
  return address.port;
}

describe("an engine that is gone", () => {
  let stop = () => {};
  afterEach(() => stop());

  /** Resolves once the engine is taken for gone. */
  const gone = (port: number, within?: number) =>
    new Promise<void>((resolve) => {
      stop = new Engine(`127.0.0.1:${port}`).onGone(resolve, within);
    });

  it("is noticed when its line falls", async () => {
    const { server, port } = await serve();
    let over = false;
    const news = gone(port).then(() => {
      over = true;
    });
    await delay(1500);
    assert.equal(over, false, "taken for gone while it answered");
    server.forceShutdown();
    await news;
  });

  it("is noticed when it was never there", async () => {
    await gone(await unusedPort(), 500);
  });

  it("is waited for while it starts", async () => {
    const port = await unusedPort();
    let over = false;
    void gone(port, 20_000).then(() => {
      over = true;
    });
    await delay(500);
    const { server } = await serve(port);
    await delay(4000);
    assert.equal(over, false, "taken for gone while it started");
    server.forceShutdown();
  });

  it("is no news to one who stopped watching", async () => {
    let over = false;
    stop = new Engine(`127.0.0.1:${await unusedPort()}`).onGone(() => {
      over = true;
    }, 300);
    stop();
    await delay(1000);
    assert.equal(over, false);
  });
});
