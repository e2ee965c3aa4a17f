/**
 * One address for the API of a control plane of several members, as a load balancer of TCP connections gives it: each member is asked
 * by `/readyz` whether it is ready, and new connections go only to those that are. What travels in them is TLS, of which this knows
 * nothing; standing connections end when their member ends them.
 *
 * @module
 */
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface FrontOptions {
  /** On 127.0.0.1; 0 for a free one. */
  readonly port: number;
  readonly members: readonly FrontMember[];
  /** By which members are asked; they answer nobody whom they don't know. PEM. */
  readonly identity: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly checkEveryMs?: number;
  readonly log: (line: string) => void;
}

export interface FrontMember {
  readonly id: string;
  readonly address: string;
  readonly port: number;
}

export interface FrontMemberState {
  readonly id: string;
  readonly ready: boolean;
  /** Why not, in its own words or those of the connection. */
  readonly reason?: string;
  /** ISO 8601: since when it is so. */
  readonly since: string;
  /** That stand now. */
  readonly connections: number;
}

/** A member that doesn't answer so long, twice in a row, counts as one that is not ready; what it says counts at once. */
const ANSWER_WITHIN_MS = 2_000;
const SILENCE = `no answer within ${ANSWER_WITHIN_MS / 1000} s`;
/** One that can't be connected to for so long is passed over. */
const CONNECT_WITHIN_MS = 1_000;

interface Backend extends FrontMember {
  readonly agent: Agent;
  readonly sockets: Set<Socket>;
  ready: boolean;
  reason: string | undefined;
  since: Date;
  timer?: NodeJS.Timeout;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #backends: readonly Backend[];
  readonly #server: Server;
  #closed = false;

  private constructor(options: FrontOptions) {
    this.#options = options;
    this.#backends = options.members.map((member) => ({
      ...member,
      agent: new Agent({ ...options.identity, keepAlive: true, maxSockets: 1 }),
      sockets: new Set(),
      ready: false,
      reason: "not asked yet",
      since: new Date(),
    }));
    this.#server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) =>
      this.#take(socket),
    );
  }

  /** @throws {Error} if the port can't be bound. */
  static async start(options: FrontOptions): Promise<Front> {
    const front = new Front(options);
    await new Promise<void>((resolve, reject) => {
      front.#server.once("error", reject);
      front.#server.listen({ host: "127.0.0.1", port: options.port, exclusive: true }, () => resolve());
    });
    for (const backend of front.#backends) void front.#watch(backend);
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get state(): readonly FrontMemberState[] {
    return this.#backends.map(({ id, ready, reason, since, sockets }) => ({
      id,
      ready,
      ...(reason === undefined ? {} : { reason }),
      since: since.toISOString(),
      connections: sockets.size,
    }));
  }

  async close(): Promise<void> {
    this.#closed = true;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const { timer, agent, sockets } of this.#backends) {
      clearTimeout(timer);
      agent.destroy();
      for (const socket of sockets) socket.destroy();
    }
    await closed;
  }

  async #watch(backend: Backend): Promise<void> {
    let reason = await unreadiness(backend);
    if (reason === SILENCE && backend.ready) reason = await unreadiness(backend);
    if (this.#closed) return;
    if ((reason === undefined) !== backend.ready) {
      backend.ready = reason === undefined;
      backend.since = new Date();
      this.#options.log(`${backend.id} is ${backend.ready ? "ready" : `not ready: ${reason}`}`);
    }
    backend.reason = reason;
    backend.timer = setTimeout(() => void this.#watch(backend), this.#options.checkEveryMs ?? 250);
  }

  /** The ready member with the fewest connections takes it; if that can't be reached, the next. */
  #take(client: Socket): void {
    client.setNoDelay(true);
    client.on("error", () => {});
    const candidates = this.#backends
      .filter(({ ready }) => ready)
      .sort((a, b) => a.sockets.size - b.sockets.size);
    const next = (): void => {
      const backend = candidates.shift();
      if (!backend || client.destroyed) return void client.resetAndDestroy();
      const server = connect({ host: backend.address, port: backend.port, allowHalfOpen: true });
      const late = setTimeout(() => server.destroy(new Error("not connected in time")), CONNECT_WITHIN_MS);
      const failed = () => {
        clearTimeout(late);
        next();
      };
      server.once("error", failed);
      server.once("connect", () => {
        clearTimeout(late);
        server.off("error", failed);
        join(client, server, backend);
      });
    };
    next();
  }
}

function join(client: Socket, server: Socket, { sockets }: Backend): void {
  server.setNoDelay(true);
  sockets.add(client);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    // One that was broken breaks the other; one that was closed has said all it had to say, which the other is still to hear.
    one.on("error", () => other.resetAndDestroy());
    one.once("close", () => {
      sockets.delete(client);
      if (!other.writableEnded) other.destroy();
    });
    one.pipe(other);
  }
}

/** @returns undefined if the member is ready. */
function unreadiness({ address, port, agent }: Backend): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      `https://${address}:${port}/readyz`,
      { agent, timeout: ANSWER_WITHIN_MS },
      (answer) => {
        answer.resume();
        answer.once("end", () =>
          resolve(answer.statusCode === 200 ? undefined : `it answers ${answer.statusCode}`),
        );
        answer.once("error", (error) => resolve(error.message));
      },
    );
    asked.once("timeout", () => asked.destroy(new Error(SILENCE)));
    asked.once("error", (error) => resolve(error.message));
    asked.end();
  });
}
