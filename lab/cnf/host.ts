/**
 * Where instances live: one behind every pod that has become ready, for as long as the pod runs. It outlives neither its
 * pod nor a crash.
 *
 * @module
 */
import type { Backend, Balancer } from "./balancer.ts";
import type { CnfPod } from "./cluster.ts";
import type { Faults } from "./faults.ts";
import type { StorageGroup } from "./groups/storage-group.ts";
import { Instance, type InstanceHost } from "./instance.ts";

interface Tenant {
  pod: CnfPod;
  readonly number: number;
  backend: Backend | undefined;
  starting: boolean;
}

/** Time after which a start that failed is tried again, ms. */
const RETRY = 1_000;

export class Host {
  readonly #balancer: Balancer;
  readonly #instances: InstanceHost;
  readonly #tenants = new Map<string, Tenant>();
  readonly #addresses = new Set<string>();
  readonly #log: (line: string) => void;
  #next = 1;
  #closed = false;

  /** @param store where contexts are kept beyond the life of an instance */
  constructor(
    balancer: Balancer,
    faults: Faults,
    ratedSubscribers: number,
    store: () => StorageGroup | undefined,
    log: (line: string) => void,
  ) {
    this.#balancer = balancer;
    this.#log = log;
    this.#instances = {
      faults,
      ratedSubscribers,
      sendSignalling: (message, port, address) => balancer.sendSignalling(message, port, address),
      sendMedia: (message, port, address) => balancer.sendMedia(message, port, address),
      alive: (address) => this.#addresses.has(address),
      departed: (msin) => balancer.depart(msin),
      store,
    };
  }

  get instances(): readonly Instance[] {
    return [...this.#balancer.backends].map(({ instance }) => instance);
  }

  /** All running pods there are now. */
  sync(pods: readonly CnfPod[]): void {
    const present = new Set(pods.map((pod) => pod.uid));
    for (const [uid, tenant] of this.#tenants) {
      if (present.has(uid)) continue;
      this.#tenants.delete(uid);
      this.#end(tenant, "its pod is gone");
    }
    for (const pod of pods) {
      const tenant = this.#tenants.get(pod.uid) ?? this.#enter(pod);
      tenant.pod = pod;
      if (tenant.backend) this.#balancer.update(tenant.backend, pod.ready && !pod.deleting, pod.draining);
      else if (pod.ready) this.#start(tenant);
    }
  }

  /**
   * Ends instances abruptly, the fullest first, as a crash would; they come back empty if their pods are still there.
   *
   * @returns names of the pods
   */
  crash(
    matches: { readonly workload?: string; readonly version?: string },
    count: number,
    restartAfterMs: number,
  ): string[] {
    const victims = [...this.#tenants.values()]
      .filter(
        ({ pod, backend }) =>
          backend &&
          (matches.workload === undefined || pod.workload === matches.workload) &&
          (matches.version === undefined || pod.version === matches.version),
      )
      .sort((a, b) => (b.backend?.load ?? 0) - (a.backend?.load ?? 0))
      .slice(0, count);
    for (const victim of victims) {
      this.#end(victim, "crash injected");
      victim.starting = true;
      setTimeout(() => {
        victim.starting = false;
        if (this.#tenants.get(victim.pod.uid) === victim) this.#start(victim);
      }, restartAfterMs).unref();
    }
    return victims.map(({ pod }) => pod.name);
  }

  /** Instances whose pods are Ready, as Prometheus' HTTP service discovery wants them told. */
  scrapeTargets(namespace: string): readonly object[] {
    return [...this.#tenants.values()]
      .filter(({ pod, backend }) => backend && pod.ready && !pod.deleting)
      .map(({ pod }) => ({
        targets: [`${pod.address}:${pod.metricsPort}`],
        labels: { __metrics_path__: pod.metricsPath, namespace, pod: pod.name },
      }));
  }

  close(): void {
    this.#closed = true;
    for (const tenant of this.#tenants.values()) this.#end(tenant, "the lab ends");
    this.#tenants.clear();
  }

  #enter(pod: CnfPod): Tenant {
    const tenant: Tenant = { pod, number: this.#next++ & 0xffff, backend: undefined, starting: false };
    this.#tenants.set(pod.uid, tenant);
    return tenant;
  }

  #start(tenant: Tenant): void {
    if (tenant.starting || tenant.backend || this.#closed) return;
    tenant.starting = true;
    const { pod } = tenant;
    const { name, address, workload, version, metricsPort, metricsPath } = pod;
    const identity = {
      number: tenant.number,
      pod: name,
      address,
      workload,
      version,
      metricsPort,
      metricsPath,
    };
    Instance.start(identity, this.#instances).then(
      (instance) => {
        tenant.starting = false;
        if (this.#closed || this.#tenants.get(pod.uid) !== tenant) return instance.close();
        this.#addresses.add(address);
        tenant.backend = this.#balancer.add(instance);
        const now = tenant.pod;
        this.#balancer.update(tenant.backend, now.ready && !now.deleting, now.draining);
        this.#log(`instance ${name} (${version}) serves on ${address}`);
      },
      (error: Error) => {
        this.#log(`instance ${name}: ${error.message}`);
        setTimeout(() => {
          tenant.starting = false;
          if (this.#tenants.get(pod.uid) === tenant) this.#start(tenant);
        }, RETRY).unref();
      },
    );
  }

  #end(tenant: Tenant, reason: string): void {
    const { backend } = tenant;
    if (!backend) return;
    tenant.backend = undefined;
    const { instance } = backend;
    this.#addresses.delete(instance.identity.address);
    const lost = instance.contexts.size;
    instance.close();
    this.#balancer.remove(backend);
    this.#log(
      `instance ${instance.identity.pod} ended (${reason})${lost > 0 ? ` with ${lost} contexts` : ""}`,
    );
  }
}
