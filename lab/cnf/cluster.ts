/**
 * What the network function sees of the cluster that it runs on. The lab's own is a Kubernetes API; tests put a stub here.
 *
 * @module
 */
import type {
  DataTransferSpec,
  DataTransferStatus,
  DialTestSpec,
  DialTestStatus,
  RedundancyGroupSpec,
  RedundancyGroupStatus,
  SubscriberSplitSpec,
  SubscriberSplitStatus,
} from "pulumi-issu/contract";

/** A pod of the network function. */
export interface CnfPod {
  readonly uid: string;
  readonly name: string;
  /** IPv4 address; pods without one are not reported. */
  readonly address: string;
  readonly workload: string;
  /** Semantic version, with `+` as it is. */
  readonly version: string;
  readonly ready: boolean;
  /** Its grace period runs. */
  readonly deleting: boolean;
  /** The drain annotation is set. */
  readonly draining: boolean;
  readonly metricsPort: number;
  readonly metricsPath: string;
  /** As its annotation says; undefined without one. What a `RedundancyGroup` says of its workload goes before it. */
  readonly serviceType?: string;
  /** Form of the records that it reads and writes, as its annotation says; undefined without one. */
  readonly schema?: string;
}

export interface NamedSplit {
  readonly name: string;
  readonly generation: number;
  readonly spec: SubscriberSplitSpec;
}

export interface NamedDialTest {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: DialTestSpec;
  readonly status?: DialTestStatus;
}

export interface NamedGroup {
  readonly name: string;
  readonly generation: number;
  readonly spec: RedundancyGroupSpec;
}

export interface NamedTransfer {
  readonly name: string;
  readonly uid: string;
  readonly generation: number;
  readonly spec: DataTransferSpec;
}

export interface ClusterEvents {
  /** All running pods there are now. */
  pods(pods: readonly CnfPod[]): void;
  /** Undefined if there is none (any more). */
  split(split: NamedSplit | undefined): void;
  dialTests(tests: readonly NamedDialTest[]): void;
  /** All there are now. */
  groups(groups: readonly NamedGroup[]): void;
  /** All there are now. */
  transfers(transfers: readonly NamedTransfer[]): void;
}

export interface CnfCluster {
  /** Begins to report; goes on doing so, across outages of the API, until `stop`. */
  start(events: ClusterEvents): void;
  stop(): void;
  /** @throws {Error} if it could not be written; the caller tries again with what is current then. */
  writeSplitStatus(name: string, status: SubscriberSplitStatus): Promise<void>;
  /** @throws {Error} as above */
  writeDialTestStatus(name: string, status: DialTestStatus): Promise<void>;
  /** @throws {Error} as above */
  writeGroupStatus(name: string, status: RedundancyGroupStatus): Promise<void>;
  /** @throws {Error} as above */
  writeTransferStatus(name: string, status: DataTransferStatus): Promise<void>;
}
