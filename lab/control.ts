/**
 * Control interface of the lab's daemons: JSON over HTTP, on loopback only, for whoever has the token.
 *
 * @module
 */
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Where a daemon is controlled. */
export interface ControlAddress {
  readonly port: number;
  readonly token: string;
}

/** An answer other than 200. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * @param method as in HTTP
 * @param path segments of the path
 * @returns what is answered as JSON; a Buffer is answered as it is
 * @throws {ControlError} for any status but 200
 */
export type ControlHandler = (method: string, path: readonly string[], body: unknown) => unknown;

/** @throws {Error} if the port can't be bound. */
export async function serveControl({ port, token }: ControlAddress, handle: ControlHandler): Promise<Server> {
  const expected = Buffer.from(`Bearer ${token}`);
  const server = createServer(async (request, response) => {
    const send = (status: number, body: unknown) => {
      if (Buffer.isBuffer(body)) return response.writeHead(status).end(body);
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(`${JSON.stringify(body ?? null)}\n`);
    };
    const given = Buffer.from(request.headers.authorization ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return send(401, { error: "a bearer token is needed; the lab's folder has it" });
    }
    try {
      const path =
        (request.url ?? "/").split("?")[0]?.split("/").filter(Boolean).map(decodeURIComponent) ?? [];
      send(200, await handle(request.method ?? "GET", path, await readBody(request)));
    } catch (error) {
      const status = error instanceof ControlError ? error.status : 500;
      send(status, { error: (error as Error).message });
    }
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => resolve());
  });
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/**
 * Asks a daemon.
 *
 * @throws {ControlError} if it refuses; what `fetch` throws if it can't be reached
 */
export async function control<T>(
  { port, token }: ControlAddress,
  method: "GET" | "POST" | "DELETE",
  path: string,
  options: { readonly body?: unknown; readonly signal?: AbortSignal } = {},
): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    signal: options.signal ?? AbortSignal.timeout(30_000),
  });
  const body = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new ControlError(response.status, body?.error ?? `HTTP ${response.status}`);
  return body;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > 1_000_000) throw new ControlError(413, "the body is longer than a megabyte");
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new ControlError(400, "the body is not JSON");
  }
}
