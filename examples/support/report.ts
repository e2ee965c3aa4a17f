/**
 * The report that every example leaves in `out/<example>/report.json`. Documented in `docs/report.md`.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";

/** Rises when a field changes its meaning or goes away. */
export const REPORT_VERSION = 1;

/** What subscribers felt, from the traffic's own record; never from the SDK. */
export interface Figures {
  readonly proceduresAttempted: number;
  readonly proceduresFailed: number;
  /** Of them, for causes of the subscribers' own, which a site has anyway; left out where there are none. */
  readonly userCauses?: number;
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
  /** Of `amf-gray-upgrade` only. */
  readonly pilot?: unknown;
  /** Of `init-issu` only: what was measured outside the elements, by change. */
  readonly elements?: unknown;
}

/** @returns path of the file. */
export async function writeReport(dir: string, report: Report): Promise<string> {
  const file = path.join(dir, "report.json");
  await fs.mkdir(dir, { recursive: true });
  await fs.writeFile(file, `${JSON.stringify(report, undefined, 2)}\n`);
  return file;
}
