/**
 * What a run does for whoever is on call: times its stages, raises and clears alarms as things come and go, and hears targets
 * that report in (ESC-11, ESC-19).
 *
 * @module
 */
import type { ResolvedCallback } from "../policy/alarm-policy";
import { formatDuration } from "../policy/duration";
import type { AlarmCode } from "./alarm-catalogue";
import { type AlarmOutlet, Alarms, type AlarmsArgs } from "./alarms";
import { Callback, type CallbackAddress, type Report } from "./callback";
import { CampaignError, type Failure } from "./errors";
import type { CampaignRecord, ReportRecord, StageRecord } from "./journal";
import { StageClock } from "./stage-clock";

/** What the policy says of it. */
export interface OnCallSettings {
  /** Times the expected time of a stage's steps, after which an alarm is raised. */
  readonly overExpected: number;
  /** Longest a rollback may take before an alarm is raised, in milliseconds. */
  readonly rollbackWithinMs: number;
  readonly outlet?: AlarmOutlet;
  readonly callback?: ResolvedCallback;
}

const DEFAULT_SETTINGS: OnCallSettings = { overExpected: 1.5, rollbackWithinMs: 120_000 };

export interface OnCallArgs extends Omit<AlarmsArgs, "campaign" | "outlet"> {
  readonly settings?: OnCallSettings | undefined;
  readonly campaign: CampaignRecord;
}

/** Reports kept of each stage. */
const REPORTS_KEPT = 20;

/** A target or a hook says that it failed. */
export class FailureReported extends Error {
  readonly code = "FAILURE_REPORTED";
  override readonly name = "FailureReported";
}

/** One stage while it runs. */
export class StageWatch {
  readonly clock: StageClock;
  readonly name: string;
  private readonly failing = new AbortController();
  private readonly tick: (line: string) => void;
  private readonly alarms: Alarms;

  constructor(stage: StageRecord, overExpected: number, alarms: Alarms, tick: (line: string) => void) {
    this.name = stage.name;
    this.alarms = alarms;
    this.tick = tick;
    this.clock = new StageClock({
      plan: stage.plan,
      overExpected,
      onLate: (text) => alarms.raise("STAGE_OVER_EXPECTED", `${stage.name}: ${text}`, { stage: stage.name }),
    });
  }

  /** Aborted, with the reason, when the stage hangs or was reported to have failed. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.clock.hung, this.failing.signal]);
  }

  /** A gate lacks data after the soak. */
  holding(what: string): void {
    this.alarms.raise("GATE_HOLDING", `${this.name}: ${what}`, { stage: this.name });
  }

  /** Waits without the clock running. */
  async unclocked<T>(wait: () => Promise<T>): Promise<T> {
    this.clock.hold();
    try {
      return await wait();
    } finally {
      this.clock.go();
    }
  }

  hear({ state, message }: Report): void {
    this.tick(`reported ${state}${message ? `: ${message}` : ""}`);
    if (state === "progress") this.clock.progress();
    if (state === "failed")
      this.failing.abort(new FailureReported(`reported to have failed: ${message || "no reason given"}`));
  }
}

export class OnCall {
  readonly alarms: Alarms;
  private readonly args: OnCallArgs;
  private readonly settings: OnCallSettings;
  private watch: StageWatch | undefined;
  private listener: Callback | undefined;
  private rollbackTimer: NodeJS.Timeout | undefined;

  constructor(args: OnCallArgs) {
    this.args = args;
    const { settings = DEFAULT_SETTINGS, campaign, ...rest } = args;
    this.settings = settings;
    const { outlet } = settings;
    this.alarms = new Alarms({ ...rest, campaign: campaign.id, ...(outlet ? { outlet } : {}) });
  }

  /** Where to report in, if the policy lets targets. */
  get callback(): CallbackAddress | undefined {
    return this.listener?.address;
  }

  /**
   * A run works on the campaign: what an earlier one left is over, and comes back if it still holds. Opens the callback.
   *
   * @param earlier what an earlier run gave out.
   * @throws CampaignError `REFUSED` if the callback's address can't be listened on.
   */
  async takeUp(earlier?: CallbackAddress): Promise<void> {
    await this.listen(earlier);
    this.alarms.clear();
  }

  private async listen(earlier?: CallbackAddress): Promise<void> {
    const { settings } = this;
    const { campaign } = this.args;
    if (!settings.callback || this.listener) return;
    try {
      this.listener = await Callback.open({
        policy: settings.callback,
        campaign: campaign.id,
        ...(earlier ? { earlier } : {}),
        onReport: (report) => this.report(report),
      });
    } catch (error) {
      const { host, port } = settings.callback;
      throw new CampaignError(
        "REFUSED",
        `upgrade.callback.listen: Got ${host}:${port}. Expected an address of this machine that nobody listens on (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}). Write "127.0.0.1:0" for any that is free.`,
      );
    }
  }

  /** @param tick told what targets report. */
  begin(stage: StageRecord, tick: (line: string) => void): StageWatch {
    delete stage.reports;
    this.watch = new StageWatch(stage, this.settings.overExpected, this.alarms, tick);
    for (const early of this.early.splice(0)) this.take(early, stage);
    return this.watch;
  }

  /** The stage went well. */
  passed(stage: StageRecord): void {
    this.endWatch();
    this.alarms.clear(["STAGE_OVER_EXPECTED", "GATE_HOLDING"], { stage: stage.name });
  }

  /** The stage did not; what is raised stays until the campaign is back, or taken up again. */
  failed(stage: StageRecord, { code, message }: Failure): void {
    this.endWatch();
    const alarm = alarmOf(code);
    // What the next owner of the lease writes must not be written over.
    if (code === "LEASE_LOST") this.alarms.letGo();
    if (alarm) this.alarms.raise(alarm, `${stage.name}: ${message}`, { stage: stage.name });
  }

  /** The policy forbids taking the campaign back. */
  stopped(stage: StageRecord, { message }: Failure): void {
    this.alarms.raise(
      "STOPPED",
      `${stage.name} failed: ${message}; the policy forbids rolling back by itself`,
    );
  }

  rollbackBegun({ message }: Failure): void {
    this.endWatch();
    const { settings } = this;
    const { campaign } = this.args;
    this.alarms.clear(["ROLLBACK_INCOMPLETE", "RUN_INTERRUPTED"]);
    this.alarms.raise(
      "ROLLBACK_BEGUN",
      `campaign ${campaign.id} to ${campaign.to.version} is being taken back: ${message}`,
    );
    const since = campaign.rollback ? Date.parse(campaign.rollback.startedAt) : Date.now();
    const left = since + settings.rollbackWithinMs - Date.now();
    this.rollbackTimer = setTimeout(
      () =>
        this.alarms.raise(
          "ROLLBACK_OVERDUE",
          `rolling back takes longer than the ${formatDuration(settings.rollbackWithinMs)} that the policy allows (upgrade.rollback.within)`,
        ),
      Math.max(0, left),
    );
    this.rollbackTimer.unref();
  }

  /** Back where it began: nothing is left to worry about. */
  rollbackDone(): void {
    clearTimeout(this.rollbackTimer);
    this.alarms.clear();
  }

  rollbackFailed({ code, message }: Failure): void {
    clearTimeout(this.rollbackTimer);
    if (code === "LEASE_LOST") this.alarms.letGo();
    this.alarms.raise(
      code === "LEASE_LOST" ? "LEASE_LOST" : "ROLLBACK_INCOMPLETE",
      `taking the campaign back is not finished: ${message}`,
    );
  }

  /** The run ends here; the port is free and the journal is written when it returns. */
  async leave(): Promise<void> {
    this.endWatch();
    clearTimeout(this.rollbackTimer);
    await Promise.all([this.listener?.close(), this.alarms.close()]);
    this.listener = undefined;
  }

  /** Reports that came between two stages: they are about the next one. */
  private readonly early: Report[] = [];

  private report(report: Report): string | undefined {
    const { stages } = this.args.campaign;
    const inHand = stages.find(({ name }) => name === this.watch?.name);
    const next = inHand ?? stages.find(({ state }) => state === "pending");
    if (!next) return "no stage is in hand or to come";
    if (report.stage !== undefined && report.stage !== next.name) {
      return `stage: got ${report.stage}, expected ${next.name}, which is ${inHand ? "in hand" : "next"}, or nothing`;
    }
    if (inHand) this.take(report, inHand);
    else if (this.early.push(report) > REPORTS_KEPT) this.early.shift();
    return undefined;
  }

  private take(report: Report, stage: StageRecord): void {
    const { log, target, epoch, journal, campaign } = this.args;
    const { state, message } = report;
    const record: ReportRecord = { state, message, at: new Date().toISOString() };
    stage.reports = [...(stage.reports ?? []), record].slice(-REPORTS_KEPT);
    log.write({
      campaign: campaign.id,
      stage: stage.name,
      action: "report",
      object: target,
      code: state === "failed" ? "FAILURE_REPORTED" : "OK",
      message: `${state}${message ? `: ${message}` : ""}`,
      epoch,
    });
    // Nothing waits for it: a journal that can't be written now is written with the next step.
    void journal.save().catch(() => undefined);
    this.watch?.hear(report);
  }

  private endWatch(): void {
    this.watch?.clock.stop();
    this.watch = undefined;
  }
}

/** The alarm that says why a stage failed; others are told by what becomes of the campaign. */
function alarmOf(code: string): AlarmCode | undefined {
  if (code === "STAGE_HUNG" || code === "TIMEOUT") return "STAGE_OVER_LIMIT";
  if (code.startsWith("GATE_")) return "GATE_FAILED";
  if (code === "FAILURE_REPORTED" || code === "LEASE_LOST") return code;
  return code === "INTERRUPTED" ? "RUN_INTERRUPTED" : undefined;
}
