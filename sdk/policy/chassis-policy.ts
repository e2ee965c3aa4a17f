/**
 * The upgrade policy of a chassis as a user writes it.
 *
 * @module
 */
import type { AlarmPolicy, CallbackPolicy } from "./alarm-policy";
import type { SnapshotPolicy } from "./snapshot-policy";
import type { Approval, Duration, ResolvedPolicy } from "./upgrade-policy";

/** Keywords of the device's own command (`request system software in-service-upgrade`). */
export const ISSU_OPTIONS = [
  "reboot",
  "no-copy",
  "no-sync",
  "no-tcp-syn-check",
  "no-validate",
  "unlink",
] as const;

export type IssuOption = (typeof ISSU_OPTIONS)[number];

export interface ChassisTimeLimits {
  /** Longest wait for groups in secondary-hold to be ready; the device holds RG-0 for 5 to 30 minutes. @default "35m" */
  readonly hold?: Duration;
  /** Longest time for the image to be fetched and its checksum to be computed. @default "30m" */
  readonly image?: Duration;
  /** Longest time for one `request system snapshot`. @default "20m" */
  readonly save?: Duration;
  /** Longest wait for a group to be where it is asked to be. @default "2m" */
  readonly failover?: Duration;
  /** Longest time for the device to check image and configuration. @default "20m" */
  readonly validate?: Duration;
  /** Longest time for one node to install and to boot. @default "60m" */
  readonly install?: Duration;
  /** Longest wait for a node that has booted to be in step. @default "20m" */
  readonly sync?: Duration;
  /** Longest time for one card to restart. @default "15m" */
  readonly card?: Duration;
  /** Longest time without a report of progress, whatever is in hand. @default the limits of the steps together */
  readonly stage?: Duration;
}

export interface ChassisRollbackPolicy {
  /** Take the campaign back when a stage fails. If false it stops where it is and stays open. @default true */
  readonly onFailure?: boolean;
  /** Longest a rollback may take before an alarm is raised (ESC-02); it goes on all the same. @default "90m" */
  readonly within?: Duration;
}

export interface ChassisUpgradePolicy {
  /**
   * Keywords of the device's command. Without `reboot` no node ever boots the new release, so it is refused.
   *
   * @default ["reboot"]
   */
  readonly options?: readonly IssuOption[];
  /** Node that has to be RG-0's primary when the upgrade begins; whichever it is if left out (CHA-2). */
  readonly startFrom?: "node0" | "node1";
  /** What the vendor says cannot be upgraded in service; met on the device, it is a warning (CHA-6). */
  readonly unsupported?: {
    /** Descriptions of PICs as the device shows them, or parts of these. */
    readonly pics?: readonly string[];
    /** Names of protocols as the configuration has them, e.g. `pim`. */
    readonly protocols?: readonly string[];
  };
  /** What the device itself saves before it is changed (ESC-14). */
  readonly save?: {
    /** `request system configuration rescue save`. @default true */
    readonly rescue?: boolean;
    /** `request system snapshot` on both nodes. @default true */
    readonly system?: boolean;
  };
  /** Where configuration and versions are saved besides, encrypted to whom. Left out, they stay on the device. */
  readonly snapshot?: SnapshotPolicy;
  /**
   * How the redundancy groups are left at the end: each primary where it was before, with its flag as it was; or only without the
   * flags that the upgrade has set, wherever they are then.
   *
   * @default "as-before"
   */
  readonly restore?: "as-before" | "flags";
  /** Stages that wait for somebody's approval (ESC-12, ESC-21); only before the device's own procedure or after it. */
  readonly approvals?: readonly Approval[];
  /**
   * Longest time for which a device with one routing engine may be down while it boots; without this consent its upgrade is refused
   * (ESC-16). A cluster, and two routing engines, do without.
   */
  readonly outage?: Duration;
  readonly rollback?: ChassisRollbackPolicy;
  readonly limits?: ChassisTimeLimits;
  readonly alarms?: AlarmPolicy;
  readonly callback?: CallbackPolicy;
  /** Id of a rolled-back campaign whose release is to be tried again; without it that release stays quarantined. */
  readonly retry?: string;
}

/** The policy with defaults filled in and all times in milliseconds. */
export interface ResolvedChassisPolicy
  extends Pick<ResolvedPolicy, "approvals" | "rollback" | "alarms" | "retry"> {
  /** What surge means to other kinds; a chassis has none. */
  readonly surge: 0;
  readonly snapshot?: ResolvedPolicy["snapshot"];
  readonly options: readonly IssuOption[];
  readonly startFrom?: "node0" | "node1";
  readonly unsupported: { readonly pics: readonly string[]; readonly protocols: readonly string[] };
  readonly save: { readonly rescue: boolean; readonly system: boolean };
  readonly restore: "as-before" | "flags";
  readonly outageMs?: number;
  readonly limits: {
    readonly holdMs: number;
    readonly imageMs: number;
    readonly saveMs: number;
    readonly failoverMs: number;
    readonly validateMs: number;
    readonly installMs: number;
    readonly syncMs: number;
    readonly cardMs: number;
    readonly stageMs?: number;
  };
}
