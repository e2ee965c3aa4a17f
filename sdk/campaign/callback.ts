/**
 * Where targets and hooks report in while a run works (ESC-19): one path, one token for each campaign, nothing else. What is
 * reported is evidence; what the target shows decides.
 *
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { ResolvedCallback } from "../policy/alarm-policy";
import { maskText } from "./mask";
import { Bucket } from "./token-bucket";

const MOST_BYTES = 8 * 1024;
const MOST_CONNECTIONS = 32;
const REQUEST_MS = 5_000;
/** Requests a second, and in one go; with or without a good token. */
const RATE = 20;
const BURST = 60;

const STATES = ["progress", "done", "failed"] as const;

export interface Report {
  readonly state: (typeof STATES)[number];
  /** Stage that it is about; the one in hand, or the next, if left out. */
  readonly stage?: string;
  /** Masked and cut. */
  readonly message: string;
}

/** @returns why the report is not taken; undefined if it is. */
export type OnReport = (report: Report) => string | undefined;

/** What whoever reports in is given. The token is secret. */
export interface CallbackAddress {
  /** To be POSTed to. */
  readonly url: string;
  readonly token: string;
}

export interface CallbackArgs {
  readonly policy: ResolvedCallback;
  readonly campaign: string;
  /** What an earlier run of the campaign gave out: its port is taken again if it can be, and its token stays good. */
  readonly earlier?: CallbackAddress;
  readonly onReport: OnReport;
}

export class Callback {
  readonly address: CallbackAddress;
  private readonly server: Server;
  private readonly path: string;
  /** Digests, so that comparing takes the same time whatever is sent. */
  private readonly tokens: readonly Buffer[];
  private readonly secrets: readonly string[];
  private readonly onReport: OnReport;
  private readonly bucket = new Bucket(RATE, BURST);

  private constructor(server: Server, args: CallbackArgs, token: string) {
    const { policy, campaign, earlier } = args;
    this.server = server;
    this.onReport = args.onReport;
    this.path = pathOf(campaign);
    this.secrets = [token, ...(earlier ? [earlier.token] : [])];
    this.tokens = this.secrets.map(digest);
    const { address, port } = server.address() as AddressInfo;
    const host = address.includes(":") ? `[${address}]` : address;
    const base = policy.url ?? `${policy.tls ? "https" : "http"}://${host}:${port}`;
    this.address = { url: `${base.replace(/\/+$/, "")}${this.path}`, token };
    server.on("request", (request, response) => void this.answer(request, response));
  }

  /** @throws Error with the code of the system, e.g. `EADDRINUSE`, if it can't listen. */
  static async open(args: CallbackArgs): Promise<Callback> {
    const { policy, earlier } = args;
    const before = policy.port === 0 && earlier ? Number(new URL(earlier.url).port) : 0;
    const server =
      (before > 0 ? await listen(policy, before).catch(() => undefined) : undefined) ??
      (await listen(policy, policy.port));
    return new Callback(server, args, randomBytes(32).toString("base64url"));
  }

  /** Stops listening; the port is free when it returns. */
  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [status, message] = await this.take(request).catch(
      (): Answer => [400, "the report could not be read"],
    );
    if (response.destroyed) return;
    // An unread body is not waited for.
    response.writeHead(status, { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(status < 300 ? { accepted: true } : { error: message }));
  }

  private async take(request: IncomingMessage): Promise<Answer> {
    if (!this.bucket.take()) return [429, `at most ${RATE} requests a second are taken`];
    if (!this.knows(request.headers.authorization))
      return [401, "expected Authorization: Bearer <token of this campaign>"];
    if (request.url !== this.path) return [404, `expected ${this.path}, got another path`];
    if (request.method !== "POST") return [405, `expected POST, got ${request.method}`];
    const text = await bodyOf(request);
    if (text === undefined) return [413, `expected at most ${MOST_BYTES} bytes`];
    const report = this.parse(text);
    if (typeof report === "string") return [400, report];
    const refused = this.onReport(report);
    return refused === undefined ? [202, ""] : [409, refused];
  }

  private knows(header = ""): boolean {
    const given = digest(/^Bearer (.+)$/i.exec(header)?.[1] ?? "");
    // Every one is compared, so that the time does not tell which.
    return this.tokens.map((token) => timingSafeEqual(token, given)).includes(true);
  }

  private parse(text: string): Report | string {
    let raw: unknown;
    try {
      raw = JSON.parse(text);
    } catch {
      return "expected a JSON object";
    }
    if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return "expected a JSON object";
    const { state, stage, message = "" } = raw as { [name: string]: unknown };
    const known = STATES.find((one) => one === state);
    if (!known) return `state: expected one of ${STATES.join(", ")}`;
    if (stage !== undefined && typeof stage !== "string")
      return "stage: expected the name of a stage, or nothing";
    if (typeof message !== "string") return "message: expected text, or nothing";
    const said = this.secrets.reduce((cut, secret) => cut.replaceAll(secret, "…"), message);
    return { state: known, ...(stage === undefined ? {} : { stage }), message: maskText(said) };
  }
}

type Answer = readonly [status: number, message: string];

const pathOf = (campaign: string): string => `/v1/campaigns/${encodeURIComponent(campaign)}/reports`;

const digest = (token: string): Buffer => createHash("sha256").update(token).digest();

/** @returns undefined if it is longer than allowed. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function listen({ host, tls }: ResolvedCallback, port: number): Promise<Server> {
  const server = serverFor(tls);
  server.maxConnections = MOST_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off("error", reject);
      // What goes wrong with one connection is that connection's own affair.
      server.on("error", () => undefined);
      resolve(server);
    });
  });
}

function serverFor(tls: ResolvedCallback["tls"], on?: RequestListener): Server {
  const limits = {
    requestTimeout: REQUEST_MS,
    headersTimeout: REQUEST_MS,
    connectionsCheckingInterval: 1_000,
  };
  return tls ? createTlsServer({ ...limits, ...tls }, on) : createServer(limits, on);
}
