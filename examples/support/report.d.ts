/** Rises when a field changes its meaning or goes away. */
export declare const REPORT_VERSION = 1;
/** What subscribers felt, from the traffic's own record; never from the SDK. */
export interface Figures {
  readonly proceduresAttempted: number;
  readonly proceduresFailed: number;
  readonly sessionsLost: number;
  readonly reRegistrations: number;
  /** Longest pause between two packets of a call, ms, beyond what the sender's own lateness explains. */
  readonly longestGapMs: number;
  readonly gapP999Ms: number;
}
export interface Impact extends Figures {
  readonly subscribers: number;
  /** The same over a quiet spell with an `up` that changed nothing, on the same machine in the same run. */
  readonly quiet: Figures;
  /** Largest deviation from the set ratio while the split was settled, percentage points. */
  readonly splitErrorPercentMax: number;
}
export interface StageReport {
  readonly name: string;
  readonly outcome: string;
  readonly startedAt?: string;
  readonly durationMs?: number;
  readonly expectedMs: number;
  readonly attempts: number;
  readonly detail?: string;
}
export interface CampaignReport {
  readonly target: string;
  readonly from: string | null;
  readonly to: string;
  readonly outcome: "completed" | "rolled-back" | "held" | "failed";
  readonly startedAt: string;
  readonly durationMs: number;
  readonly rollbackMs: number | null;
  readonly stages: readonly StageReport[];
  readonly impact: Impact | null;
}
export interface Report {
  readonly schemaVersion: number;
  readonly example: string;
  readonly campaigns: readonly CampaignReport[];
}
/** @returns path of the file. */
export declare function writeReport(dir: string, report: Report): Promise<string>;
