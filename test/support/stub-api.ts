/**
 * As much of the Kubernetes API as drivers ask for, in memory, on loopback: objects by path, lists with selectors, watches.
 * Checks nothing: no rights, no schemas.
 *
 * @module
 */
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";

export interface StubObject {
  kind?: string;
  metadata: {
    name: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind
  [key: string]: any;
}

interface Watcher {
  readonly collection: string;
  readonly matches: (object: StubObject) => boolean;
  readonly response: http.ServerResponse;
}

export class StubApi {
  /** By path. */
  readonly objects = new Map<string, StubObject>();
  /** e.g. `POST /api/v1/namespaces/core/secrets` */
  readonly requests: string[] = [];
  /** Told of each new object once it is there. */
  created: (path: string, object: StubObject) => void = () => undefined;
  deleted: (path: string, object: StubObject) => void = () => undefined;
  /** Changes or refuses a request; the status is answered. */
  fault: (method: string, path: string) => number | undefined = () => undefined;
  private version = 1;
  private readonly watchers = new Set<Watcher>();
  private readonly server = http.createServer((request, response) => void this.handle(request, response));

  async start(): Promise<this> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await delay(0);
  }

  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    return JSON.stringify({
      clusters: [
        {
          name: "c",
          cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
        },
      ],
      users: [{ name: "u", user: { token: "t" } }],
      contexts: [{ name: "one", context: { cluster: "c", user: "u", namespace: "core" } }],
      "current-context": "one",
    });
  }

  put(path: string, object: StubObject): StubObject {
    this.version += 1;
    const known = this.objects.has(path);
    const kept = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    this.objects.set(path, kept);
    this.tell(known ? "MODIFIED" : "ADDED", path, kept);
    return kept;
  }

  /** Merges into an object, as whoever owns its status would. */
  patch(path: string, change: object): void {
    const object = this.objects.get(path);
    if (object) this.put(path, merged(object, change) as StubObject);
  }

  below(collection: string): StubObject[] {
    return [...this.objects].filter(([path]) => parentOf(path) === collection).map(([, object]) => object);
  }

  private tell(type: string, path: string, object: StubObject): void {
    for (const watcher of this.watchers) {
      if (watcher.collection === parentOf(path) && watcher.matches(object))
        watcher.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = "" } = request;
    const url = new URL(request.url ?? "/", "http://stub");
    const path = decodeURIComponent(url.pathname);
    const body = await text(request);
    this.requests.push(`${method} ${path}`);
    const answer = (status: number, object: object) => {
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(object));
    };
    const refuse = (status: number, reason: string) =>
      answer(status, {
        kind: "Status",
        status: "Failure",
        reason,
        message: `${reason} ${path}`,
        code: status,
      });
    const fault = this.fault(method, path);
    if (fault !== undefined) return refuse(fault, "Injected");
    if (path === "/version") return answer(200, { gitVersion: "v1.34.2" });
    const there = this.objects.get(path);
    switch (method) {
      case "POST": {
        const object = JSON.parse(body) as StubObject;
        if (/\/selfsubject/.test(path)) return answer(201, { status: {} });
        const at = `${path}/${object.metadata.name}`;
        if (this.objects.has(at)) return refuse(409, "AlreadyExists");
        answer(201, this.put(at, object));
        return this.created(at, object);
      }
      case "PUT":
        if (!there) return refuse(404, "NotFound");
        return answer(200, this.put(path, JSON.parse(body) as StubObject));
      case "PATCH":
        if (!there) return refuse(404, "NotFound");
        return answer(200, this.put(path, merged(there, JSON.parse(body)) as StubObject));
      case "DELETE":
        if (!there) return refuse(404, "NotFound");
        this.objects.delete(path);
        this.tell("DELETED", path, there);
        this.deleted(path, there);
        return answer(200, { kind: "Status", status: "Success" });
      default: {
        if (there) return answer(200, there);
        const named = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)\/namespaces\/[^/]+\/[^/]+\/.+$/.test(path);
        if (named) return refuse(404, "NotFound");
        const matches = selector(url);
        if (url.searchParams.get("watch") === "true") return this.watch(path, matches, response);
        return answer(200, {
          metadata: { resourceVersion: String(this.version) },
          items: this.below(path).filter(matches),
        });
      }
    }
  }

  private watch(collection: string, matches: Watcher["matches"], response: http.ServerResponse): void {
    const watcher = { collection, matches, response };
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    // What changed between list and watch is told now: more than once is no harm.
    for (const object of this.below(collection).filter(matches))
      response.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    this.watchers.add(watcher);
    response.once("close", () => this.watchers.delete(watcher));
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

function selector(url: URL): (object: StubObject) => boolean {
  const name = /^metadata\.name=(.+)$/.exec(url.searchParams.get("fieldSelector") ?? "")?.[1];
  const wanted = (url.searchParams.get("labelSelector") ?? "").split(",").filter((one) => one !== "");
  return ({ metadata }) =>
    (name === undefined || metadata.name === name) &&
    wanted.every((one) => {
      const [key = "", value] = one.split("=");
      return value === undefined ? metadata.labels?.[key] !== undefined : metadata.labels?.[key] === value;
    });
}

function merged(into: unknown, change: unknown): unknown {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
  const out: Record<string, unknown> = typeof into === "object" && into !== null ? { ...into } : {};
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete out[key];
    else out[key] = merged(out[key], value);
  }
  return out;
}
