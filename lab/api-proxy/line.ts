/**
 * TCP connections to the API server as a network carries them: they can be refused, broken and silenced. What travels in
 * them is TLS, of which this knows nothing.
 *
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Cut } from "./faults.ts";

const HOST = "127.0.0.1";

export class Line {
  readonly #port: number;
  readonly #behind: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #server: Server | undefined;
  #cut: Cut["how"] | undefined;
  /** One change after the other: closing and listening take time. */
  #changing: Promise<void> = Promise.resolve();

  /**
   * @param port on loopback
   * @param behind port on loopback that connections lead to
   */
  constructor(port: number, behind: number) {
    this.#port = port;
    this.#behind = behind;
  }

  /** @throws {Error} if the port can't be bound. */
  listen(): Promise<void> {
    const server = createServer((socket) => this.#take(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: HOST, port: this.#port, exclusive: true }, resolve);
    });
  }

  /** Cuts the line, or mends it. */
  set(cut: Cut["how"] | undefined): Promise<void> {
    this.#changing = this.#changing.then(() => this.#change(cut));
    return this.#changing;
  }

  async close(): Promise<void> {
    await this.set("refuse");
  }

  async #change(cut: Cut["how"] | undefined): Promise<void> {
    if (this.#cut === cut) return;
    this.#cut = cut;
    if (cut === "refuse") {
      const server = this.#server;
      this.#server = undefined;
      const closed = server && new Promise((resolve) => server.close(resolve));
      for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
      await closed;
      return;
    }
    if (!this.#server) await this.listen();
    for (const pair of this.#pairs) flow(pair, cut === undefined);
  }

  #take(client: Socket): void {
    const pair = [client, connect(this.#behind, HOST)] as const;
    this.#pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
    flow(pair, this.#cut === undefined);
  }
}

function flow([a, b]: readonly [Socket, Socket], on: boolean): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    if (on) from.pipe(to);
    else from.unpipe(to).pause();
  }
}
