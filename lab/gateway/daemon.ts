/**
 * The Gateway of a lab with what belongs to it: an HTTP instance behind every pod that a route may lead to, EndpointSlices of
 * the Services, the gateway itself, and the controller that reports on routes.
 *
 * The slices are of names, not of addresses: pods live on loopback addresses here, which an EndpointSlice refuses, and so the
 * cluster's own controller is switched off. Whoever reads them goes by the pod that each endpoint names.
 *
 * @module
 */
import type { Server } from "node:http";
import { CoreV1Api, CustomObjectsApi, KubeConfig, type V1Pod, type V1Service } from "@kubernetes/client-node";
import { annotations, labels } from "pulumi-issu/contract";
import { Api, type KubeObject } from "../cluster/api.ts";
import { type ControlAddress, ControlError, serveControl } from "../control.ts";
import { GATEWAY_GROUP } from "./crds.ts";
import { type Followed, follow } from "./follow.ts";
import { type Endpoint, Gateway } from "./gateway.ts";
import { HttpInstance, SERVICE_PORT } from "./instance.ts";
import type { RouteRule } from "./routes.ts";

/** Annotation on a pod: share of its requests that fail, in percent. */
export const FAIL_ANNOTATION = "lab.pulumi-issu.dev/fail-percent";

export const CONTROLLER_NAME = "lab.pulumi-issu.dev/gateway";

export interface GatewayConfig {
  readonly kubeconfigPath: string;
  readonly namespace: string;
  /** Where requests come in, on 127.0.0.1. */
  readonly port: number;
  readonly control: ControlAddress;
  readonly log: (line: string) => void;
}

interface Route extends KubeObject {
  readonly metadata: KubeObject["metadata"] & { readonly generation?: number };
  readonly spec: { readonly parentRefs?: readonly ParentRef[]; readonly rules?: readonly RouteRule[] };
  readonly status?: {
    readonly parents?: readonly { conditions?: readonly { observedGeneration?: number }[] }[];
  };
}

interface ParentRef {
  readonly name: string;
}

export class GatewayDaemon {
  readonly #config: GatewayConfig;
  readonly #api: Api;
  readonly #gateway = new Gateway();
  readonly #instances = new Map<string, HttpInstance>();
  /** By Service: what was last written, so that nothing is written twice. */
  readonly #slices = new Map<string, string>();
  #control: Server | undefined;
  #pods!: Followed<V1Pod>;
  #services!: Followed<V1Service>;
  #routes!: Followed<Route>;
  /** Writes to the API server, one after the other. */
  #writing: Promise<void> = Promise.resolve();
  /** Reports nothing on routes, as a controller that is down. */
  #mute = false;

  private constructor(config: GatewayConfig) {
    this.#config = config;
    this.#api = new Api(config.kubeconfigPath);
  }

  static async start(config: GatewayConfig): Promise<GatewayDaemon> {
    const daemon = new GatewayDaemon(config);
    await daemon.#start();
    return daemon;
  }

  async #start(): Promise<void> {
    const { kubeconfigPath, namespace, port, control } = this.#config;
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    const core = config.makeApiClient(CoreV1Api);
    const custom = config.makeApiClient(CustomObjectsApi);
    const changed = () => this.#settle();
    const core1 = `/api/v1/namespaces/${namespace}`;
    this.#pods = follow(config, `${core1}/pods`, () => core.listNamespacedPod({ namespace }), changed);
    this.#services = follow(
      config,
      `${core1}/services`,
      () => core.listNamespacedService({ namespace }),
      changed,
    );
    const of = { group: GATEWAY_GROUP, version: "v1", namespace, plural: "httproutes" };
    this.#routes = follow<Route & { metadata: object }>(
      config,
      `/apis/${GATEWAY_GROUP}/v1/namespaces/${namespace}/httproutes`,
      () => custom.listNamespacedCustomObject(of),
      changed,
    );
    await this.#gateway.listen(port);
    this.#control = await serveControl(control, (method, [what], body) => {
      if (method === "GET" && what === "state") return { answers: this.#gateway.counts() };
      if (method === "POST" && what === "reset") return { answers: this.#gateway.counts(true) };
      if (method === "POST" && what === "mute") {
        this.#mute = (body as { mute?: boolean } | undefined)?.mute === true;
        this.#settle();
        return { mute: this.#mute };
      }
      throw new ControlError(404, "GET /state, POST /reset, POST /mute { mute }");
    });
  }

  stop(): void {
    for (const one of [this.#pods, this.#services, this.#routes]) one.stop();
    for (const instance of this.#instances.values()) instance.end();
    this.#gateway.close();
    this.#control?.close();
    this.#api.close();
  }

  /** Makes all that is ours what the objects say. */
  #settle(): void {
    const pods = this.#pods.items().filter(({ status }) => status?.podIP && status.phase === "Running");
    this.#settleInstances(pods);
    const endpoints = new Map<string, Endpoint[]>();
    for (const { metadata, spec } of this.#services.items()) {
      const selector = Object.entries(spec?.selector ?? {});
      if (selector.length === 0) continue;
      const ready = pods.filter(
        (pod) =>
          pod.metadata?.deletionTimestamp === undefined &&
          pod.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") &&
          selector.every(([key, value]) => pod.metadata?.labels?.[key] === value),
      );
      const there = ready.map(({ metadata: of, status }) => ({
        pod: of?.name ?? "",
        host: status?.podIP ?? "",
        port: SERVICE_PORT,
      }));
      endpoints.set(metadata?.name ?? "", there);
      this.#write(() => this.#writeSlice(metadata?.name ?? "", there));
    }
    this.#gateway.endpoints = endpoints;
    this.#gateway.rules = this.#routes.items().flatMap(({ spec }) => spec.rules ?? []);
    // After the gateway has it: what is reported is done.
    if (!this.#mute) for (const route of this.#routes.items()) this.#write(() => this.#report(route));
  }

  #settleInstances(pods: readonly V1Pod[]): void {
    const there = new Set<string>();
    for (const { metadata, status } of pods) {
      const uid = metadata?.uid ?? "";
      const of = metadata?.labels ?? {};
      const notes = metadata?.annotations ?? {};
      if (of[labels.workload] === undefined) continue;
      there.add(uid);
      const known = this.#instances.get(uid);
      if (metadata?.deletionTimestamp !== undefined) known?.leave();
      if (known || metadata?.deletionTimestamp !== undefined) continue;
      const instance = new HttpInstance({
        pod: metadata?.name ?? "",
        address: status?.podIP ?? "",
        version: of[labels.version] ?? "",
        workload: of[labels.workload] ?? "",
        metricsPort: Number(notes[annotations.metricsPort] ?? 9090),
        failPercent: Number(notes[FAIL_ANNOTATION] ?? 0),
      });
      this.#instances.set(uid, instance);
      instance.start().catch((error) => this.#config.log(`${metadata?.name}: ${error.message}`));
    }
    for (const [uid, instance] of this.#instances) {
      if (there.has(uid)) continue;
      instance.end();
      this.#instances.delete(uid);
    }
  }

  async #writeSlice(service: string, endpoints: readonly Endpoint[]): Promise<void> {
    const { namespace } = this.#config;
    const content = JSON.stringify(endpoints);
    if (this.#slices.get(service) === content) return;
    await this.#api.apply({
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: {
        name: `${service}-lab`,
        namespace,
        labels: {
          "kubernetes.io/service-name": service,
          "endpointslice.kubernetes.io/managed-by": "lab.pulumi-issu.dev",
        },
      },
      addressType: "FQDN",
      ports: [{ name: "http", port: SERVICE_PORT, protocol: "TCP" }],
      endpoints: endpoints.map(({ pod, host }) => ({
        addresses: [`${host.replaceAll(".", "-")}.pods.lab.example`],
        conditions: { ready: true },
        targetRef: { kind: "Pod", namespace, name: pod },
      })),
    });
    this.#slices.set(service, content);
  }

  async #report(route: Route): Promise<void> {
    const { generation = 0, name } = route.metadata;
    const seen = route.status?.parents?.[0]?.conditions?.[0]?.observedGeneration ?? 0;
    if (seen >= generation) return;
    const { namespace } = this.#config;
    const services = new Set(this.#services.items().map(({ metadata }) => metadata?.name));
    const missing = (route.spec.rules ?? [])
      .flatMap(({ backendRefs = [] }) => backendRefs.map((one) => one.name))
      .find((one) => !services.has(one));
    const condition = (type: string, holds: boolean, reason: string, message = "") => ({
      type,
      status: holds ? "True" : "False",
      reason,
      message,
      observedGeneration: generation,
      lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
    });
    const conditions = [
      condition("Accepted", true, "Accepted"),
      missing === undefined
        ? condition("ResolvedRefs", true, "ResolvedRefs")
        : condition("ResolvedRefs", false, "BackendNotFound", `there is no service ${missing}`),
    ];
    const parents = (route.spec.parentRefs ?? []).map((parentRef) => ({
      parentRef,
      controllerName: CONTROLLER_NAME,
      conditions,
    }));
    const path = `/apis/${GATEWAY_GROUP}/v1/namespaces/${namespace}/httproutes/${name}/status`;
    await this.#api.patch(path, { status: { parents } });
  }

  #write(work: () => Promise<void>): void {
    this.#writing = this.#writing.then(work).catch((error) => {
      this.#config.log((error as Error).message);
      // Whatever could not be written is written at the next look.
      setTimeout(() => this.#settle(), 500).unref();
    });
  }
}
