/**
 * `SubscriberSplit`: the campaign says which share of the subscribers the new version carries; the network function's own
 * load balancer obeys, and reports what is really carried (GRY-02, GRY-03, GRY-07).
 *
 * @module
 */

/** The two domains of a network function under gray upgrade: left is the old version, right the new one (GRY-02). */
export type Side = "left" | "right";

/** One domain. Workloads that both domains name are shared by them. */
export interface Domain {
  /** Version of the network function in this domain, e.g. `1.1.0`. */
  readonly version: string;
  /** Names of the workloads whose instances carry this domain's subscribers. */
  readonly workloads: readonly string[];
}

/** Where subscribers without a session go. */
export type Admission =
  /** In proportion to `ratio`, as standing subscribers do (gray mode, GRY-08). */
  | "by-ratio"
  /** To the right only (rolling mode, TEF-3). */
  | "right";

/** A designated subscriber, kept on one side whatever the ratio (GRY-07). */
export interface PinnedSubscriber {
  /** Subscriber identity, e.g. `imsi-001010000000001`. */
  readonly subscriber: string;
  readonly side: Side;
}

/**
 * Where requests are shared out by the weights of a Gateway API `HTTPRoute` and not by a load balancer of the network
 * function's own: the campaign writes these weights itself, and nobody reports.
 */
export interface RouteRef {
  /** Name of the HTTPRoute, in the network function's namespace. */
  readonly name: string;
  /** The two Services among which it shares requests out. Which of them a side has changes from campaign to campaign. */
  readonly services: readonly [string, string];
  /** How long connections of an instance are given to end once its Service no longer has it. */
  readonly drainSeconds: number;
}

export interface SubscriberSplitSpec {
  /** Absent while nothing has served yet. */
  readonly left?: Domain;
  /** Absent while only one version exists. */
  readonly right?: Domain;
  /**
   * Share of the subscribers that the right carries, in percent, 0 to 100. It counts subscribers, never resources (GRY-03).
   * Raising it from r1 to r2 moves only the subscribers between r1 and r2; lowering it moves the same ones back.
   */
  readonly ratio: number;
  readonly admission: Admission;
  readonly pinned: readonly PinnedSubscriber[];
  /** Absent where a load balancer obeys. Present, it has to leave this split alone. */
  readonly httpRoute?: RouteRef;
  /** Epoch of the lease under which this was written. The API server refuses a lower one, so a stale writer can do nothing. */
  readonly epoch: number;
}

/** What one side carries at this moment. */
export interface Carried {
  /** Subscribers with a context on that side. */
  readonly subscribers: number;
  /** PDU sessions on that side. */
  readonly sessions: number;
}

/** What one instance carries at this moment. */
export interface CarryingInstance extends Carried {
  /** Pod name. */
  readonly name: string;
  readonly workload: string;
  /** Takes new work. */
  readonly serving: boolean;
  /** The drain annotation was seen. */
  readonly draining: boolean;
}

export interface SubscriberSplitStatus {
  /** `metadata.generation` of the spec that this status answers. */
  readonly observedGeneration: number;
  readonly left: Carried;
  readonly right: Carried;
  /** Subscribers that are not yet where the spec wants them. 0 together with the current generation means: done. */
  readonly moving: number;
  readonly instances: readonly CarryingInstance[];
}

export interface SubscriberSplit {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly generation?: number };
  readonly spec: SubscriberSplitSpec;
  readonly status?: SubscriberSplitStatus;
}
