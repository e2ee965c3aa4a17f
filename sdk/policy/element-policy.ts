/**
 * The upgrade policy of a network element as a user writes it.
 *
 * @module
 */
import type { AlarmPolicy, CallbackPolicy } from "./alarm-policy";
import type { SnapshotPolicy } from "./snapshot-policy";
import type { Approval, Duration, ResolvedPolicy } from "./upgrade-policy";

export interface ElementTimeLimits {
  /** Longest time for the image to be brought and checked. @default "10m" */
  readonly stage?: Duration;
  /** Longest time for a change of roots, its way back or its reboot included, until the element can be asked. @default "5m" */
  readonly change?: Duration;
  /** Longest time without a report of progress, whatever is in hand. @default the limits of the steps together */
  readonly progress?: Duration;
}

export interface ElementRollbackPolicy {
  /** Take the campaign back when a stage fails. If false it stops where it is and stays open. @default true */
  readonly onFailure?: boolean;
  /** Longest a rollback may take before an alarm is raised (ESC-02); it goes on all the same. @default "5m" */
  readonly within?: Duration;
}

export interface ElementUpgradePolicy {
  /**
   * Whether an image for another kernel or other modules may take an ordinary reboot, with all that goes through the element lost
   * meanwhile (INI-10).
   *
   * @default "refused"
   */
  readonly reboot?: "refused" | "if-needed";
  /** How long the element is expected to be without a control plane; a neighbour that waits no longer refuses it. @default "2s" */
  readonly absence?: Duration;
  /** When the element goes back to the old root by itself if the new init has not reported in. @default "30s" */
  readonly watchdog?: Duration;
  /**
   * `partner`: the element of a redundant pair asks for its traffic to go the other way first, which aims at no lost packet at all
   * (ESC-16, INI-7).
   *
   * @default "stays"
   */
  readonly traffic?: "stays" | "partner";
  /** With `partner`: how long neighbours are given to take the other way. @default "5s" */
  readonly settle?: Duration;
  /** Where configuration and versions are saved first, encrypted to whom. Left out, nothing is. */
  readonly snapshot?: SnapshotPolicy;
  /** Stages that wait for somebody's approval (ESC-12, ESC-21). */
  readonly approvals?: readonly Approval[];
  readonly rollback?: ElementRollbackPolicy;
  readonly limits?: ElementTimeLimits;
  readonly alarms?: AlarmPolicy;
  readonly callback?: CallbackPolicy;
  /** Id of a rolled-back campaign whose release is to be tried again; without it that release stays quarantined. */
  readonly retry?: string;
}

/** The policy with defaults filled in and all times in milliseconds. */
export interface ResolvedElementPolicy
  extends Pick<ResolvedPolicy, "approvals" | "rollback" | "alarms" | "retry"> {
  /** What surge means to other kinds; an element has none. */
  readonly surge: 0;
  readonly snapshot?: ResolvedPolicy["snapshot"];
  readonly reboot: "refused" | "if-needed";
  readonly absenceMs: number;
  readonly watchdogMs: number;
  readonly traffic: "stays" | "partner";
  readonly settleMs: number;
  readonly limits: { readonly stageMs: number; readonly changeMs: number; readonly progressMs?: number };
}
