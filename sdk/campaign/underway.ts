/**
 * A campaign under our lease: runs its stages, and takes them back when one fails. Everything is journalled before it acts.
 *
 * @module
 */
import type { OperatorRequest } from "../contract/requests";
import { RESTS, type Target } from "../contract/target";
import type { CallbackAddress } from "./callback";
import type { CampaignArgs, Reporter } from "./campaign-args";
import { CampaignError, type Failure, failureOf } from "./errors";
import { GateWatch } from "./gate-watch";
import type { Verdict } from "./gates";
import type { CampaignRecord, Journal, StageRecord } from "./journal";
import type { Lease } from "./lease";
import { OnCall, type StageWatch } from "./on-call";
import { withChecks } from "./own-checks";
import { abortReason, RequestWatch, saidBy } from "./request-watch";
import { rollBack } from "./rollback";
import { runSteps } from "./run-steps";
import { type Parties, sidesOf } from "./sides";
import { SNAPSHOT } from "./snapshots/keeper";
import { soak } from "./soak";

export interface StageOutcome {
  readonly state: "idle" | "done" | "skipped" | "held";
  readonly detail: string;
  /** Campaign it ran in; undefined when there was nothing to do. */
  readonly campaign?: string;
  /** Where targets and hooks report in while this run lasts. Secret. */
  readonly callback?: CallbackAddress;
}

const now = (): string => new Date().toISOString();

export class Underway<S, I> {
  readonly campaign: CampaignRecord;
  private readonly args: CampaignArgs<S, I>;
  private readonly journal: Journal;
  private readonly lease: Lease;
  private readonly stopping: AbortSignal;
  private readonly onCall: OnCall;
  /** Why the target wants to rest, in this run; what is left of the campaign is for another. */
  private resting: string | undefined;

  /** @param stopping aborted when the run is to stop at its next safe point; the campaign then stays open. */
  constructor(
    args: CampaignArgs<S, I>,
    journal: Journal,
    lease: Lease,
    campaign: CampaignRecord,
    stopping: AbortSignal,
  ) {
    this.args = args;
    this.journal = journal;
    this.lease = lease;
    this.campaign = campaign;
    this.stopping = stopping;
    const { target, log, onCall: settings } = args;
    this.onCall = new OnCall({ settings, campaign, journal, log, target: target.id, epoch: lease.epoch });
  }

  /**
   * What an earlier run left for whoever is on call is over, and targets may report in.
   *
   * @param earlier where they were told to, by an earlier run.
   * @throws CampaignError `REFUSED` if the callback's address can't be listened on.
   */
  takeUp(earlier?: CallbackAddress): Promise<void> {
    return this.onCall.takeUp(earlier);
  }

  /** Where targets and hooks report in, if the policy lets them. */
  get callback(): CallbackAddress | undefined {
    return this.onCall.callback;
  }

  /** Gives the lease back; nothing is done after. */
  async leave(): Promise<void> {
    await this.onCall.leave();
    await this.lease.release();
  }

  write(stage: string, action: string, code: string, message: string): void {
    const { log, target } = this.args;
    const { epoch } = this.lease;
    log.write({ campaign: this.campaign.id, stage, action, object: target.id, code, message, epoch });
  }

  /**
   * @throws CampaignError `OUT_OF_ORDER` if the stage is not the next one: a stage checks its predecessors itself, since the
   * engine runs a late one alone when told to (`--target`).
   */
  stage(name: string): StageRecord {
    const { id, stages } = this.campaign;
    const index = stages.findIndex((one) => one.name === name);
    const stage = stages[index];
    if (!stage) {
      throw new CampaignError(
        "OUT_OF_ORDER",
        `campaign ${id} has no stage ${name}: the policy changed while it was open. Run the whole program again, without --target.`,
      );
    }
    const missing = stages.slice(0, index).find(({ state }) => state !== "done" && state !== "skipped");
    if (missing && this.campaign.state !== "held") {
      throw new CampaignError(
        "OUT_OF_ORDER",
        `${name} needs ${missing.name}, which is ${missing.state} in campaign ${id}. Run the whole program, without --target.`,
      );
    }
    return stage;
  }

  /**
   * Runs one stage to its end. Running it again after any kind of crash converges.
   *
   * @throws CampaignError when the stage did not end as planned; its code says what became of the campaign.
   */
  async run(stage: StageRecord, reporter: Reporter): Promise<StageOutcome> {
    const { campaign, journal } = this;
    if (stage.plan.heldBack) return this.finish(stage, "skipped", stage.plan.skipped ?? "held", "held");
    if (this.resting !== undefined) return this.finish(stage, "skipped", this.resting, "held");
    if (!this.returning) {
      const turn = { campaign: campaign.id, version: campaign.to.version };
      journal.data.turns = { ...journal.data.turns, [stage.name]: turn };
    }
    if (stage.plan.skipped !== undefined) return this.finish(stage, "skipped", stage.plan.skipped);
    await this.begin(stage);
    campaign.baseline ??= {};
    campaign.readings ??= {};
    const watch = new GateWatch({
      target: this.args.target as Target,
      gates: stage.plan.gates,
      monitoring: this.args.monitoring ?? {},
      sides: sidesOf(this.args, campaign as Parties<S>),
      baselines: { tallies: campaign.baseline, readings: campaign.readings },
      alertsBefore: campaign.alertsBefore ?? [],
      alone: stage.plan.alone ?? false,
    });
    const asked = new RequestWatch(this.args.requests, this.args.target.id, campaign.id, (request) =>
      this.note(request, stage.name),
    );
    asked.start();
    const timed = this.onCall.begin(stage, (line) => reporter.tick(line));
    try {
      await this.act(stage, { watch, asked, timed }, reporter);
    } catch (error) {
      stage.verdicts = watch.verdicts;
      if (!timed.signal.aborted && (error as { code?: unknown }).code === RESTS)
        return await this.rest(stage, (error as Error).message);
      return await this.fail(stage, error, reporter);
    } finally {
      await Promise.all([watch.stop(), asked.stop()]);
    }
    this.onCall.passed(stage);
    stage.verdicts = watch.verdicts;
    stage.passed = true;
    const detail = watch.verdicts.map((v) => v.message).join("; ") || (stage.detail ?? "");
    return this.finish(stage, "done", detail, stage.plan.holds ? "held" : undefined);
  }

  /** Takes the campaign back, from wherever it is; the journal says how far that got. */
  async takeBack(why: Failure, reporter: Reporter): Promise<void> {
    const { target, rule, log, onFailure } = this.args;
    this.onCall.rollbackBegun(why);
    const back = rollBack(
      {
        journal: this.journal,
        target,
        rule,
        spec: this.campaign.toSpec as S,
        surge: onFailure.surge,
        fallbackSurge: onFailure.fallbackSurge,
        log,
        epoch: this.lease.epoch,
        signal: AbortSignal.any([this.stopping, this.lease.signal]),
        progress: (line) => reporter.tick(line),
      },
      why,
    );
    await back.catch((error: unknown) => {
      this.onCall.rollbackFailed(failureOf(error));
      throw error;
    });
    this.onCall.rollbackDone();
  }

  private async begin(stage: StageRecord): Promise<void> {
    stage.state = "running";
    stage.attempts += 1;
    stage.startedAt = now();
    delete stage.finishedAt;
    delete stage.soakingSince;
    await this.journal.save();
    this.write(stage.name, "stage-begin", "OK", `expected ${stage.plan.expectedMs} ms`);
  }

  private async act(
    stage: StageRecord,
    { watch, asked, timed }: { watch: GateWatch; asked: RequestWatch; timed: StageWatch },
    reporter: Reporter,
  ): Promise<void> {
    const { log } = this.args;
    const { plan } = stage;
    const signal = AbortSignal.any([
      watch.failed,
      asked.aborted,
      timed.signal,
      this.stopping,
      this.lease.signal,
    ]);
    const paused = () => timed.unclocked(() => asked.whilePaused(signal, (line) => reporter.tick(line)));
    await watch.start();
    const work = runSteps(plan.steps, {
      target: this.performing(stage),
      log,
      campaign: this.campaign.id,
      stage: stage.name,
      epoch: this.lease.epoch,
      signal,
      progress: (line) => reporter.tick(line),
      mayBegin: paused,
      record: async (index, state, detail) => {
        // What a driver that was given up for hung says later is not news.
        if (stage.state !== "running") return;
        if (state === "running") timed.clock.begin(index);
        stage.step = index;
        if (detail !== undefined) stage.detail = detail;
        if (state !== "failed") await this.journal.save();
      },
    });
    await timed.clock.outcomeOf(work);
    timed.clock.stop();
    if (plan.soakMs > 0 || plan.gates.length > 0) {
      stage.soakingSince = now();
      await this.journal.save();
    }
    await soak(
      plan,
      watch,
      signal,
      (line) => reporter.tick(line),
      paused,
      (what) => timed.holding(what),
    );
  }

  /** The target, with what the campaign does itself: the user's checks, and snapshots, of which it only gives out the parts. */
  private performing(stage: StageRecord): Pick<Target, "perform"> {
    const { snapshots, checks = [] } = this.args;
    const target = this.args.target as Target;
    const { campaign, journal } = this;
    const inner = withChecks(target, checks, campaign, stage.name);
    if (!snapshots) return inner;
    return {
      perform: async (action, context) => {
        if (action.action !== SNAPSHOT) return inner.perform(action, context);
        const taken = await snapshots.save(target, action, context, journal.data, campaign, stage.name);
        const named = (campaign.snapshots ?? []).map(({ id }) => id);
        const say = (code: string, message: string) =>
          this.write(stage.name, "snapshot-clear", code, message);
        // The campaign does not fail for what lies there too long.
        await snapshots.clear(target.id, named).then(
          (gone) => gone.length > 0 && say("OK", `removed ${gone.join(", ")}`),
          (error) => say(failureOf(error).code, failureOf(error).message),
        );
        return taken;
      },
    };
  }

  /** Nothing failed: the stage goes on where it is in a later run, and so does what follows it. */
  private async rest(stage: StageRecord, why: string): Promise<StageOutcome> {
    this.resting = why;
    this.onCall.passed(stage);
    return this.finish(stage, "skipped", why, "held");
  }

  private async fail(stage: StageRecord, error: unknown, reporter: Reporter): Promise<never> {
    const { campaign, journal } = this;
    const failure = gateFailure(error) ?? failureOf(error);
    this.write(stage.name, "stage-end", failure.code, failure.message);
    this.onCall.failed(stage, failure);
    // Interrupted or fenced off: the campaign stays as it is, for the next run to take up.
    if (failure.code === "INTERRUPTED" || failure.code === "LEASE_LOST") {
      if (failure.code === "INTERRUPTED") await journal.save();
      await this.leave();
      throw error;
    }
    stage.state = "failed";
    stage.finishedAt = now();
    stage.detail = failure.message;
    if (!this.args.onFailure.rollBack && failure.code !== "ABORTED") {
      campaign.state = "stopped";
      this.onCall.stopped(stage, failure);
      await journal.save();
      await this.leave();
      throw new CampaignError(
        "STOPPED",
        `${stage.name} failed: ${failure.message}. The policy forbids rolling back by itself (upgrade.rollback.onFailure); campaign ${campaign.id} stays open. Run again to go on, or set the version back to return.`,
      );
    }
    return this.backOut(failure, `${stage.name} failed: ${failure.message}`, reporter);
  }

  /**
   * Takes the campaign back because an operator wants it.
   *
   * @throws CampaignError `ROLLED_BACK`, `ROLLBACK_INCOMPLETE`
   */
  async abort(request: OperatorRequest, reporter: Reporter): Promise<never> {
    this.note(request, "rollback");
    const { code, message } = abortReason(request);
    return this.backOut({ code, message }, message, reporter);
  }

  private async backOut(failure: Failure, what: string, reporter: Reporter): Promise<never> {
    const { campaign } = this;
    reporter.tick(`${failure.message}; rolling back`);
    const startedAt = Date.now();
    try {
      await this.takeBack(failure, reporter);
    } catch (second) {
      const because = failureOf(second).message;
      throw new CampaignError(
        "ROLLBACK_INCOMPLETE",
        `${what}. Taking campaign ${campaign.id} back is not finished: ${because}. Run again: the rollback goes on first.`,
      );
    } finally {
      await this.leave();
    }
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    throw new CampaignError(
      "ROLLED_BACK",
      `${what}. Campaign ${campaign.id} was rolled back in ${seconds} s: ${afterRollback(campaign)}`,
    );
  }

  /** What was asked, and by whom, goes to journal and log; once, whichever run hears it. */
  note(request: OperatorRequest, stage: string): void {
    this.campaign.requests ??= [];
    if (this.campaign.requests.some(({ id }) => id === request.id)) return;
    this.campaign.requests.push(request);
    this.write(stage, request.kind, "OK", `asked for ${saidBy(request)}`);
  }

  private async finish(
    stage: StageRecord,
    state: "done" | "skipped",
    detail: string,
    held?: "held",
  ): Promise<StageOutcome> {
    const { campaign, journal, returning } = this;
    stage.state = state;
    stage.finishedAt = now();
    stage.detail = detail;
    if (held) campaign.state = held;
    const left = campaign.stages.slice(campaign.stages.indexOf(stage) + 1);
    // A return is over with the last thing there is to do: what may still fail behind it must not hold it open.
    const over = left.length === 0 || (returning && left.every((one) => one.plan.skipped !== undefined));
    if (over && campaign.state === "open") {
      campaign.state = returning ? "rolled-back" : "completed";
      campaign.closedAt = now();
      journal.data.serving = { ...this.args.goal, spec: this.args.spec };
      journal.lift(this.args.goal.release);
    }
    await journal.save();
    this.write(stage.name, "stage-end", "OK", detail);
    if (left.length === 0) await this.leave();
    return { state: held ?? state, detail, campaign: campaign.id };
  }

  /** Whether the goal was set back to what the campaign started from. */
  private get returning(): boolean {
    return this.campaign.to.release !== this.args.goal.release;
  }
}

/** A failing gate aborts with its verdict. */
function gateFailure(error: unknown): Failure | undefined {
  const { outcome, message } = error as Partial<Verdict>;
  return outcome === "fail" ? { code: "GATE_FAILED", message: String(message) } : undefined;
}

function afterRollback({ id, from, to }: CampaignRecord): string {
  const serving = from ? `${from.version} serves alone` : "nothing serves, as before";
  if (from?.release === to.release) return `${serving}, as it did before.`;
  return `${serving}. ${to.version} is quarantined; set the version back to ${from?.version ?? "none"}, mend it, or set upgrade.retry to "${id}".`;
}
