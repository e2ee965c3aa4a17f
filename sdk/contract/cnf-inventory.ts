/**
 * What runs of a network function: what its driver reports, and its plan rule plans from.
 *
 * @module
 */
import type { CompatibilityNote, OtherCnf, RequiredBy } from "./compatibility";
import type { GroupKind, SelfHealing } from "./redundancy-group";
import type { Admission, PinnedSubscriber, RouteRef } from "./subscriber-split";

export type ServiceType = GroupKind | "load-sharing";

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
  /** What its version says of its compatibility; `unreadable` if that is no such note. */
  readonly compatibility?: CompatibilityNote | "unreadable";
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
  readonly admission: Admission;
  readonly pinned: readonly PinnedSubscriber[];
  /** Absent where a load balancer obeys. With it, `ratio` is what the route's weights say, in percent of the requests. */
  readonly httpRoute?: RouteRef;
  /** Carried now; absent until the load balancer reported. */
  readonly carried?: {
    readonly left: number;
    readonly right: number;
    readonly moving: number;
  };
}

/** A redundancy group as asked for and as reported. */
export interface GroupState {
  readonly component: string;
  readonly kind: GroupKind;
  readonly workloads: readonly string[];
  /** Workload that is to be active; absent if nothing was asked. */
  readonly wanted?: string;
  readonly selfHealing: SelfHealing;
  readonly migration?: string;
  /** Absent until the network function reported. */
  readonly reported?: {
    /** Workload of the active member. */
    readonly active?: string;
    /** Members that are in step, by workload; those that leave or left don't count. */
    readonly inStep: { readonly [workload: string]: number };
    readonly quorum: number;
    /** Why members can't come into step. */
    readonly troubles: readonly string[];
  };
}

export interface ProtectionState {
  /** Whose policy refuses to delete what serves; `unknown` if the cluster can't tell. */
  readonly by: "campaign" | "administrator" | "nobody" | "unknown";
  readonly policy?: string;
  /** Where nobody's does: whether the campaign may install one. */
  readonly mayInstall?: boolean;
}

/** The HTTPRoute that a network function is declared with, or was upgraded with, as far as it stands in a campaign's way. */
export interface RouteState {
  readonly name: string;
  /** What has to be mended before a campaign can use it, with the property that it belongs to. */
  readonly problems: readonly {
    readonly path: string;
    readonly message: string;
    /** Only not there yet: the same program may be about to declare it. */
    readonly missing?: boolean;
  }[];
  /** Weights that nobody's campaign wrote, in words; absent if they are as the last campaign left them. */
  readonly foreignHand?: string;
}

export interface CnfInventory {
  /** e.g. `1.34.2`, without a vendor's suffix. */
  readonly kubernetesVersion: string;
  readonly workloads: readonly WorkloadState[];
  readonly autoscalers: readonly AutoscalerState[];
  readonly split?: SplitState;
  /** Of its active-standby and data-storage components. */
  readonly groups?: readonly GroupState[];
  /** What the instances export: KPI name → attempts a second of all instances together, mean since each started. */
  readonly kpis: { readonly [kpi: string]: number };
  /** Mean share of rated capacity in use over the instances of a workload, 0 to 1. */
  readonly load: { readonly [workload: string]: number };
  /** Time from creation to Ready of the instances that run, 90th percentile in ms; undefined if none run. */
  readonly bootMs?: number;
  /** Absent where there is no such thing to be had. */
  readonly protection?: ProtectionState;
  /** Rights that the identity lacks, e.g. `patch pods`; absent if it has all. */
  readonly missingRights?: readonly string[];
  /** The same, of those that only active-standby and data-storage components take. */
  readonly missingRightsForGroups?: readonly string[];
  /** The same, of those that only an HTTPRoute takes. */
  readonly missingRightsForRoute?: readonly string[];
  /** Absent where a load balancer of the network function's own shares out. */
  readonly route?: RouteState;
  /** Highest epoch under which any of it was written. */
  readonly epoch?: number;
  /** Pods that could be scheduled in addition; undefined where the cluster does not tell. */
  readonly spareInstances?: number;
  /** The network functions that were asked about. */
  readonly others?: readonly OtherCnf[];
  /** Those in the same namespace that run and say which versions of this one they work with. */
  readonly requiredBy?: readonly RequiredBy[];
}
