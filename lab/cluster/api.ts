/**
 * The lab's own way to its API server: plain requests, since the client library takes longer to load than the lab takes
 * for most of what it asks, and drops what its types don't name (`x-kubernetes-validations`, by which the contract
 * fences writers).
 *
 * @module
 */
import { Agent, request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { readJson } from "../files.ts";

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly [key: string]: unknown;
}

/** What the API server refused; `code` is the HTTP status. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

type PatchKind = "merge" | "apply";

export class Api {
  readonly #server: string;
  readonly #agent: Agent;

  readonly #withinMs: number;

  /**
   * @param path a kubeconfig that this lab has written.
   * @param withinMs longest wait for an answer, milliseconds.
   */
  constructor(path: string, withinMs = 15_000) {
    this.#withinMs = withinMs;
    const config = readJson<{
      clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
      users: [{ user: { "client-certificate-data": string; "client-key-data": string } }];
    }>(path);
    if (!config) throw new Error(`${path} is missing; is the lab up?`);
    const [{ cluster }] = config.clusters;
    const [{ user }] = config.users;
    const text = (base64: string) => Buffer.from(base64, "base64");
    this.#server = cluster.server;
    this.#agent = new Agent({
      ca: text(cluster["certificate-authority-data"]),
      cert: text(user["client-certificate-data"]),
      key: text(user["client-key-data"]),
      keepAlive: true,
      maxSockets: 8,
      scheduling: "fifo",
    });
  }

  /** @throws {ApiError} */
  get<T extends object = KubeObject>(path: string): Promise<T> {
    return this.#send("GET", path) as Promise<T>;
  }

  async list(path: string): Promise<readonly KubeObject[]> {
    return (await this.get<{ items: readonly KubeObject[] }>(path)).items;
  }

  /** Asks for something that is answered and not kept, e.g. a token. */
  post<T extends object>(path: string, body: object): Promise<T> {
    return this.#send("POST", path, body) as Promise<T>;
  }

  create(object: KubeObject): Promise<void> {
    return this.#done("POST", collectionOf(object), object);
  }

  /** Creates an object or makes it what is given (server-side apply). */
  apply(object: KubeObject): Promise<void> {
    const path = `${collectionOf(object)}/${object.metadata.name}?fieldManager=lab&force=true`;
    return this.#done("PATCH", path, object, "apply");
  }

  /** A merge patch: null removes. */
  patch(path: string, change: object): Promise<void> {
    return this.#done("PATCH", path, change, "merge");
  }

  /** Deletes an object, or all of a collection. One that isn't there is as good as deleted. */
  async delete(path: string, options: { gracePeriodSeconds?: number; propagationPolicy?: string } = {}) {
    try {
      await this.#done("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions", ...options });
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  }

  /** Lets go of the connections; the object is of no use afterwards. */
  close(): void {
    this.#agent.destroy();
  }

  async #done(method: string, path: string, body: object, patch?: PatchKind): Promise<void> {
    await this.#send(method, path, body, patch);
  }

  #send(method: string, path: string, body?: object, patch?: PatchKind): Promise<unknown> {
    const type =
      patch === "apply"
        ? "application/apply-patch+yaml"
        : patch === "merge"
          ? "application/merge-patch+json"
          : "application/json";
    const payload = body === undefined ? "" : JSON.stringify(body);
    // The length is said outright: for DELETE, Node would send a body without saying that there is one.
    const headers = { "content-type": type, "content-length": Buffer.byteLength(payload) };
    return new Promise((resolve, reject) => {
      const req = request(
        `${this.#server}${path}`,
        { method, agent: this.#agent, headers, timeout: this.#withinMs },
        (res) => {
          const chunks: Buffer[] = [];
          res.on("data", (chunk: Buffer) => chunks.push(chunk));
          res.once("error", reject);
          res.once("end", () => {
            const text = Buffer.concat(chunks).toString("utf8");
            const answer = parsed(text);
            const code = res.statusCode ?? 0;
            if (code < 300) return resolve(answer);
            const reason = (answer as { message?: string } | undefined)?.message ?? text;
            reject(new ApiError(code, `${method} ${path}: ${code} ${reason}`));
          });
        },
      );
      req.once("timeout", () =>
        req.destroy(new Error(`${method} ${path}: no answer within ${this.#withinMs / 1000} s`)),
      );
      req.once("error", reject);
      req.end(payload);
    });
  }
}

/** Path of the collection that an object belongs to; the kinds in use here have the plurals that English would give them. */
function collectionOf(object: KubeObject): string {
  const { apiVersion = "v1", kind = "" } = object;
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = object.metadata.namespace ? `/namespaces/${object.metadata.namespace}` : "";
  return `${base}${scope}/${kind.toLowerCase().replace(/y$/, "ie")}s`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Asks again and again until the answer is not undefined.
 *
 * @param what is waited for, as the error names it: `nodes to be ready`.
 * @param withinMs milliseconds.
 * @throws {Error} when the time is up, with the last reason given by `ask`; the reason of the signal if that is aborted.
 */
export async function until<T>(
  what: string,
  withinMs: number,
  ask: () => Promise<T | undefined>,
  signal?: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      const reason = last instanceof Error ? `: ${last.message}` : "";
      throw new Error(`waited ${withinMs / 1000} s for ${what}${reason}`, { cause: last });
    }
    await delay(50, undefined, signal ? { signal } : {});
  }
}
