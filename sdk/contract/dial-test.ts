/**
 * `DialTest`: designated subscribers run every procedure on the side they are pinned to, before any other subscriber
 * moves (GRY-07). The network function (or a test system beside it) runs it and reports; the campaign judges.
 *
 * @module
 */
import type { Side } from "./subscriber-split";

/** Procedures of a 5G core that a dial test covers, named as in 3GPP TS 23.502. */
export const procedures = ["registration", "pdu-session-establishment", "service-request", "paging"] as const;
export type Procedure = (typeof procedures)[number];

/**
 * Further procedures that a function serves which also carries 4G subscribers, named as in 3GPP TS 23.401 and 23.502. They
 * have KPIs; dial tests do without them (GRY-11).
 */
export const interworkingProcedures = [
  "attach",
  "tracking-area-update",
  "pdn-connection",
  "handover-4g-to-5g",
  "handover-5g-to-4g",
] as const;

/** Every procedure that KPIs are about: `<procedure>-success`. */
export const kpiProcedures = [...procedures, ...interworkingProcedures] as const;
export type KpiProcedure = (typeof kpiProcedures)[number];

export interface DialTestSpec {
  /** Name of the `SubscriberSplit` in the same namespace. */
  readonly split: string;
  readonly subscribers: readonly string[];
  readonly side: Side;
  readonly procedures: readonly Procedure[];
  /** As in `SubscriberSplitSpec`. */
  readonly epoch: number;
}

export interface DialTestResult {
  readonly subscriber: string;
  readonly procedure: Procedure;
  readonly passed: boolean;
  /** Pod that answered; empty if none did. */
  readonly servedBy: string;
  /** Side of that pod, so that a call which fell to the other side is seen. */
  readonly side?: Side;
  readonly durationMs: number;
  /** Cause as the subscriber saw it, e.g. `5GMM cause 22`. */
  readonly cause?: string;
}

export interface DialTestStatus {
  readonly observedGeneration: number;
  readonly phase: "running" | "done";
  readonly results: readonly DialTestResult[];
}
