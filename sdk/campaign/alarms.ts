/**
 * Alarms of a run: what an operator must not overlook, raised and cleared in the journal, where any terminal sees them, in
 * the log, and at whoever wants to be told (ESC-19, ESC-20).
 *
 * @module
 */
import { type AlarmCode, alarmCatalogue, type ProbableCause, type Severity } from "./alarm-catalogue";
import type { Journal } from "./journal";
import type { CampaignLog } from "./log";
import { maskText } from "./mask";

export interface AlarmRecord {
  readonly code: AlarmCode;
  readonly severity: Severity;
  readonly cause: ProbableCause;
  readonly campaign: string;
  /** Absent if it concerns the campaign as a whole. */
  readonly stage?: string;
  /** Receiver of alarms that it is about. */
  readonly receiver?: string;
  /** One sentence; identities are masked. */
  readonly text: string;
  /** ISO 8601. */
  readonly raisedAt: string;
  clearedAt?: string;
}

/** An alarm on its way to a receiver. */
export interface AlarmNotice extends AlarmRecord {
  readonly target: string;
}

/** What an alarm is about, besides its campaign. */
export interface Where {
  readonly stage?: string;
  readonly receiver?: string;
}

/** Takes notices without ever waiting or failing. */
export interface AlarmOutlet {
  offer(notice: AlarmNotice): void;
  /** Told of receivers that don't take alarms (`trouble` says why) and that take them again (undefined). */
  onTrouble(listener: (receiver: string, trouble: string | undefined) => void): void;
}

/** Cleared ones are kept for people who come later; active ones always. */
const KEPT = 30;

export interface AlarmsArgs {
  readonly target: string;
  readonly campaign: string;
  readonly epoch: number;
  readonly journal: Journal;
  readonly log: CampaignLog;
  readonly outlet?: AlarmOutlet;
}

export class Alarms {
  private readonly args: AlarmsArgs;
  private closed = false;
  private mayWrite = true;

  constructor(args: AlarmsArgs) {
    this.args = args;
    args.outlet?.onTrouble((receiver, trouble) => this.delivery(receiver, trouble));
  }

  /** Those that are not cleared. */
  get active(): readonly AlarmRecord[] {
    return this.records.filter((one) => one.clearedAt === undefined);
  }

  /** Raises an alarm, unless it is raised already. The journal is written behind the caller's back: nothing waits for it. */
  raise(code: AlarmCode, text: string, where: Where = {}): void {
    if (this.closed || this.active.some((one) => one.code === code && sameAs(one, where))) return;
    const { severity, cause } = alarmCatalogue[code];
    const record: AlarmRecord = {
      code,
      severity,
      cause,
      campaign: this.args.campaign,
      ...where,
      text: maskText(text),
      raisedAt: new Date().toISOString(),
    };
    this.records = [...this.records, record];
    this.say(record, "alarm-raise", code, record.text);
    this.offer(record);
    this.keep();
  }

  /** Clears those of the codes named, all without any; only those about `where` if that is given. */
  clear(codes?: readonly AlarmCode[], where?: Where): void {
    const over = this.active.filter(
      (one) => !this.closed && (!codes || codes.includes(one.code)) && (!where || sameAs(one, where)),
    );
    for (const record of over) {
      record.clearedAt = new Date().toISOString();
      this.say(record, "alarm-clear", "OK", `${record.code}: ${record.text}`);
      this.offer(record);
    }
    if (over.length > 0) this.keep();
  }

  /** The journal is no longer ours: what comes is told, and written nowhere but to the log. */
  letGo(): void {
    this.mayWrite = false;
  }

  /** Waits until the journal has them; nothing is raised or cleared after. */
  async close(): Promise<void> {
    this.closed = true;
    await this.args.journal.settled();
  }

  private get records(): readonly AlarmRecord[] {
    return this.args.journal.data.alarms ?? [];
  }

  private set records(all: readonly AlarmRecord[]) {
    const cleared = all.filter((one) => one.clearedAt !== undefined);
    const surplus = new Set(cleared.slice(0, Math.max(0, cleared.length - KEPT)));
    this.args.journal.data.alarms = all.filter((one) => !surplus.has(one));
  }

  private delivery(receiver: string, trouble: string | undefined): void {
    if (trouble === undefined) this.clear(["ALARMS_UNDELIVERED"], { receiver });
    else this.raise("ALARMS_UNDELIVERED", `${receiver} does not take alarms: ${trouble}`, { receiver });
  }

  private offer(record: AlarmRecord): void {
    this.args.outlet?.offer({ ...record, target: this.args.target });
  }

  private say(record: AlarmRecord, action: string, code: string, message: string): void {
    const { log, campaign, target, epoch } = this.args;
    const { severity, stage = "campaign" } = record;
    log.write({ campaign, stage, action, object: target, code, message, epoch, severity });
  }

  /** A journal that can't be written now is written with the next step; one that is someone else's stops the run there. */
  private keep(): void {
    if (this.mayWrite) void this.args.journal.save().catch(() => undefined);
  }
}

const sameAs = (one: AlarmRecord, where: Where): boolean =>
  one.stage === where.stage && one.receiver === where.receiver;
