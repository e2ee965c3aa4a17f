/**
 * A cluster in memory, on loopback, as far as drains need one: nodes, pods that come back elsewhere, disruption budgets that are
 * kept by evictions, watches by node. Machines are its nodes' hosts.
 *
 * @module
 */
import { once } from "node:events";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import type { NodeHost } from "../../lab/machines/machine.ts";

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind
type Any = any;

interface Watcher {
  readonly collection: string;
  readonly node: string | undefined;
  readonly response: http.ServerResponse;
}

export interface StubWorkload {
  readonly name: string;
  readonly replicas: number;
  /** Absent: no budget. */
  readonly minAvailable?: number;
}

export class StubNodes implements NodeHost {
  readonly nodes = new Map<string, Any>();
  readonly pods = new Map<string, Any>();
  readonly budgets = new Map<string, Any>();
  /** By name of the workload. */
  readonly deployments = new Map<string, Any>();
  /** e.g. `POST /api/v1/namespaces/core/pods/web-1/eviction 429` */
  readonly answered: string[] = [];
  /** Fewest pods of a workload that were ready at once. */
  readonly fewest = new Map<string, number>();
  /** Finalizers of pods with these names are never taken off. */
  readonly stuck = new Set<string>();
  /** Pods that budgets count as gone, since when. */
  readonly disrupted = new Map<string, string>();
  /** How long the answer to an eviction takes, ms. */
  evictionMs = 0;
  /** Evictions that are not answered yet. */
  evicting = 0;
  bootMs = 30;
  private version = 1;
  private nextPod = 1;
  private readonly watchers = new Set<Watcher>();
  private readonly workloads: readonly StubWorkload[];
  private readonly server = http.createServer((request, response) => void this.handle(request, response));
  private stopped = false;

  /** How a request fails instead of being answered, if it does. */
  trouble: () => "reset" | 429 | 503 | undefined = () => undefined;

  /** @param members of the control plane, which take no pods: name and address. */
  constructor(
    names: readonly string[],
    kubelet: string,
    workloads: readonly StubWorkload[],
    members: Readonly<Record<string, string>> = {},
  ) {
    this.workloads = workloads;
    for (const name of names) this.nodes.set(name, this.node(name, kubelet));
    for (const [name, address] of Object.entries(members)) {
      const node = this.node(name, kubelet);
      node.metadata.labels = { "node-role.kubernetes.io/control-plane": "" };
      node.spec.taints = [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }];
      node.status.addresses = [{ type: "InternalIP", address }];
      this.nodes.set(name, node);
    }
    for (const workload of workloads) {
      this.fewest.set(workload.name, workload.replicas);
      this.deployments.set(workload.name, {
        metadata: { name: workload.name, namespace: "core", resourceVersion: "1" },
        spec: { replicas: workload.replicas, selector: { matchLabels: { app: workload.name } } },
      });
      if (workload.minAvailable !== undefined) {
        this.budgets.set(workload.name, {
          metadata: { name: workload.name, namespace: "core", generation: 1 },
          spec: { minAvailable: workload.minAvailable, selector: { matchLabels: { app: workload.name } } },
          status: { observedGeneration: 1 },
        });
      }
      for (let i = 0; i < workload.replicas; i++) this.spawn(workload.name, true);
    }
    this.review();
  }

  async start(): Promise<this> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    return this;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.server.closeAllConnections();
    this.server.close();
    await delay(0);
  }

  get kubeconfig(): string {
    const { port } = this.server.address() as AddressInfo;
    const server = `http://127.0.0.1:${port}`;
    return JSON.stringify({
      clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user: { token: "t" } }],
      contexts: [{ name: "one", context: { cluster: "c", user: "u", namespace: "core" } }],
      "current-context": "one",
    });
  }

  /** How far its clock is ahead of ours, in ms. */
  aheadMs = 0;

  /** All watches end, as when their API server goes away. */
  dropWatches(): void {
    for (const { response } of this.watchers) response.destroy();
  }

  /** Takes a pod's finalizer off: it goes, if it was to. */
  release(name: string): void {
    this.stuck.delete(name);
    const pod = this.pods.get(name);
    if (pod?.metadata.deletionTimestamp !== undefined) this.gone(pod);
  }

  async down(name: string): Promise<void> {
    for (const pod of [...this.pods.values()]) if (pod.spec.nodeName === name) this.gone(pod);
    await this.ready(name, false);
  }

  async up(name: string, version: string): Promise<void> {
    const there = this.nodes.get(name);
    if (there) {
      there.status.nodeInfo.kubeletVersion = `v${version}`;
      there.status.nodeInfo.bootID = `boot-${this.version++}`;
    } else this.nodes.set(name, this.node(name, version));
    await this.ready(name, true);
  }

  async ready(name: string, ready: boolean): Promise<void> {
    const node = this.nodes.get(name);
    if (!node) return;
    node.status.conditions = [{ type: "Ready", status: ready ? "True" : "False" }];
    this.tell("/api/v1/nodes", node);
    this.review();
  }

  kubelet(name: string): string {
    return this.nodes.get(name)?.status.nodeInfo.kubeletVersion;
  }

  private node(name: string, version: string): Any {
    return {
      metadata: {
        name,
        resourceVersion: String(this.version++),
        labels: { role: "worker", "kubernetes.io/hostname": name },
      },
      spec: {},
      status: {
        allocatable: { cpu: "8", pods: "20" },
        conditions: [{ type: "Ready", status: "True" }],
        nodeInfo: { kubeletVersion: `v${version}`, systemUUID: name },
      },
    };
  }

  private spawn(app: string, ready = false): void {
    const open = [...this.nodes.values()].filter(
      ({ spec, status }) =>
        spec.unschedulable !== true && spec.taints === undefined && status.conditions[0].status === "True",
    );
    const on = (name: string) => [...this.pods.values()].filter(({ spec }) => spec.nodeName === name).length;
    const node = open.sort((a, b) => on(a.metadata.name) - on(b.metadata.name))[0];
    const name = `${app}-${this.nextPod++}`;
    const pod: Any = {
      metadata: {
        name,
        namespace: "core",
        uid: `uid-${name}`,
        labels: { app, "pod-template-hash": "5d9" },
        ownerReferences: [{ kind: "ReplicaSet", name: `${app}-5d9`, controller: true }],
      },
      spec: {
        ...(node ? { nodeName: node.metadata.name } : {}),
        containers: [{ name: "c", resources: { requests: { cpu: "1" } } }],
        terminationGracePeriodSeconds: 1,
      },
      status: { phase: "Running", conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
    };
    this.pods.set(name, pod);
    this.tell("/api/v1/pods", pod);
    if (ready) return;
    void delay(this.bootMs).then(() => {
      if (this.stopped || !this.pods.has(name)) return;
      if (!node) {
        this.pods.delete(name);
        return this.spawn(app);
      }
      pod.status.conditions = [{ type: "Ready", status: "True" }];
      this.tell("/api/v1/pods", pod);
      this.review();
    });
  }

  private gone(pod: Any): void {
    if (!this.pods.delete(pod.metadata.name)) return;
    this.tell("/api/v1/pods", pod, "DELETED");
    this.scale(pod.metadata.labels.app);
    this.review();
  }

  /** As many pods as the workload is to have; those that are not ready go first, then the latest. */
  private scale(app: string): void {
    const { replicas } = this.deployments.get(app).spec;
    const all = [...this.pods.values()].filter(
      ({ metadata }) => metadata.labels.app === app && metadata.deletionTimestamp === undefined,
    );
    for (let i = all.length; i < replicas; i++) this.spawn(app);
    const ready = ({ status }: Any) => Number(status.conditions[0].status === "True");
    const last = all.reverse().sort((a, b) => ready(a) - ready(b));
    for (const pod of last.slice(0, Math.max(0, all.length - replicas))) this.end(pod);
  }

  /** As the disruption controller does it, at once. */
  private review(): void {
    for (const { name } of this.workloads) {
      const { replicas } = this.deployments.get(name).spec;
      const healthy = this.healthy(name);
      this.fewest.set(name, Math.min(this.fewest.get(name) ?? 0, healthy));
      const budget = this.budgets.get(name);
      if (!budget) continue;
      const desired = budget.spec.minAvailable;
      budget.status = {
        observedGeneration: 1,
        currentHealthy: healthy,
        desiredHealthy: desired,
        expectedPods: replicas,
        disruptionsAllowed: Math.max(0, healthy - desired),
        disruptedPods: Object.fromEntries(this.disrupted),
      };
      this.tell("/apis/policy/v1/poddisruptionbudgets", budget);
    }
  }

  private healthy(app: string): number {
    return [...this.pods.values()].filter(
      ({ metadata, status }) =>
        metadata.labels.app === app &&
        metadata.deletionTimestamp === undefined &&
        !this.disrupted.has(metadata.name) &&
        status.conditions[0].status === "True",
    ).length;
  }

  private evict(name: string): number {
    const pod = this.pods.get(name);
    if (!pod) return 404;
    const budget = this.budgets.get(pod.metadata.labels.app);
    if (budget && budget.status.disruptionsAllowed < 1) return 429;
    this.end(pod);
    return 201;
  }

  /** An eviction whose caller is gone before the pod is deleted: its budget counts it as gone all the same. */
  cutOff(name: string): void {
    this.disrupted.set(name, new Date().toISOString());
    this.review();
  }

  private end(pod: Any): void {
    pod.metadata.deletionTimestamp = new Date().toISOString();
    this.tell("/api/v1/pods", pod);
    this.review();
    if (this.stuck.has(pod.metadata.name)) {
      pod.metadata.finalizers = ["example.com/never"];
      return;
    }
    void delay(10).then(() => this.gone(pod));
  }

  private tell(collection: string, object: Any, type = "MODIFIED"): void {
    object.metadata.resourceVersion = String(this.version++);
    for (const watcher of this.watchers) {
      if (watcher.collection !== collection) continue;
      if (watcher.node !== undefined && object.spec.nodeName !== watcher.node) continue;
      watcher.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  private collection(path: string): Map<string, Any> | undefined {
    if (path === "/api/v1/nodes") return this.nodes;
    if (path === "/api/v1/pods") return this.pods;
    if (path === "/apis/policy/v1/poddisruptionbudgets") return this.budgets;
    if (path === "/apis/apps/v1/deployments") return this.deployments;
    return undefined;
  }

  private async handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const { method = "GET" } = request;
    response.setHeader("Date", new Date(Date.now() + this.aheadMs).toUTCString());
    const trouble = this.trouble();
    if (trouble === "reset") {
      request.socket.destroy();
      return;
    }
    if (trouble !== undefined) {
      response.writeHead(trouble, { "Content-Type": "application/json", "Retry-After": "0" });
      response.end(JSON.stringify({ kind: "Status", message: `trouble ${trouble}` }));
      return;
    }
    const url = new URL(request.url ?? "/", "http://stub");
    const body = await text(request);
    const answer = (status: number, object: object) => {
      this.answered.push(`${method} ${url.pathname} ${status}`);
      response.writeHead(status, { "Content-Type": "application/json" });
      response.end(JSON.stringify(object));
    };
    const refuse = (status: number) =>
      answer(status, {
        kind: "Status",
        reason: status === 409 ? "Conflict" : "",
        message: `refused with ${status}`,
      });
    if (url.pathname === "/version") return answer(200, { gitVersion: "v1.34.2" });
    if (/selfsubject/.test(url.pathname)) return answer(201, { status: { allowed: true } });
    const eviction = /^\/api\/v1\/namespaces\/core\/pods\/([^/]+)\/eviction$/.exec(url.pathname)?.[1];
    if (eviction !== undefined) {
      this.evicting += 1;
      await delay(this.evictionMs);
      const status = this.evict(eviction);
      this.evicting -= 1;
      return status === 201 ? answer(201, {}) : refuse(status);
    }
    const podName = /^\/api\/v1\/namespaces\/core\/pods\/([^/]+)$/.exec(url.pathname)?.[1];
    const nodeName = /^\/api\/v1\/nodes\/([^/]+)$/.exec(url.pathname)?.[1];
    const object = nodeName !== undefined ? this.nodes.get(nodeName) : this.pods.get(podName ?? "");
    if (nodeName !== undefined || podName !== undefined) {
      if (!object) return refuse(404);
      if (method === "PATCH") return this.patch(object, JSON.parse(body), answer, refuse);
      if (method === "DELETE") {
        if (nodeName !== undefined) {
          this.nodes.delete(nodeName);
          this.tell("/api/v1/nodes", object, "DELETED");
        } else this.end(object);
        return answer(200, {});
      }
      return answer(200, object);
    }
    const deployed = /^\/apis\/apps\/v1\/namespaces\/core\/deployments\/([^/]+)$/.exec(url.pathname)?.[1];
    const deployment = this.deployments.get(deployed ?? "");
    if (deployed !== undefined) {
      if (!deployment) return refuse(404);
      if (method !== "PATCH") return answer(200, deployment);
      this.patch(deployment, JSON.parse(body), answer, refuse);
      this.scale(deployed);
      return this.review();
    }
    const all = this.collection(url.pathname);
    const label = url.searchParams.get("labelSelector");
    const node = /^spec\.nodeName=(.+)$/.exec(url.searchParams.get("fieldSelector") ?? "")?.[1];
    const items = [...(all?.values() ?? [])].filter(
      (one) =>
        (node === undefined || one.spec.nodeName === node) &&
        (label === null || one.metadata.labels?.[label] !== undefined),
    );
    if (url.searchParams.get("watch") !== "true")
      return answer(200, { metadata: { resourceVersion: String(this.version) }, items });
    const watcher = { collection: url.pathname, node, response };
    response.writeHead(200, { "Content-Type": "application/json" });
    response.flushHeaders();
    for (const one of items) response.write(`${JSON.stringify({ type: "MODIFIED", object: one })}\n`);
    this.watchers.add(watcher);
    response.once("close", () => this.watchers.delete(watcher));
  }

  private patch(
    object: Any,
    change: Any,
    answer: (status: number, object: object) => void,
    refuse: (status: number) => void,
  ): void {
    const wanted = change.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== object.metadata.resourceVersion) {
      refuse(409);
      return;
    }
    merge(object, { ...change, metadata: { ...change.metadata, resourceVersion: undefined } });
    this.tell(object.status?.nodeInfo ? "/api/v1/nodes" : "/api/v1/pods", object);
    answer(200, object);
  }
}

function merge(into: Any, change: Any): void {
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue;
    if (value === null) delete into[key];
    else if (typeof value === "object" && !Array.isArray(value)) {
      into[key] ??= {};
      merge(into[key], value);
    } else into[key] = value;
  }
}
