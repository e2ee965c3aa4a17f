/**
 * What a campaign has done and will do, written before it acts. Pulumi's state says what the engine believes; the journal
 * says what happened. Serves ESC-09, 11, 15, 18, 20.
 *
 * @module
 */

import { maskedJson } from "../contract/identity";
import type { OperatorRequest } from "../contract/requests";
import type { Store } from "../contract/store";
import type { Intent, Json, ReleaseRef, StagePlan } from "../plan/plan";
import type { AlarmRecord } from "./alarms";
import type { AuditEntry } from "./audit";
import type { Verdict } from "./gates";
import { JournalError, rebuildHint } from "./journal-error";
import type { Tally } from "./kpi-window";

export const JOURNAL_VERSION = 1;

export type StageState = "pending" | "running" | "done" | "skipped" | "failed" | "rolled-back";

export interface StageRecord {
  readonly name: string;
  plan: StagePlan;
  state: StageState;
  /** Times it was begun. */
  attempts: number;
  /** ISO 8601. */
  startedAt?: string;
  finishedAt?: string;
  /** Index of the step in hand or last begun. */
  step?: number;
  /** When its steps were done and its soak began. */
  soakingSince?: string;
  /** What was observed, or why it failed. */
  detail?: string;
  verdicts?: readonly Verdict[];
  /** Its steps were done and its gates passed, in this attempt or an earlier one. */
  passed?: boolean;
  /** What targets and hooks reported of it, the latest last (ESC-19): evidence, never taken for what the target shows. */
  reports?: readonly ReportRecord[];
}

/** A target or a hook reported in. */
export interface ReportRecord {
  readonly state: "progress" | "done" | "failed";
  readonly message: string;
  /** ISO 8601. */
  readonly at: string;
}

export type CampaignState =
  | "open"
  | "completed"
  /** Ended with success at a ratio below 100, both versions serving. */
  | "held"
  | "rolling-back"
  | "rolled-back"
  /** Stopped by a failure where the policy forbids rolling back by itself. */
  | "stopped";

export interface RollbackRecord {
  reason: string;
  code: string;
  startedAt: string;
  finishedAt?: string;
  steps: { readonly summary: string; state: "running" | "done" | "failed"; at: string; detail?: string }[];
}

export interface CampaignRecord {
  /** Counts up per target. */
  readonly id: string;
  readonly intent: Intent;
  readonly from?: ReleaseRef;
  readonly to: ReleaseRef;
  /** Specs of both, so that the way back needs nothing but the journal. */
  readonly fromSpec?: unknown;
  readonly toSpec: unknown;
  /** How things were before it touched them, in the words of the plan rule; only that is put back. */
  readonly before?: Json;
  state: CampaignState;
  /** Runs of the engine that worked on it. */
  attempt: number;
  openedAt: string;
  closedAt?: string;
  stages: StageRecord[];
  rollback?: RollbackRecord;
  /** What operators asked of it and was heard (ESC-20, ESC-21). */
  requests?: OperatorRequest[];
  /** What the old version did, by KPI, in the last stage in which it had enough samples. */
  baseline?: { [kpi: string]: Tally };
  /** Checks of the user's own that passed, by stage and name: each is asked once. */
  checks?: { readonly [stageAndName: string]: { readonly at: string; readonly detail: string } };
  /** The same for queries that are compared: its readings, in order. */
  readings?: { [kpi: string]: readonly number[] };
  /** Fingerprints of the alerts that fired when it was opened, as far as gates look at them. */
  alertsBefore?: readonly string[];
  /** Taken before its steps (ESC-14); none of them is cleared away while it is not closed. */
  snapshots?: readonly SnapshotNote[];
}

export interface SnapshotNote {
  readonly id: string;
  readonly stage: string;
  /** ISO 8601. */
  readonly at: string;
}

/** A campaign as hooks are told of it. */
export interface Occasion {
  readonly campaign: string;
  /** Version that it goes to. */
  readonly version: string;
}

export interface QuarantineRecord {
  readonly release: string;
  readonly version: string;
  /** Campaign that was rolled back; `upgrade.retry` names it to try again. */
  readonly campaign: string;
  readonly reason: string;
  readonly at: string;
}

/** One line of history for `issu status` and audits. */
export interface PastCampaign {
  readonly id: string;
  readonly intent: Intent;
  readonly from?: string;
  readonly to: string;
  readonly state: CampaignState;
  readonly openedAt: string;
  readonly closedAt?: string;
}

export interface JournalData {
  readonly schemaVersion: number;
  readonly target: string;
  /** What serves when no campaign is open. */
  serving?: ReleaseRef & { readonly spec: unknown };
  /** The campaign in hand, or the last one. */
  campaign?: CampaignRecord;
  /** By stage: the campaign on whose way there it last had its turn. */
  turns?: { [stage: string]: Occasion };
  /** Those that are active, and the latest that were cleared. */
  alarms?: readonly AlarmRecord[];
  quarantine: QuarantineRecord[];
  history: PastCampaign[];
  /** What people did to lease and journal, and to the target besides campaigns. */
  audit?: AuditEntry[];
  /** Where the last snapshot was put: a URL, or `kubernetes`. */
  snapshotStore?: string;
  /** Campaigns of a journal that was lost may have had numbers up to this one; none is given twice. */
  ids?: number;
}

const HISTORY_KEPT = 50;

/** The journal of one target, read once and written with compare-and-swap. */
export class Journal {
  readonly data: JournalData;
  private readonly store: Store;
  private revision: string | undefined;
  private writing: Promise<void> = Promise.resolve();

  private constructor(store: Store, data: JournalData, revision: string | undefined) {
    this.store = store;
    this.data = data;
    this.revision = revision;
  }

  /**
   * Reads it; a target without one gets an empty one that is not written until something happens.
   *
   * @throws JournalError `JOURNAL_DAMAGED`; Error if a later version wrote it; as the store.
   */
  static async read(store: Store, target: string): Promise<Journal> {
    const document = await store.read(target);
    if (!document) {
      return new Journal(
        store,
        { schemaVersion: JOURNAL_VERSION, target, quarantine: [], history: [] },
        undefined,
      );
    }
    return new Journal(store, parsed(document.text, target), document.revision);
  }

  /**
   * Writes it as it is when its turn has come: one write at a time, since each needs the revision of the one before.
   *
   * @throws StoreConflict if someone else wrote since; whoever gets it must stop, for its lease is gone.
   */
  save(): Promise<void> {
    const written = this.writing.then(() => this.write());
    this.writing = written.catch(() => undefined);
    return written;
  }

  /** Waits for the writes asked for so far, whether or not they succeed. */
  settled(): Promise<void> {
    return this.writing;
  }

  /** Whether a campaign is neither completed nor rolled back: the target may be between two versions. */
  get unfinished(): CampaignRecord | undefined {
    const campaign = this.data.campaign;
    return campaign && ["open", "rolling-back", "stopped", "held"].includes(campaign.state)
      ? campaign
      : undefined;
  }

  nextId(): string {
    const last = Math.max(Number(this.data.campaign?.id ?? 0), this.data.ids ?? 0);
    return String(last + 1);
  }

  /** Moves the finished campaign to the history and makes a new one current. */
  open(campaign: CampaignRecord): CampaignRecord {
    this.archive();
    this.data.campaign = campaign;
    return campaign;
  }

  /** Why a release may not be tried, if it may not. */
  quarantineOf(release: string): QuarantineRecord | undefined {
    return this.data.quarantine.findLast((entry) => entry.release === release);
  }

  /** A release that serves is not kept from serving, however it once failed: numbers of it may be changed, and it may be gone back to. */
  lift(release: string): void {
    this.data.quarantine = this.data.quarantine.filter((entry) => entry.release !== release);
  }

  /** Nobody's identity is needed to go back: that is planned from the target, which has its own. */
  private async write(): Promise<void> {
    this.revision = await this.store.write(this.data.target, maskedJson(this.data), this.revision);
  }

  private archive(): void {
    const past = this.data.campaign;
    if (!past) return;
    this.data.history.push({
      id: past.id,
      intent: past.intent,
      ...(past.from ? { from: past.from.version } : {}),
      to: past.to.version,
      state: past.state,
      openedAt: past.openedAt,
      ...(past.closedAt ? { closedAt: past.closedAt } : {}),
    });
    this.data.history.splice(0, Math.max(0, this.data.history.length - HISTORY_KEPT));
  }
}

function parsed(text: string, target: string): JournalData {
  const damaged = (what: string, cause?: unknown) =>
    new JournalError(
      "JOURNAL_DAMAGED",
      `the journal of ${target} can't be read: ${what}. If there is a backup of it that is not older, restore that. ${rebuildHint(target)}`,
      { cause },
    );
  let data: Partial<JournalData> | null;
  try {
    data = JSON.parse(text) as Partial<JournalData> | null;
  } catch (error) {
    throw damaged(
      text === "" ? "got nothing, expected JSON" : `got ${text.length} characters that are no JSON`,
      error,
    );
  }
  const { schemaVersion, target: of, history, quarantine } = data ?? {};
  if (typeof schemaVersion !== "number")
    throw damaged("got no schemaVersion, expected a journal of pulumi-issu");
  if (schemaVersion > JOURNAL_VERSION) {
    throw new Error(
      `the journal of ${target} has schema ${schemaVersion}, this version of pulumi-issu reads up to ${JOURNAL_VERSION}: upgrade pulumi-issu`,
    );
  }
  if (of !== target) throw damaged(`got the journal of ${String(of)}`);
  if (!Array.isArray(history) || !Array.isArray(quarantine))
    throw damaged("got no history and quarantine, expected lists");
  return data as JournalData;
}

export function newStageRecords(stages: readonly StagePlan[]): StageRecord[] {
  return stages.map((plan) => ({ name: plan.name, plan, state: "pending", attempts: 0 }));
}
