/**
 * One workload on a cluster whose watches lag, in one process and without a control plane: an API server that knows merge
 * patches and watches, a ReplicaSet and a load balancer that do as a test has them.
 *
 * @module
 */
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type KubernetesConnection } from "#sdk/drivers/kubernetes/index.js";

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, as an API server keeps them
type Any = any;

const DRAIN = "pulumi-issu.dev/drain";
const WORKLOAD = "pulumi-issu.dev/workload";
const CORE = "/api/v1/namespaces/core/pods";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/core/deployments";
const SPLITS = "/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits";

export interface LaggingOptions {
  /** Sessions of each instance. */
  readonly sessions: Readonly<Record<string, number>>;
  /** From a write to a pod until its watch shows it, ms. */
  readonly podLagMs: number;
  /** What the load balancer does once an instance is asked to drain; whatever it changes later it has to report. */
  readonly onAsked: (sessions: Record<string, number>, asked: string, report: () => void) => void;
  /** Pod that the ReplicaSet takes, of those that are there. */
  readonly takes: (pods: readonly Any[]) => string;
  /** From a pod's deletion to its end, ms. */
  readonly graceMs: number;
}

export class LaggingCluster {
  /** Names of pods as they were asked to drain (`+`) and no longer to (`-`). */
  readonly asked: string[] = [];
  /** Sessions that went down with their instance. */
  lost = 0;
  readonly #objects = new Map<string, Any>();
  readonly #sessions: Record<string, number>;
  readonly #options: LaggingOptions;
  readonly #watches = new Set<{ readonly collection: string; readonly response: http.ServerResponse }>();
  readonly #server = http.createServer((request, response) => void this.#answer(request, response));
  #version = 1;

  constructor(options: LaggingOptions) {
    this.#options = options;
    this.#sessions = { ...options.sessions };
  }

  async start(workload: string): Promise<KubernetesConnection> {
    const names = Object.keys(this.#sessions);
    const selector = { matchLabels: { [WORKLOAD]: workload } };
    this.#put(`${DEPLOYMENTS}/${workload}`, {
      metadata: { generation: 1, annotations: { "pulumi-issu.dev/service-type": "load-sharing" } },
      spec: { replicas: names.length, selector },
    });
    for (const name of names) {
      this.#put(`${CORE}/${name}`, {
        metadata: { uid: `uid-${name}`, labels: selector.matchLabels, annotations: {} },
        spec: { nodeName: "n", containers: [] },
        status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
      });
    }
    const side = { version: "1.0.0", workloads: [workload] };
    this.#put(`${SPLITS}/amf`, { metadata: { generation: 1 }, spec: { left: side, ratio: 0, epoch: 1 } });
    this.#report();
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return connect({
      namespace: "core",
      kubeconfig: JSON.stringify({
        clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${port}` } }],
        contexts: [{ name: "x", context: { cluster: "c" } }],
        "current-context": "x",
      }),
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get pods(): readonly Any[] {
    return [...this.#objects].filter(([path]) => path.startsWith(`${CORE}/`)).map(([, pod]) => pod);
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://cluster");
    response.setHeader("content-type", "application/json");
    if (request.method === "PATCH") {
      let body = "";
      for await (const chunk of request) body += chunk;
      return void response.end(JSON.stringify(this.#merge(pathname, JSON.parse(body))));
    }
    const found = this.#objects.get(pathname);
    if (found) return void response.end(JSON.stringify(found));
    if (searchParams.get("watch") === "true") {
      const watch = { collection: pathname, response };
      this.#watches.add(watch);
      response.on("close", () => this.#watches.delete(watch));
      return response.flushHeaders();
    }
    const items = [...this.#objects]
      .filter(([path]) => path.startsWith(`${pathname}/`))
      .map(([, one]) => one);
    response.end(JSON.stringify({ metadata: { resourceVersion: String(this.#version) }, items }));
  }

  #merge(path: string, patch: Any): Any {
    const before = this.#objects.get(path);
    const after = merged(before, patch);
    if (patch.spec) after.metadata.generation = (before.metadata.generation ?? 0) + 1;
    this.#put(path, after);
    const { name, annotations } = after.metadata;
    const drains = DRAIN in (annotations ?? {});
    if (path.startsWith(CORE) && drains !== DRAIN in (before.metadata.annotations ?? {})) {
      this.asked.push(`${drains ? "+" : "-"}${name}`);
      if (drains) this.#options.onAsked(this.#sessions, name, () => this.#report());
      this.#report();
    }
    if (path.startsWith(DEPLOYMENTS) && after.spec.replicas < before.spec.replicas) void this.#take();
    return this.#objects.get(path);
  }

  async #take(): Promise<void> {
    const name = this.#options.takes(this.pods);
    const path = `${CORE}/${name}`;
    this.#put(
      path,
      merged(this.#objects.get(path), { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }),
    );
    await delay(this.#options.graceMs);
    const pod = this.#objects.get(path);
    this.#objects.delete(path);
    this.lost += this.#sessions[name] ?? 0;
    delete this.#sessions[name];
    this.#report();
    this.#tell("DELETED", path, pod);
  }

  /** What the instances carry, by the load balancer. */
  #report(): void {
    const instances = this.pods.map(({ metadata: { name, annotations = {} } }) => {
      const sessions = this.#sessions[name] ?? 0;
      const draining = DRAIN in annotations;
      return { name, workload: "w", serving: !draining, draining, subscribers: sessions, sessions };
    });
    const split = this.#objects.get(`${SPLITS}/amf`);
    this.#put(`${SPLITS}/amf`, { ...split, status: { observedGeneration: 1, instances, moving: 0 } });
  }

  #put(path: string, object: Any): void {
    const resourceVersion = String(++this.#version);
    const name = path.split("/").at(-1);
    const there = this.#objects.has(path);
    const now = { ...object, metadata: { ...object.metadata, name, namespace: "core", resourceVersion } };
    this.#objects.set(path, now);
    this.#tell(there ? "MODIFIED" : "ADDED", path, now);
  }

  #tell(type: string, path: string, object: Any): void {
    const collection = path.slice(0, path.lastIndexOf("/"));
    const line = `${JSON.stringify({ type, object })}\n`;
    const send = () => {
      for (const watch of this.#watches) if (watch.collection === collection) watch.response.write(line);
    };
    if (collection === CORE) setTimeout(send, this.#options.podLagMs);
    else send();
  }
}

/** As RFC 7396 has it. */
function merged(target: Any, patch: Any): Any {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const result = target !== null && typeof target === "object" ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}
