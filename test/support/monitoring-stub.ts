/**
 * Answers as Prometheus' HTTP API v1 and Alertmanager's API v2 do, as far as gates ask them; on loopback, with a token. Can be
 * told to fail in every way that a real one fails.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

/** `slow` takes the connection and never answers. */
export type Mood = "well" | "failing" | "slow" | "elsewhere" | "html";

export interface StubSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

export interface StubAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly fingerprint: string;
  readonly startsAt: string;
  readonly status: { readonly state: "active" | "suppressed" | "unprocessed" };
}

type QueryAnswer =
  | readonly StubSeries[]
  | { readonly scalar: string }
  | { readonly string: string }
  | { readonly error: string };

export class MonitoringStub {
  mood: Mood = "well";
  token = "monitoring-token";
  /** What a query yields, by its text. */
  answer: (query: string) => QueryAnswer = () => [];
  alerts: readonly StubAlert[] = [];
  /** Matchers that it does not understand. */
  badMatcher: string | undefined;
  readonly asked: {
    readonly path: string;
    readonly query: URLSearchParams;
    readonly headers: IncomingMessage["headers"];
  }[] = [];
  readonly #server: Server;
  readonly #scheme: "http" | "https";

  private constructor(server: Server, scheme: "http" | "https") {
    this.#server = server;
    this.#scheme = scheme;
    server.on("request", (request, response) => this.#take(request, response));
  }

  /** @param tls certificate and key, PEM; plain http without. */
  static async start(tls?: { readonly cert: string; readonly key: string }): Promise<MonitoringStub> {
    const server = tls ? createSecureServer(tls) : createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new MonitoringStub(server, tls ? "https" : "http");
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(request: IncomingMessage, response: ServerResponse): unknown {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    this.asked.push({ path: pathname, query: searchParams, headers: request.headers });
    const answer = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    switch (this.mood) {
      case "slow":
        return undefined;
      case "failing":
        return answer(503, { status: "error", errorType: "unavailable", error: "not ready" });
      case "elsewhere":
        return response.writeHead(302, { location: "http://127.0.0.1:1/" }).end();
      case "html":
        return response.writeHead(200, { "content-type": "text/html" }).end("<html>Log in</html>");
    }
    if (request.headers.authorization !== `Bearer ${this.token}`) return answer(401, "unauthorized");
    if (pathname === "/api/v1/query") return this.#query(searchParams.get("query") ?? "", answer);
    if (pathname === "/api/v2/alerts") {
      const bad = searchParams.getAll("filter").find((one) => one === this.badMatcher);
      if (bad !== undefined) return answer(400, `bad matcher format: ${bad}`);
      return answer(200, this.alerts);
    }
    return answer(404, "nothing here");
  }

  #query(query: string, answer: (status: number, body: unknown) => unknown): unknown {
    const found = this.answer(query);
    const success = (resultType: string, result: unknown) =>
      answer(200, { status: "success", data: { resultType, result } });
    if ("error" in found) {
      return answer(400, { status: "error", errorType: "bad_data", error: found.error });
    }
    const now = Date.now() / 1000;
    if ("scalar" in found) return success("scalar", [now, found.scalar]);
    if ("string" in found) return success("string", [now, found.string]);
    return success(found.some(({ values }) => values) ? "matrix" : "vector", found);
  }
}
