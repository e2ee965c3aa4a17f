/**
 * What `issu status --json` prints. Versioned: fields are added within a version, never removed or given another meaning.
 * Times are ISO 8601, durations milliseconds, shares percent.
 *
 * @module
 */

import type { AlarmCode, ProbableCause, Severity } from "../campaign/alarm-catalogue";
import type { AuditEntry } from "../campaign/audit";
import type { Verdict } from "../campaign/gates";
import type {
  CampaignState,
  PastCampaign,
  ReportRecord,
  SnapshotNote,
  StageState,
} from "../campaign/journal";
import type { GroupKind, SelfHealing } from "../contract/redundancy-group";
import type { Intent, ReleaseRef, StatusRow } from "../plan/plan";

export const STATUS_VERSION = 1;

export interface StatusDocument {
  readonly schemaVersion: typeof STATUS_VERSION;
  readonly at: string;
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  /** e.g. `cnf/core/amf`. */
  readonly target: string;
  /** State of the last campaign; `idle` if there never was one. */
  readonly state: CampaignState | "idle";
  /** What `--exit-code` returns for this target. */
  readonly exitCode: number;
  /** What serves when no campaign is in hand. */
  readonly serving?: ReleaseRef;
  readonly campaign?: CampaignStatus;
  readonly lease?: LeaseStatus;
  /** Absent if the target could not be read or splits no traffic. */
  readonly traffic?: TrafficStatus;
  /** Who keeps what serves from being deleted; absent if the target can't tell, or nothing serves. */
  readonly protection?: ProtectionStatus;
  readonly objects: readonly ObjectStatus[];
  /** Redundancy groups; empty where no component keeps state in step. */
  readonly groups: readonly GroupStatus[];
  readonly instances: readonly InstanceStatus[];
  /** What a target that is no network function consists of; absent for those. */
  readonly parts?: readonly StatusRow[];
  readonly kpis: readonly KpiStatus[];
  readonly alarms: readonly Alarm[];
  /** Raised by the last campaign's runs, and over. */
  readonly pastAlarms: readonly Alarm[];
  readonly quarantine: readonly QuarantineStatus[];
  /** What the operator can do now, most likely first; empty if there is nothing to do. */
  readonly next: readonly string[];
  readonly history: readonly PastCampaign[];
  /** What people did to lease and journal, oldest first. */
  readonly audit: readonly AuditEntry[];
}

export interface CampaignStatus {
  readonly id: string;
  readonly intent: Intent;
  readonly from?: ReleaseRef;
  readonly to: ReleaseRef;
  readonly state: CampaignState;
  /** Runs of the engine that worked on it. */
  readonly attempt: number;
  readonly openedAt: string;
  readonly closedAt?: string;
  /** From its opening to its end, or to now. */
  readonly durationMs: number;
  /** All stages together, without those that are skipped. */
  readonly expectedMs: number;
  /** What is left by the plan; only while it is open. */
  readonly remainingMs?: number;
  readonly stages: readonly StageStatus[];
  /** Taken before its steps (ESC-14), oldest first. */
  readonly snapshots: readonly SnapshotNote[];
  readonly rollback?: RollbackStatus;
}

export interface StageStatus {
  readonly name: string;
  readonly state: StageState;
  readonly expectedMs: number;
  /** So far, if it runs; absent if it was not begun. */
  readonly actualMs?: number;
  readonly startedAt?: string;
  readonly attempts: number;
  readonly step?: { /** From 1. */ readonly index: number; readonly of: number; readonly summary: string };
  /** Its steps are done, and it watches its gates; `leftMs` is 0 if it waits for gates to have data. */
  readonly soak?: { readonly ofMs: number; readonly leftMs: number };
  readonly detail?: string;
  readonly verdicts: readonly Verdict[];
  /** What targets and hooks reported of it, the latest last; evidence only. */
  readonly reports: readonly ReportRecord[];
}

export interface RollbackStatus {
  readonly reason: string;
  readonly code: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly durationMs: number;
  /** The policy's `rollback.within`. */
  readonly withinMs?: number;
  readonly steps: readonly {
    readonly summary: string;
    readonly state: string;
    /** When it got into that state. */
    readonly at: string;
    readonly detail?: string;
  }[];
}

export interface LeaseStatus {
  /** `host/process/random`. */
  readonly heldBy: string;
  readonly until: string;
}

export interface ProtectionStatus {
  readonly by: "campaign" | "administrator" | "nobody";
  /** Name of the admission policy. */
  readonly policy?: string;
}

export interface TrafficStatus {
  /** Share of the subscribers that is wanted on the right (GRY-03). */
  readonly ratio: number;
  readonly admission: "by-ratio" | "right";
  /** Subscribers not yet where they should be; absent until the target reports. */
  readonly moving?: number;
  readonly left?: SideStatus;
  readonly right?: SideStatus;
}

export interface SideStatus {
  readonly version: string;
  readonly subscribers?: number;
  readonly sessions?: number;
  /** Share of all subscribers that it really carries. */
  readonly sharePercent?: number;
}

export interface ObjectStatus {
  readonly name: string;
  readonly component: string;
  readonly version: string;
  /** `both` for a workload that the two domains share; absent if it carries nobody. */
  readonly side?: "left" | "right" | "both";
  /** Instances asked for. */
  readonly wanted: number;
  readonly ready: number;
  readonly subscribers?: number;
  readonly sessions?: number;
}

export interface GroupStatus {
  readonly component: string;
  readonly kind: GroupKind;
  /** Workload of the active member; absent if nobody is, or in a data-storage group. */
  readonly active?: string;
  /** Members in step, by workload. */
  readonly inStep: { readonly [workload: string]: number };
  /** Members in step that it takes to serve; absent until the network function reports. */
  readonly quorum?: number;
  readonly selfHealing: SelfHealing;
  /** Why members can't come into step. */
  readonly troubles: readonly string[];
}

export interface InstanceStatus {
  readonly name: string;
  readonly object: string;
  readonly side?: "left" | "right" | "both";
  readonly serving: boolean;
  readonly draining: boolean;
  readonly subscribers: number;
  readonly sessions: number;
}

export interface KpiStatus {
  readonly kpi: string;
  /** Length of the window over which it was counted. */
  readonly windowMs: number;
  readonly left: KpiSide;
  readonly right: KpiSide;
}

export interface KpiSide {
  readonly attempts: number;
  /** Absent without attempts: no data, which is not 100 % (GRY-11). */
  readonly successPercent?: number;
}

/** One that a run raised says since when, and of what; the others are what this look saw. */
export interface Alarm {
  readonly code: AlarmCode;
  /** Perceived severity and probable cause as in ITU-T X.733. */
  readonly severity: Severity;
  readonly cause: ProbableCause;
  readonly message: string;
  readonly campaign?: string;
  readonly stage?: string;
  /** Receiver of alarms that it is about. */
  readonly receiver?: string;
  readonly raisedAt?: string;
  readonly clearedAt?: string;
}

export interface QuarantineStatus {
  readonly version: string;
  readonly release: string;
  readonly campaign: string;
  readonly reason: string;
  readonly at: string;
  /** How to try it again. */
  readonly retry: string;
}
