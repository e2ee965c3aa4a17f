/**
 * What a campaign did, from its journal. The impact on subscribers is not in here: it comes from whoever measures them.
 *
 * @module
 */

import type { Verdict } from "../campaign/gates";
import type { CampaignRecord, CampaignState, PastCampaign, StageState } from "../campaign/journal";
import type { Intent } from "../plan/plan";
import { stageMs } from "./stage-time";

export const REPORT_VERSION = 1;

/** `open` only while it is in hand; a campaign that stopped, or whose rollback is not finished, has `failed`. */
export type CampaignOutcome = "completed" | "rolled-back" | "held" | "failed" | "open";

/** Times are ISO 8601, durations milliseconds. */
export interface CampaignReport {
  readonly schemaVersion: typeof REPORT_VERSION;
  readonly target?: string;
  readonly campaign: string;
  readonly intent: Intent;
  /** Absent if nothing had served before. */
  readonly from?: string;
  readonly to: string;
  readonly outcome: CampaignOutcome;
  readonly state: CampaignState;
  readonly startedAt: string;
  /** From its opening to its end, its rollback included; to now while it is in hand. */
  readonly durationMs: number;
  /** Part of it that went into taking it back; 0 if it was not, and for campaigns other than the last. */
  readonly rollbackMs: number;
  /** When taking it back began; absent if it was not. */
  readonly rollbackStartedAt?: string;
  /** Why it was taken back. */
  readonly reason?: string;
  /** Runs of the engine that worked on it; 0 for campaigns other than the last, of which it is not kept. */
  readonly attempts: number;
  /** In order. Empty for campaigns other than the last, of which only the outcome is kept. */
  readonly stages: readonly StageReport[];
  readonly gates: readonly GateReport[];
}

export interface StageReport {
  readonly name: string;
  readonly outcome: StageState;
  /** Absent if it was not begun. */
  readonly startedAt?: string;
  readonly durationMs: number;
  readonly expectedMs: number;
  readonly attempts: number;
  readonly detail: string;
}

export interface GateReport extends Verdict {
  readonly stage: string;
}

const outcomes: { readonly [state in CampaignState]: CampaignOutcome } = {
  open: "open",
  completed: "completed",
  held: "held",
  "rolling-back": "failed",
  "rolled-back": "rolled-back",
  stopped: "failed",
};

const ms = (iso: string): number => Date.parse(iso);

export interface ReportContext {
  /** e.g. `cnf/core/amf`. */
  readonly target?: string;
  /** ms since 1970; for what is not over. */
  readonly now?: number;
}

/** When the campaign ended; for one that is held or stopped, when its last stage did. */
function endOf(campaign: CampaignRecord, now: number): number {
  if (campaign.closedAt) return ms(campaign.closedAt);
  if (campaign.state !== "held" && campaign.state !== "stopped") return now;
  const finished = campaign.stages.flatMap((stage) => (stage.finishedAt ? [ms(stage.finishedAt)] : []));
  return finished.length > 0 ? Math.max(...finished) : now;
}

export function campaignReport(campaign: CampaignRecord, context: ReportContext = {}): CampaignReport {
  const now = context.now ?? Date.now();
  const { rollback } = campaign;
  return {
    schemaVersion: REPORT_VERSION,
    ...(context.target === undefined ? {} : { target: context.target }),
    campaign: campaign.id,
    intent: campaign.intent,
    ...(campaign.from ? { from: campaign.from.version } : {}),
    to: campaign.to.version,
    outcome: outcomes[campaign.state],
    state: campaign.state,
    startedAt: campaign.openedAt,
    durationMs: endOf(campaign, now) - ms(campaign.openedAt),
    rollbackMs: rollback ? (rollback.finishedAt ? ms(rollback.finishedAt) : now) - ms(rollback.startedAt) : 0,
    ...(rollback ? { rollbackStartedAt: rollback.startedAt, reason: rollback.reason } : {}),
    attempts: campaign.attempt,
    stages: campaign.stages.map((stage) => ({
      name: stage.name,
      outcome: stage.state,
      ...(stage.startedAt ? { startedAt: stage.startedAt } : {}),
      durationMs: stageMs(stage, now) ?? 0,
      expectedMs: stage.plan.expectedMs,
      attempts: stage.attempts,
      detail: stage.detail ?? stage.plan.skipped ?? "",
    })),
    gates: campaign.stages.flatMap((stage) =>
      (stage.verdicts ?? []).map((verdict) => ({ stage: stage.name, ...verdict })),
    ),
  };
}

/** Of a campaign that is no longer the last; its stages are not kept. */
export function pastReport(past: PastCampaign, context: ReportContext = {}): CampaignReport {
  const end = past.closedAt ? ms(past.closedAt) : (context.now ?? Date.now());
  return {
    schemaVersion: REPORT_VERSION,
    ...(context.target === undefined ? {} : { target: context.target }),
    campaign: past.id,
    intent: past.intent,
    ...(past.from === undefined ? {} : { from: past.from }),
    to: past.to,
    outcome: outcomes[past.state],
    state: past.state,
    startedAt: past.openedAt,
    durationMs: end - ms(past.openedAt),
    rollbackMs: 0,
    attempts: 0,
    stages: [],
    gates: [],
  };
}
