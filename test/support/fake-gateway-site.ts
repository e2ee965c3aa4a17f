/**
 * A cluster with a Gateway, in one process and without a control plane: an API server that knows merge patches, preconditions,
 * selectors and watches; controllers that make pods and EndpointSlices; a Gateway's controller that reports on routes.
 */
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type KubernetesConnection } from "#sdk/drivers/kubernetes/index.js";

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, as an API server keeps them
type Any = any;

const CNF = "pulumi-issu.dev/cnf";
const WORKLOAD = "pulumi-issu.dev/workload";
const ROUTED = "pulumi-issu.dev/routed";
export const CONTROLLER = "example.net/gateway";

export class FakeGatewaySite {
  /** By path. */
  readonly objects = new Map<string, Any>();
  /** Each write as `VERB path`. */
  readonly writes: string[] = [];
  /** What the Gateway's controller says of a route; undefined: it says nothing. */
  verdict: { status: string; reason: string; message?: string } | undefined = {
    status: "True",
    reason: "Accepted",
  };
  /** Called after each write. */
  onWrite: (path: string) => void = () => {};
  private version = 1;
  private readonly watches = new Set<{
    path: string;
    query: URLSearchParams;
    response: http.ServerResponse;
  }>();
  private readonly server = http.createServer((request, response) => void this.answer(request, response));

  async start(): Promise<KubernetesConnection> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    const { port } = this.server.address() as AddressInfo;
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
    for (const { response } of this.watches) response.destroy();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  route(more: object = {}): void {
    const backendRefs = [
      { name: "smf-a", port: 80 },
      { name: "smf-b", port: 80, weight: 0, filters: [{ type: "RequestHeaderModifier" }] },
    ];
    this.put(this.path("gateway.networking.k8s.io/v1", "httproutes", "smf-sbi"), {
      metadata: { generation: 1 },
      spec: {
        parentRefs: [{ name: "edge" }],
        hostnames: ["smf.example.net"],
        rules: [
          { name: "sessions", matches: [{ path: { value: "/nsmf-pdusession" } }], backendRefs },
          { name: "docs", backendRefs: [{ name: "docs", port: 80, weight: 3 }] },
        ],
        ...more,
      },
    });
    this.settle();
  }

  service(name: string, spec: object = {}): void {
    this.put(this.path("v1", "services", name), { spec: { ports: [{ port: 80 }], ...spec } });
  }

  workload(name: string, version: string, replicas: number): void {
    const labels = { [CNF]: "smf", "pulumi-issu.dev/component": "sbi", [WORKLOAD]: name };
    this.put(this.path("apps/v1", "deployments", name), {
      metadata: {
        generation: 1,
        labels: { ...labels, "pulumi-issu.dev/version": version },
        annotations: { "pulumi-issu.dev/service-type": "load-sharing" },
      },
      spec: {
        replicas,
        selector: { matchLabels: { [WORKLOAD]: name } },
        template: { metadata: { labels: { ...labels, [ROUTED]: "true" } }, spec: { containers: [] } },
      },
    });
    this.settle();
  }

  get(api: string, plural: string, name: string): Any {
    return this.objects.get(this.path(api, plural, name));
  }

  weights(): { [service: string]: number } {
    const route = this.get("gateway.networking.k8s.io/v1", "httproutes", "smf-sbi");
    return Object.fromEntries(
      route.spec.rules[0].backendRefs.map(({ name, weight = 1 }: Any) => [name, weight]),
    );
  }

  pods(workload: string): Any[] {
    return this.list("/api/v1/namespaces/core/pods").filter(
      (pod) => pod.metadata.labels[WORKLOAD] === workload,
    );
  }

  path(api: string, plural: string, name?: string): string {
    const root = api === "v1" ? "/api/v1" : `/apis/${api}`;
    return `${root}/namespaces/core/${plural}${name === undefined ? "" : `/${name}`}`;
  }

  /** As somebody other than the campaign would write. */
  edit(path: string, patch: object): void {
    this.put(path, merged(this.objects.get(path), patch));
    this.settle();
  }

  private put(path: string, object: Any): Any {
    const before = this.objects.get(path);
    const name = path.split("/").at(-1);
    const changed = JSON.stringify(before?.spec) !== JSON.stringify(object.spec);
    const generation =
      (before?.metadata.generation ?? object.metadata?.generation ?? 0) + (changed && before ? 1 : 0);
    const metadata = {
      uid: `uid-${name}`,
      ...object.metadata,
      name,
      namespace: "core",
      generation: generation || 1,
      resourceVersion: String(++this.version),
    };
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    this.tell(before ? "MODIFIED" : "ADDED", path, stored);
    return stored;
  }

  private delete(path: string): void {
    const gone = this.objects.get(path);
    this.objects.delete(path);
    this.tell("DELETED", path, {
      ...gone,
      metadata: { ...gone.metadata, resourceVersion: String(++this.version) },
    });
  }

  private tell(type: string, path: string, object: Any): void {
    const collection = path.slice(0, path.lastIndexOf("/"));
    for (const watch of this.watches)
      if (watch.path === collection && selected(object, watch.query))
        watch.response.write(`${JSON.stringify({ type, object })}\n`);
  }

  private list(collection: string): Any[] {
    return [...this.objects]
      .filter(([path]) => path.slice(0, path.lastIndexOf("/")) === collection)
      .map(([, object]) => object);
  }

  /** What the controllers do. */
  private settle(): void {
    for (const { metadata, spec } of this.list(this.path("apps/v1", "deployments"))) {
      const own = this.pods(metadata.name);
      const cost = (pod: Any) =>
        Number(pod.metadata.annotations?.["controller.kubernetes.io/pod-deletion-cost"] ?? 0);
      const first = [...own].sort((a, b) => cost(a) - cost(b));
      for (const pod of first.slice(0, Math.max(0, own.length - spec.replicas)))
        this.delete(this.path("v1", "pods", pod.metadata.name));
      for (let i = own.length; i < spec.replicas; i++) {
        this.put(this.path("v1", "pods", `${metadata.name}-${this.version}`), {
          metadata: { labels: spec.template.metadata.labels },
          spec: { nodeName: "n", containers: [] },
          status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
        });
      }
    }
    for (const { metadata, spec } of this.list(this.path("v1", "services"))) {
      if (!spec.selector) continue;
      const endpoints = this.list(this.path("v1", "pods"))
        .filter((pod) =>
          Object.entries(spec.selector).every(([key, value]) => pod.metadata.labels[key] === value),
        )
        .map((pod) => ({ conditions: { ready: true }, targetRef: { kind: "Pod", name: pod.metadata.name } }));
      const path = this.path("discovery.k8s.io/v1", "endpointslices", `${metadata.name}-1`);
      if (JSON.stringify(this.objects.get(path)?.endpoints) === JSON.stringify(endpoints)) continue;
      this.put(path, { metadata: { labels: { "kubernetes.io/service-name": metadata.name } }, endpoints });
    }
    for (const route of this.list(this.path("gateway.networking.k8s.io/v1", "httproutes"))) {
      const { verdict } = this;
      const seen = route.status?.parents?.[0]?.conditions[0].observedGeneration;
      if (!verdict || seen === route.metadata.generation) continue;
      const condition = { type: "Accepted", observedGeneration: route.metadata.generation, ...verdict };
      const parents = route.spec.parentRefs.map((parentRef: object) => ({
        parentRef,
        controllerName: CONTROLLER,
        conditions: [condition],
      }));
      const path = this.path("gateway.networking.k8s.io/v1", "httproutes", route.metadata.name);
      this.put(path, { ...route, status: { parents } });
    }
  }

  private async answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://cluster");
    const path = decodeURIComponent(url.pathname);
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text ? JSON.parse(text) : undefined;
    response.setHeader("content-type", "application/json");
    const send = (status: number, object: object) => response.writeHead(status).end(JSON.stringify(object));
    const fail = (status: number, reason: string, message: string = reason) =>
      send(status, { kind: "Status", status: "Failure", code: status, reason, message });
    const verb = request.method ?? "GET";
    const one = this.objects.get(path);
    if (url.searchParams.get("watch") === "true") {
      response.writeHead(200);
      response.flushHeaders();
      const watch = { path, query: url.searchParams, response };
      // Nothing may be lost between list and watch.
      const since = Number(url.searchParams.get("resourceVersion") ?? 0);
      for (const object of this.list(path))
        if (Number(object.metadata.resourceVersion) > since && selected(object, watch.query))
          response.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
      this.watches.add(watch);
      response.on("close", () => this.watches.delete(watch));
      return;
    }
    if (path === "/version") return void send(200, { gitVersion: "v1.34.2" });
    if (path.endsWith("/selfsubjectrulesreviews")) {
      const all = { verbs: ["*"], apiGroups: ["*"], resources: ["*"] };
      return void send(201, { status: { resourceRules: [all] } });
    }
    if (path.endsWith("/selfsubjectaccessreviews")) return void send(201, { status: { allowed: true } });
    if (url.searchParams.get("dryRun") === "All") return void send(200, body ?? {});
    if (verb === "GET") {
      if (one) return void send(200, one);
      if (/\/(v\d\w*)(\/namespaces\/core)?\/[^/]+$/.test(path)) {
        const items = this.list(path).filter((object) => selected(object, url.searchParams));
        return void send(200, { metadata: { resourceVersion: String(this.version) }, items });
      }
      return void fail(404, "NotFound");
    }
    if (verb === "POST") {
      const target = `${path}/${body.metadata.name}`;
      if (this.objects.has(target)) return void fail(409, "AlreadyExists");
      this.written(verb, target);
      const stored = this.put(target, body);
      this.settle();
      this.onWrite(target);
      return void send(201, stored);
    }
    if (!one) return void fail(404, "NotFound");
    const wanted = body?.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== one.metadata.resourceVersion) return void fail(409, "Conflict");
    this.written(verb, path);
    const stored = this.put(path, verb === "PUT" ? body : merged(one, body));
    this.settle();
    this.onWrite(path);
    send(200, this.objects.get(path) ?? stored);
  }

  private written(verb: string, path: string): void {
    this.writes.push(`${verb} ${path.replace("/namespaces/core", "")}`);
  }
}

/** RFC 7396. */
function merged(target: Any, patch: Any): Any {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

function selected({ metadata }: Any, query: URLSearchParams): boolean {
  const field = query.get("fieldSelector")?.replace("metadata.name=", "");
  if (field !== undefined && metadata.name !== field) return false;
  const text = query.get("labelSelector");
  if (!text) return true;
  const among = /^(\S+) in \((.*)\)$/.exec(text);
  if (among) return (among[2] ?? "").split(",").includes(metadata.labels?.[among[1] ?? ""]);
  return text.split(",").every((one) => {
    const [key, value] = one.split("=");
    return metadata.labels?.[key ?? ""] === value;
  });
}
