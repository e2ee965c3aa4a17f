/**
 * The Kubernetes API as this driver needs it: JSON over one kept-alive connection pool, with a time-out on every request.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { ApiError, byPolicy, isForbidden, UnreachableError, unreachable } from "./errors";
import { type Endpoint, isLoopback } from "./kubeconfig";
import { describeRight, missingRights, NEEDED } from "./rights";

/** Name under which our writes are recorded in `managedFields`; Pulumi's own server-side apply has another. */
export const FIELD_MANAGER = "pulumi-issu";

/** Longest wait for the answer to one request. */
const REQUEST_TIMEOUT_MS = 10_000;

/** The server ends a watch after this long; a line that died without a word is noticed a little later. */
const WATCH_SECONDS = 60;

/** For so long after it was away, the server's refusals are not taken at their word. */
const JUST_BACK_MS = 10_000;

/** Clocks are compared by answers no slower than this. */
const CLOCK_TRUST_MS = 500;

export type Query = { readonly [key: string]: string | number | undefined };

export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs: number;
}

export class Api {
  private readonly endpoint: Endpoint;
  /** When the server last failed to answer, ms since 1970. */
  private lastAway = 0;
  /** How far the server's clock is ahead of ours, as its last answer told it to the second. */
  private aheadMs: number | undefined;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
  }

  get server(): string {
    return this.endpoint.server.origin;
  }

  /** The same for everybody who asks the same server under the same name; undefined where that can't be told. */
  get identity(): string | undefined {
    return this.endpoint.identity;
  }

  /** The time by the server's clock, ms since 1970, right to about a second: for what several machines must agree on. */
  now(): number {
    return Date.now() + (this.aheadMs ?? 0);
  }

  /** Another API server of the same cluster, asked with the same credentials. @param host without a port */
  at(host: string, port: number): Api {
    const { server } = this.endpoint;
    const plain = server.protocol === "http:" && isLoopback(host);
    const origin = `${plain ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
    return new Api({ ...this.endpoint, server: new URL(origin) });
  }

  /** What is no JSON, e.g. `/metrics`. @throws as `get` */
  async plain(path: string, signal?: AbortSignal): Promise<string> {
    return this.text(await this.send({ method: "GET", path, signal, timeoutMs: REQUEST_TIMEOUT_MS }), signal);
  }

  /** @throws ApiError, UnreachableError; so do all below. */
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
    return this.json<T>({ method: "GET", path, query, signal, timeoutMs: REQUEST_TIMEOUT_MS });
  }

  /** @param dryRun asks whether it would be accepted; nothing is kept. */
  create<T>(path: string, body: unknown, { dryRun }: { readonly dryRun?: boolean } = {}): Promise<T> {
    return this.write<T>("POST", path, body, "application/json", dryRun);
  }

  /** Replaces the whole; `metadata.resourceVersion` in the body is the precondition. */
  replace<T>(path: string, body: unknown): Promise<T> {
    return this.write<T>("PUT", path, body, "application/json");
  }

  /** JSON merge patch: null removes. `metadata.resourceVersion` in the body is a precondition here too. */
  merge<T>(path: string, body: unknown): Promise<T> {
    return this.write<T>("PATCH", path, body, "application/merge-patch+json");
  }

  /** @param resourceVersion deletes only what was seen. */
  delete(
    path: string,
    { dryRun, resourceVersion }: { readonly dryRun?: boolean; readonly resourceVersion?: string } = {},
  ): Promise<unknown> {
    return this.json({
      method: "DELETE",
      path,
      query: { dryRun: dryRun ? "All" : undefined },
      ...(resourceVersion === undefined
        ? {}
        : {
            body: { apiVersion: "v1", kind: "DeleteOptions", preconditions: { resourceVersion } },
            contentType: "application/json",
          }),
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
  }

  /** One watch, until the server ends it, the line drops or the signal fires. */
  async *watch<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const response = await this.send({
      method: "GET",
      path,
      query: { ...query, watch: "true", allowWatchBookmarks: "true", timeoutSeconds: WATCH_SECONDS },
      signal,
      timeoutMs: (WATCH_SECONDS + 15) * 1000,
    });
    // Whoever waits holds the process with a timer of its own; a watch in the background must not.
    response.socket.unref();
    response.setEncoding("utf8");
    let rest = "";
    try {
      for await (const chunk of response) {
        const lines = (rest + chunk).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) if (line !== "") yield JSON.parse(line) as WatchEvent<T>;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw this.away(error as Error);
    } finally {
      response.destroy();
    }
  }

  private write<T>(
    method: string,
    path: string,
    body: unknown,
    contentType: string,
    dryRun = false,
  ): Promise<T> {
    // Not ended by a signal: whether an interrupted write took place can't be known.
    const query = { fieldManager: FIELD_MANAGER, dryRun: dryRun ? "All" : undefined };
    return this.json<T>({ method, path, query, body, contentType, timeoutMs: REQUEST_TIMEOUT_MS });
  }

  private async json<T>(sent: Sent): Promise<T> {
    const response = await this.send(sent);
    const text = await this.text(response, sent.signal);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new UnreachableError(
        `${this.server}${sent.path} did not answer with JSON; is it a Kubernetes API?`,
        false,
      );
    }
  }

  private async text(response: http.IncomingMessage, signal?: AbortSignal): Promise<string> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch (error) {
      signal?.throwIfAborted();
      throw this.away(error as Error);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  private async send(sent: Sent): Promise<http.IncomingMessage> {
    sent.signal?.throwIfAborted();
    const { server } = this.endpoint;
    const url = new URL(server.pathname.replace(/\/$/, "") + sent.path, server);
    for (const [key, value] of Object.entries(sent.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const payload = sent.body === undefined ? undefined : Buffer.from(JSON.stringify(sent.body));
    const options = await this.endpoint.options();
    const began = Date.now();
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = (url.protocol === "https:" ? https : http).request(url, {
        ...options,
        method: sent.method,
        headers: {
          ...options.headers,
          Accept: "application/json, */*;q=0.1",
          "User-Agent": FIELD_MANAGER,
          ...(payload ? { "Content-Type": sent.contentType, "Content-Length": payload.length } : {}),
        },
        ...(sent.signal ? { signal: sent.signal } : {}),
      });
      const timer = setTimeout(() => {
        const late = `the Kubernetes API at ${this.server} did not answer within ${sent.timeoutMs / 1000} s`;
        request.destroy(new UnreachableError(late, true));
      }, sent.timeoutMs);
      timer.unref();
      request.once("close", () => clearTimeout(timer));
      request.once("error", (error: NodeJS.ErrnoException) => {
        if (sent.signal?.aborted) reject(sent.signal.reason);
        else reject(this.away(error));
      });
      request.once("response", resolve);
      request.end(payload);
    });
    this.compareClocks(response.headers.date, began);
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    throw await this.explained(
      sent,
      this.refusal(sent, status, await this.text(response, sent.signal), response.headers["retry-after"]),
    );
  }

  /** @param began when the request was sent, by our clock. */
  private compareClocks(date: string | undefined, began: number): void {
    const told = Date.parse(date ?? "");
    const tookMs = Date.now() - began;
    // An answer that was long under way says little of what time it is.
    if (!Number.isFinite(told) || (this.aheadMs !== undefined && tookMs > CLOCK_TRUST_MS)) return;
    this.aheadMs = told + 500 + tookMs / 2 - Date.now();
  }

  private away(error: NodeJS.ErrnoException): UnreachableError {
    this.lastAway = Date.now();
    return error instanceof UnreachableError ? error : unreachable(this.server, error);
  }

  /** A missing right seldom comes alone: whoever has to grant them is told all of them. */
  private async explained(sent: Sent, error: ApiError): Promise<ApiError> {
    const namespace = /\/namespaces\/([^/]+)\//.exec(sent.path)?.[1];
    if (!isForbidden(error) || namespace === undefined) return error;
    const missing = await missingRights(this, decodeURIComponent(namespace), NEEDED);
    if (missing.length === 0) return error;
    const all = missing.map(describeRight).join(", ");
    return new ApiError(
      error.status,
      error.reason,
      `the Kubernetes API at ${this.server} does not permit ${sent.method} ${sent.path}. The kubeconfig's user lacks these rights in namespace ${namespace}: ${all}. Grant them: Role issu-operator of docs/rbac.yaml has all that a campaign needs.`,
      { retryAfterMs: error.retryAfterMs, justBack: error.transient },
    );
  }

  private refusal(sent: Sent, status: number, body: string, retryAfter?: string): ApiError {
    let reason = "";
    let said = "";
    try {
      const answer = JSON.parse(body) as { reason?: string; message?: string };
      reason = answer.reason ?? "";
      said = answer.message ?? "";
    } catch {
      said = body.slice(0, 200);
    }
    const message =
      status === 401
        ? `the Kubernetes API at ${this.server} does not accept the kubeconfig's credentials. Renew them, or choose another context.`
        : status === 403 && !byPolicy(said)
          ? `the Kubernetes API at ${this.server} does not permit this: ${said}. Grant the kubeconfig's user that right; docs/rbac.yaml has all that a campaign needs.`
          : `${sent.method} ${sent.path}: ${said || `HTTP ${status}`}`;
    const seconds = Number(retryAfter);
    return new ApiError(status, reason, message, {
      retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : undefined,
      justBack: Date.now() - this.lastAway < JUST_BACK_MS,
    });
  }
}
