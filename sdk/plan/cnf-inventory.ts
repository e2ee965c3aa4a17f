/**
 * What runs of a network function, as its plan rule needs it. Its driver returns this shape.
 *
 * @module
 */
import type { ServiceType } from "../policy/cnf-spec";

export interface WorkloadState {
  /** Deployment's name. */
  readonly name: string;
  readonly component: string;
  readonly version: string;
  readonly serviceType: ServiceType;
  /** Instances asked for. */
  readonly replicas: number;
  /** Instances that are Ready. */
  readonly ready: number;
  /** Of the Ready ones, those that were asked to drain and so take no new work; 0 if left out. */
  readonly draining?: number;
}

export interface AutoscalerState {
  readonly name: string;
  /** Workload that it scales, or scaled before a campaign suspended it. */
  readonly workload: string;
  readonly suspended: boolean;
  /** While suspended: the instances that it had set when it was, as the driver noted them (ESC-07). */
  readonly replicas?: number;
}

export interface DomainState {
  readonly version: string;
  readonly workloads: readonly string[];
}

export interface SplitState {
  readonly left?: DomainState;
  readonly right?: DomainState;
  readonly ratio: number;
  readonly admission: "by-ratio" | "right";
  readonly pinned: readonly { readonly subscriber: string; readonly side: "left" | "right" }[];
  /** Carried now; absent until the load balancer reported. */
  readonly carried?: {
    readonly left: number;
    readonly right: number;
    readonly moving: number;
  };
}

export interface ProtectionState {
  /** Whose policy refuses to delete what serves; `unknown` if the cluster can't tell. */
  readonly by: "campaign" | "administrator" | "nobody" | "unknown";
  readonly policy?: string;
  /** Where nobody's does: whether the campaign may install one. */
  readonly mayInstall?: boolean;
}

export interface CnfInventory {
  /** e.g. `1.34.2`. */
  readonly kubernetesVersion: string;
  readonly workloads: readonly WorkloadState[];
  readonly autoscalers: readonly AutoscalerState[];
  readonly split?: SplitState;
  /** What the instances export: KPI name → mean attempts a second over all instances. */
  readonly kpis: { readonly [kpi: string]: number };
  /** Mean share of rated capacity in use over the instances of a workload, 0 to 1. */
  readonly load: { readonly [workload: string]: number };
  /** Time from creation to Ready of the instances that run, 90th percentile in ms; undefined if none run. */
  readonly bootMs?: number;
  /** Absent where there is no such thing to be had. */
  readonly protection?: ProtectionState;
  /** Rights that the identity lacks, in words; absent if it has all. */
  readonly missingRights?: readonly string[];
  /** Pods that could be scheduled in addition, as far as the cluster tells. */
  readonly spareInstances?: number;
}
