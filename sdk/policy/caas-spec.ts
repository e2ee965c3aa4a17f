/**
 * A CaaS cluster as its owner declares it, and as it is carried out once every input is known. The latter is plain data: it is
 * stored in Pulumi's state and in the journal, so nothing in it is secret.
 *
 * @module
 */
import type { MaintenanceWindow, ResolvedWindow } from "./caas-window";
import type { Duration } from "./upgrade-policy";

/**
 * `in-place`: a node is drained, its machine gets the new release and comes back as the same node. `surge-and-replace`: another
 * machine joins with the new release first, then the old node is drained and leaves. `blue-green`: as many machines as the pool has
 * nodes join first, then all old nodes are drained, and they are kept, cordoned, until the soak has ended: the way back is short.
 */
export type PoolStrategy = "in-place" | "surge-and-replace" | "blue-green";

/** Which nodes go in one wave: so many, such a share of the pool in percent, or those of one failure domain at a time. */
export type BatchPolicy =
  | { readonly count: number }
  | { readonly percent: number }
  /** Label of the nodes that names their domain, e.g. `topology.kubernetes.io/rack`. */
  | { readonly domain: string };

/** Nodes that are upgraded by the same rules (ESC-16). They are told by labels and never by name (ESC-07). */
export interface NodePool {
  /** DNS label, unique within the cluster, e.g. `workers`. */
  readonly name: string;
  /** Labels that all of its nodes have, and no other node. */
  readonly selector: { readonly [label: string]: string };
  /** @default "in-place" */
  readonly strategy?: PoolStrategy;
  /**
   * Spare machines that join as additional nodes meanwhile (TEF-6): machines of the Redfish service that are switched off and
   * whose `AssetTag` is `spares`. Not with `blue-green`, which takes as many as there are nodes.
   *
   * @default 1
   */
  readonly surge?: number;
  /** Asset tag of the spare machines. @default the pool's name */
  readonly spares?: string;
  /** Nodes of the pool that may be away at once beyond those that spare machines stand in for. @default 0 */
  readonly maxUnavailable?: number;
  /** @default surge and maxUnavailable together; one node with `blue-green` */
  readonly batch?: BatchPolicy;
  /** Pools with a lower number go first; those with the same in the order in which they are declared. @default 0 */
  readonly order?: number;
  /** How long a wave is watched, its nodes ready and at the new version, before they take pods again. @default "1m" */
  readonly soak?: Duration;
}

/** What is done to pods only where the policy says so. */
export interface ForcePolicy {
  /** Pods that nothing would start anew: `delete` ends them for good. @default "refuse" */
  readonly unmanaged?: "refuse" | "delete";
  /** Pods with an `emptyDir`, whose content is lost with them: `lose` does so. @default "refuse" */
  readonly emptyDir?: "refuse" | "lose";
  /**
   * Pods that are still there at the end of `drain.within`: `delete` takes them away past their disruption budget. They end as
   * gracefully as they can.
   *
   * @default "refuse"
   */
  readonly late?: "refuse" | "delete";
}

export interface DrainPolicy {
  /** Longest time for the pods of one wave to be elsewhere. @default "15m" */
  readonly within?: Duration;
  /** Longest time that an instance of a network function is given to hand over before it is evicted (TEF-9). @default "2m" */
  readonly handOver?: Duration;
  /** Evictions at once, of all budgets together. @default 50 */
  readonly parallel?: number;
  /**
   * Deployments whose budget never lets a pod go, e.g. a single replica that must be available: `run` has them run one replica more
   * until the drain is over, and then as many as before. Network functions are left alone.
   *
   * @default "refuse"
   */
  readonly extraReplica?: "refuse" | "run";
  readonly force?: ForcePolicy;
}

/** The members of the control plane: machines with an API server and an etcd each (ESC-23). */
export interface ControlPlanePolicy {
  /** Labels that all of its nodes have, and no other node. @default { "node-role.kubernetes.io/control-plane": "" } */
  readonly selector?: { readonly [label: string]: string };
  /** How long a member is watched at its new release before the next one begins. @default "1m" */
  readonly soak?: Duration;
  /**
   * A snapshot of etcd is taken into `upgrade.snapshot.store` before the first member, which has to be outside of the cluster.
   * `"none"`: there is none, and nothing to restore should the control plane be lost.
   */
  readonly snapshot?: "none";
}

/** The image that machines boot for one release. */
export interface ReleaseImage {
  /** Where machines load it from, `https://…` or `http://…`; shown and stored, so it has no credentials in it. */
  readonly url: string;
}

export interface CaasLimits {
  /** What a machine is expected to take from its reset until its node is ready. @default "10m" */
  readonly bootExpected?: Duration;
  /** After which it is given up. @default "30m" */
  readonly boot?: Duration;
}

export interface PoolSpec {
  readonly name: string;
  readonly selector: { readonly [label: string]: string };
  readonly strategy: PoolStrategy;
  readonly surge: number;
  readonly spares: string;
  readonly maxUnavailable: number;
  readonly batch: BatchPolicy;
  readonly soakMs: number;
}

export interface DrainSpec {
  readonly withinMs: number;
  readonly handOverMs: number;
  readonly parallel: number;
  readonly extraReplica: "refuse" | "run";
  readonly force: Required<ForcePolicy>;
}

export interface ControlPlaneSpec {
  readonly selector: { readonly [label: string]: string };
  readonly soakMs: number;
  /** Whether etcd is saved before. */
  readonly saved: boolean;
}

export interface CaasSpec {
  readonly name: string;
  readonly namespace: string;
  /** Kubernetes release wanted, e.g. `1.34.2`. */
  readonly version: string;
  /** Version and image, e.g. `1.34.2-9f3c21ab`. */
  readonly release: string;
  /** Releases on the way, in order, `version` not among them: for the control plane, which goes one minor at a time. */
  readonly path: readonly string[];
  /** By version; the wanted one is there. */
  readonly images: { readonly [version: string]: ReleaseImage };
  /** In the order in which they are upgraded. */
  readonly pools: readonly PoolSpec[];
  readonly controlPlane?: ControlPlaneSpec;
  readonly drain: DrainSpec;
  readonly window?: ResolvedWindow;
  readonly limits: { readonly bootExpectedMs: number; readonly bootMs: number };
}

/** What a user writes of a cluster, but for how it is reached. */
export interface CaasDeclaration {
  readonly version: string;
  readonly path?: readonly string[];
  readonly images: { readonly [version: string]: ReleaseImage };
  readonly pools: readonly NodePool[];
  readonly controlPlane?: ControlPlanePolicy;
  readonly drain?: DrainPolicy;
  readonly window?: MaintenanceWindow;
  readonly limits?: CaasLimits;
}
