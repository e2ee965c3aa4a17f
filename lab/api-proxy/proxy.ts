/**
 * Passes requests on to the API server, under the identity of whoever asks, and does to them what the faults say.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, type Server, request as send } from "node:https";
import type { TLSSocket } from "node:tls";
import type { ProxyFaults, Status } from "./faults.ts";
import { parseRequest } from "./request.ts";

export interface ProxyOptions {
  /** Of the API server, on loopback. */
  readonly apiserverPort: number;
  /** PEM */
  readonly ca: string;
  /** By which the proxy shows itself; valid for 127.0.0.1. */
  readonly server: { readonly cert: string; readonly key: string };
  /**
   * The one who may ask, by the name in his certificate. The API server knows clients by the certificates of their
   * connections, and here the connection is the proxy's: so it holds his.
   */
  readonly client: { readonly name: string; readonly cert: string; readonly key: string };
}

/** How often it is looked whether a watch has lived long enough. */
const LOOK_EVERY_MS = 50;

/** As the API server words its refusals. */
const REASONS: Readonly<Record<number, string>> = {
  409: "Conflict",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

export function createProxy(options: ProxyOptions, faults: ProxyFaults): Server {
  const { ca, client, apiserverPort } = options;
  const agent = new Agent({ ca, cert: client.cert, key: client.key, keepAlive: true, scheduling: "lifo" });
  const server = createServer(
    { ...options.server, ca, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      if (subject?.CN === client.name) void pass(request, response);
      else refuse(response, 401, `only ${client.name} may come this way`);
    },
  );
  // Connections are kept for as long as clients like: the API server has no such limit either.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = parseRequest(request.method ?? "GET", request.url ?? "/");
    const userAgent = request.headers["user-agent"] ?? "";
    const { delayMs, status } = faults.treat(asked, userAgent);
    const answer = <T extends unknown[]>(say: (...args: T) => void) =>
      delayMs > 0
        ? (...args: T) => {
            const timer = setTimeout(() => say(...args), delayMs);
            response.once("close", () => clearTimeout(timer));
          }
        : say;
    if (status?.when === "before") {
      request.resume();
      answer(() => refuseAs(response, status))();
      return;
    }
    const onward = send({
      host: "127.0.0.1",
      port: apiserverPort,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent,
    });
    onward.once(
      "response",
      answer((incoming: IncomingMessage) => {
        if (status) {
          incoming.resume();
          refuseAs(response, status);
          return;
        }
        response.writeHead(incoming.statusCode ?? 502, incoming.rawHeaders);
        incoming.pipe(response);
        incoming.once("error", () => response.destroy());
        // A watch that says nothing yet has begun nevertheless.
        response.flushHeaders();
        if (asked.verb === "watch") endInTime(response, () => faults.lifeOf(asked, userAgent));
      }),
    );
    onward.once("error", (error) => {
      // As a broken connection, which it is: an answer would come from somebody that isn't there.
      if (!response.destroyed) response.destroy(error);
    });
    response.once("close", () => onward.destroy());
    request.pipe(onward);
  }
  return server;
}

/** Breaks a watch once it has lived as long as it may, which may be said while it lives. */
function endInTime(response: ServerResponse, life: () => number | undefined): void {
  const since = performance.now();
  const timer = setInterval(() => {
    if (performance.now() - since >= (life() ?? Number.POSITIVE_INFINITY)) response.destroy();
  }, LOOK_EVERY_MS);
  response.once("close", () => clearInterval(timer));
}

function refuseAs(response: ServerResponse, { status, retryAfter }: Status): void {
  refuse(response, status, "a fault of the lab", retryAfter);
}

function refuse(response: ServerResponse, code: number, message: string, retryAfter = 0): void {
  if (response.headersSent || response.destroyed) return;
  const body = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason: REASONS[code] ?? "",
    ...(retryAfter > 0 ? { details: { retryAfterSeconds: retryAfter } } : {}),
    code,
  };
  response
    .writeHead(code, {
      "content-type": "application/json",
      ...(retryAfter > 0 ? { "retry-after": String(retryAfter) } : {}),
    })
    .end(JSON.stringify(body));
}
