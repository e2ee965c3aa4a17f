/**
 * Receivers of alarms for tests: a webhook, and one that answers as an Alertmanager's API v2 does, refusing what its
 * published rules refuse. Both on loopback, both ask for a token, and both can be told to fail.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** `slow` takes the connection and never answers. */
export type Mood = "well" | "failing" | "slow";

export interface Received<T> {
  /** ms since 1970 */
  readonly at: number;
  readonly body: T;
}

export interface WebhookBody {
  readonly schemaVersion: number;
  readonly alarms: readonly {
    readonly event: "raised" | "cleared";
    readonly id: string;
    readonly code: string;
    readonly severity: string;
    readonly cause: string;
    readonly target: string;
    readonly campaign: string;
    readonly stage?: string;
    readonly text: string;
    readonly raisedAt: string;
    readonly clearedAt?: string;
    readonly link?: string;
  }[];
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly startsAt?: string;
  readonly endsAt?: string;
  readonly generatorURL?: string;
}

export class Receiver<T> {
  readonly received: Received<T>[] = [];
  /** Requests whatever came of them. */
  asked = 0;
  mood: Mood = "well";
  readonly token: string;
  readonly #server: Server;
  readonly #path: string;
  readonly #refuses: (body: T) => string | undefined;

  private constructor(server: Server, path: string, token: string, refuses: (body: T) => string | undefined) {
    this.#server = server;
    this.#path = path;
    this.#refuses = refuses;
    this.token = token;
    this.port = (server.address() as AddressInfo).port;
    server.on("request", (request, response) => void this.#take(request, response));
  }

  static async webhook(token = "webhook-token", port = 0): Promise<Receiver<WebhookBody>> {
    return new Receiver<WebhookBody>(await listening(port), "/hook", token, () => undefined);
  }

  static async alertmanager(token = "alertmanager-token", port = 0): Promise<Receiver<readonly Alert[]>> {
    return new Receiver<readonly Alert[]>(await listening(port), "/api/v2/alerts", token, refusalOf);
  }

  /** Stays the same when it is closed. */
  readonly port: number;

  /** Its base address, without a path. */
  get base(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Its whole address. */
  get url(): string {
    return this.base + this.#path;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    if (this.mood === "slow") return;
    const answer = (status: number, message = "") => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(message));
    };
    if (this.mood === "failing") return answer(500, "told to fail");
    if (request.headers.authorization !== `Bearer ${this.token}`) return answer(401, "wrong token");
    if (request.method !== "POST" || request.url !== this.#path) return answer(404, "nothing here");
    const body = JSON.parse(Buffer.concat(chunks).toString()) as T;
    const refused = this.#refuses(body);
    if (refused !== undefined) return answer(400, refused);
    this.received.push({ at: Date.now(), body });
    answer(200);
  }
}

async function listening(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What an Alertmanager would not take, as its API's description and its checks have it. */
function refusalOf(alerts: readonly Alert[]): string | undefined {
  if (!Array.isArray(alerts)) return "expected a list of alerts";
  for (const {
    labels,
    annotations = {},
    startsAt,
    endsAt,
    generatorURL,
    ...rest
  } of alerts as readonly Alert[]) {
    if (Object.keys(rest).length > 0) return `unknown: ${Object.keys(rest).join(", ")}`;
    if (!labels || Object.keys(labels).length === 0) return "at least one label pair is needed";
    for (const [name, value] of [...Object.entries(labels), ...Object.entries(annotations)]) {
      if (!LABEL.test(name)) return `invalid name ${name}`;
      if (typeof value !== "string") return `${name} is no text`;
    }
    for (const time of [startsAt, endsAt]) if (time && !INSTANT.test(time)) return `no instant: ${time}`;
    if (startsAt && endsAt && Date.parse(startsAt) > Date.parse(endsAt)) return "it ends before it starts";
    if (generatorURL !== undefined && !URL.canParse(generatorURL)) return "generatorURL is no address";
  }
  return undefined;
}
