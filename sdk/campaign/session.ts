/**
 * One run of the engine on one target: looks, plans, runs stages in order, takes back what fails. Knows no kind of target:
 * the plan rule says what to do, the target does it.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Store } from "../contract/store";
import type { Target } from "../contract/target";
import type { Plan, PlanRule, ReleaseRef } from "../plan/plan";
import { CampaignError, failureOf } from "./errors";
import { GateWatch } from "./gate-watch";
import type { Verdict } from "./gates";
import { type CampaignRecord, Journal, newStageRecords, type Occasion, type StageRecord } from "./journal";
import { Lease } from "./lease";
import type { CampaignLog } from "./log";
import { rollBack } from "./rollback";
import { runSteps } from "./run-steps";

export interface SessionArgs<S, I> {
  readonly target: Target<I>;
  readonly rule: PlanRule<S, I>;
  readonly store: Store;
  readonly log: CampaignLog;
  /** What is wanted. */
  readonly spec: S;
  readonly goal: ReleaseRef;
  /** What the policy says of failures. */
  readonly onFailure: {
    readonly rollBack: boolean;
    readonly surge: number | "all";
    readonly fallbackSurge: number;
  };
  /** Id of a rolled-back campaign that may be tried again. */
  readonly retry?: string;
}

/** What preview needs to know, without having touched anything. */
export interface View {
  readonly plan: Plan;
  /** The campaign that is open or would be opened; undefined if there is nothing to do. */
  readonly campaign?: { readonly id: string; readonly attempt: number };
  /** The state of the campaign last worked on, if any. */
  readonly last?: CampaignRecord;
  /** Why this release is refused, if it is quarantined. */
  readonly quarantine?: string;
  /**
   * By stage: the campaign for which things between it and the next stage are to be done. Not the campaign in hand where it
   * does not get there: held before the next stage, or on its way back.
   */
  readonly occasions: { readonly [stage: string]: Occasion };
}

export interface StageOutcome {
  readonly state: "idle" | "done" | "skipped" | "held";
  readonly detail: string;
  /** Campaign it ran in; undefined when there was nothing to do. */
  readonly campaign?: string;
}

export interface Reporter {
  /** A line that replaces the one before. */
  tick(line: string): void;
  /** A result that stays. */
  say(line: string): void;
}

/** Nothing was ever to be done. */
export const NO_OCCASION: Occasion = { campaign: "", version: "" };

const now = (): string => new Date().toISOString();

export class Session<S, I> {
  private readonly args: SessionArgs<S, I>;
  private cached: Promise<View> | undefined;
  private lease: Lease | undefined;
  private journal: Journal | undefined;
  /** Set once this run opened or took up the campaign. */
  private ours: CampaignRecord | undefined;
  private readonly stopping = new AbortController();

  constructor(args: SessionArgs<S, I>) {
    this.args = args;
  }

  /** Asks the session to stop at the next safe point; the campaign stays open. */
  stop(why: string): void {
    this.stopping.abort(new CampaignError("INTERRUPTED", `stopped: ${why}. Run again to go on.`));
  }

  /** Releases the lease; call when the run ends. */
  async close(): Promise<void> {
    await this.lease?.release();
    this.lease = undefined;
  }

  /** Reads the target once and says what there is to do. Changes nothing. */
  view(): Promise<View> {
    this.cached ??= this.look();
    return this.cached;
  }

  /** Specs, as journalled, of versions other than the goal that serve or that an open campaign may return to. */
  async otherVersions(): Promise<readonly S[]> {
    const { data, unfinished } = await Journal.read(this.args.store, this.args.target.id);
    const { goal } = this.args;
    const others = [
      { ref: data.serving, spec: data.serving?.spec },
      { ref: unfinished?.from, spec: unfinished?.fromSpec },
    ].filter(({ ref, spec }) => ref && spec && ref.release !== goal.release);
    return [...new Map(others.map(({ ref, spec }) => [ref?.release, spec as S])).values()];
  }

  private async look(): Promise<View> {
    const { target, store } = this.args;
    const [inventory, journal] = await Promise.all([target.observe(), Journal.read(store, target.id)]);
    return this.viewOf(inventory, journal);
  }

  private viewOf(inventory: I, journal: Journal): View {
    const { rule, spec, goal, retry } = this.args;
    const unfinished = journal.unfinished;
    const plan = rule.plan(
      spec,
      inventory,
      unfinished
        ? {
            ...(unfinished.from ? { from: unfinished.from } : {}),
            to: unfinished.to,
            held: unfinished.state === "held",
          }
        : undefined,
    );
    const last = journal.data.campaign;
    const quarantined = journal.quarantineOf(goal.release);
    // A held campaign that is where it should be has nothing to do either, for as long as it is held and its goal is wanted.
    const atRest =
      unfinished?.state === "held" &&
      unfinished.to.release === goal.release &&
      plan.problems.length === 0 &&
      plan.stages.every((stage) => stage.skipped !== undefined);
    const settled = atRest || (plan.intent === "none" && !unfinished);
    const campaign = settled
      ? undefined
      : unfinished
        ? { id: unfinished.id, attempt: unfinished.attempt + (this.ours ? 0 : 1) }
        : { id: journal.nextId(), attempt: 1 };
    const { turns } = journal.data;
    const occasions = Object.fromEntries(
      plan.stages.map(({ name }, i) => {
        const next = plan.stages[i + 1];
        const comes = plan.intent !== "return" && !next?.heldBack;
        const now = campaign && { campaign: campaign.id, version: goal.version };
        return [name, (comes ? now : next && turns?.[next.name]) ?? NO_OCCASION];
      }),
    );
    return {
      plan,
      occasions,
      ...(campaign ? { campaign } : {}),
      ...(last ? { last } : {}),
      ...(quarantined && quarantined.campaign !== retry && !settled
        ? {
            quarantine: `${goal.version} was rolled back by campaign ${quarantined.campaign} at ${quarantined.at} (${quarantined.reason}) and is quarantined with this content. Mend it and change its version or content, or set upgrade.retry to "${quarantined.campaign}" to try it again as it is.`,
          }
        : {}),
    };
  }

  /**
   * Runs one stage to its end. Running it again after any kind of crash converges.
   *
   * @throws CampaignError when the stage did not end as planned; its code says what became of the campaign.
   */
  async runStage(name: string, reporter: Reporter): Promise<StageOutcome> {
    const campaign = await this.enter(name, reporter);
    if (!campaign) return { state: "idle", detail: "nothing to do: the target is as wanted" };
    const stage = campaign.stages.find((one) => one.name === name);
    if (!stage) {
      throw new CampaignError(
        "OUT_OF_ORDER",
        `campaign ${campaign.id} has no stage ${name}: the policy changed while it was open. Run the whole program again, without --target.`,
      );
    }
    if (campaign.state === "held")
      return this.finish(campaign, stage, "skipped", "the campaign is held", "held");
    this.requirePredecessors(campaign, stage);
    const journal = this.openJournal;
    if (!this.returning(campaign) && !stage.plan.heldBack) {
      const occasion = { campaign: campaign.id, version: campaign.to.version };
      journal.data.turns = { ...journal.data.turns, [name]: occasion };
    }
    if (stage.plan.skipped !== undefined) return this.finish(campaign, stage, "skipped", stage.plan.skipped);
    return this.execute(campaign, stage, reporter);
  }

  /** Opens the campaign, or takes it up where an earlier run left it. */
  private async enter(name: string, reporter: Reporter): Promise<CampaignRecord | undefined> {
    if (this.ours) return this.ours;
    const view = await this.view();
    if (!view.campaign) return undefined;
    this.refuse(view);
    this.lease = await Lease.take(
      this.args.store,
      this.args.target.id,
      (heldBy) => reporter.tick(`waiting for the lease that ${heldBy} left behind`),
      this.stopping.signal,
    );
    try {
      return await this.takeUp(name, reporter);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  private refuse(view: View): void {
    if (view.quarantine) throw new CampaignError("REFUSED", view.quarantine);
    if (view.plan.problems.length > 0) {
      throw new CampaignError(
        "REFUSED",
        `refused, nothing was touched:\n${view.plan.problems.map((p) => `  ${p.path ? `${p.path}: ` : ""}${p.message}`).join("\n")}`,
        view.plan.problems,
      );
    }
  }

  private async takeUp(name: string, reporter: Reporter): Promise<CampaignRecord | undefined> {
    const { target, store, goal, log, spec, rule } = this.args;
    // Looked at again under the lease: someone may have worked on the target since the preview.
    this.journal = await Journal.read(store, target.id);
    if (this.journal.data.campaign?.state === "rolling-back") await this.finishRollback(reporter);
    const view = this.viewOf(await target.observe(), this.journal);
    this.cached = Promise.resolve(view);
    if (!view.campaign) {
      await this.close();
      return undefined;
    }
    this.refuse(view);
    const first = rule.stages(spec)[0];
    const journal = this.journal;
    const unfinished = journal.unfinished;
    if (!unfinished && name !== first) {
      throw new CampaignError(
        "OUT_OF_ORDER",
        `${name} was asked for alone, but no campaign is open: ${first} has not run. Run the whole program, without --target.`,
      );
    }
    if (unfinished) {
      unfinished.attempt = view.campaign.attempt;
      unfinished.state = "open";
      const before = new Map(unfinished.stages.map((stage) => [stage.name, stage]));
      unfinished.stages = newStageRecords(view.plan.stages).map((stage) => {
        const was = before.get(stage.name);
        return {
          ...stage,
          attempts: was?.attempts ?? 0,
          ...(was?.startedAt ? { startedAt: was.startedAt } : {}),
        };
      });
      this.ours = unfinished;
    } else {
      const serving = journal.data.serving;
      this.ours = {
        id: view.campaign.id,
        intent: view.plan.intent,
        ...(view.plan.from ? { from: view.plan.from } : {}),
        to: goal,
        ...(serving ? { fromSpec: serving.spec } : {}),
        toSpec: spec,
        state: "open",
        attempt: 1,
        openedAt: now(),
        stages: newStageRecords(view.plan.stages),
        baseline: {},
      };
      journal.open(this.ours);
    }
    await journal.save();
    log.write({
      campaign: this.ours.id,
      stage: name,
      action: unfinished ? "campaign-resume" : "campaign-open",
      object: target.id,
      code: "OK",
      message: `${view.plan.intent} from ${view.plan.from?.version ?? "nothing"} to ${goal.version}, attempt ${this.ours.attempt}`,
      epoch: this.epoch,
    });
    return this.ours;
  }

  /** A rollback that was killed goes on first, whatever is wanted now. */
  private async finishRollback(reporter: Reporter): Promise<void> {
    const journal = this.openJournal;
    const campaign = journal.data.campaign as CampaignRecord;
    reporter.say(`campaign ${campaign.id}: its rollback was interrupted; it goes on now`);
    await this.takeBack(
      campaign,
      {
        code: campaign.rollback?.code ?? "INTERRUPTED",
        message: campaign.rollback?.reason ?? "interrupted",
      },
      reporter,
    );
  }

  private requirePredecessors(campaign: CampaignRecord, stage: StageRecord): void {
    for (const earlier of campaign.stages) {
      if (earlier === stage) return;
      if (earlier.state !== "done" && earlier.state !== "skipped") {
        throw new CampaignError(
          "OUT_OF_ORDER",
          `${stage.name} needs ${earlier.name}, which is ${earlier.state} in campaign ${campaign.id}. Run the whole program, without --target.`,
        );
      }
    }
  }

  private async execute(
    campaign: CampaignRecord,
    stage: StageRecord,
    reporter: Reporter,
  ): Promise<StageOutcome> {
    const { target, log } = this.args;
    const journal = this.openJournal;
    stage.state = "running";
    stage.attempts += 1;
    stage.startedAt = now();
    delete stage.finishedAt;
    delete stage.soakingSince;
    await journal.save();
    log.write({
      campaign: campaign.id,
      stage: stage.name,
      action: "stage-begin",
      object: target.id,
      code: "OK",
      message: `expected ${stage.plan.expectedMs} ms`,
      epoch: this.epoch,
    });
    campaign.baseline ??= {};
    const watch = new GateWatch(target as Target, stage.plan.gates, campaign.baseline);
    const signal = AbortSignal.any([watch.failed, this.stopping.signal, this.openLease.signal]);
    try {
      await watch.start();
      await runSteps(stage.plan.steps, {
        target: target as Target,
        log,
        campaign: campaign.id,
        stage: stage.name,
        epoch: this.epoch,
        signal,
        progress: (line) => reporter.tick(line),
        record: async (index, state, detail) => {
          stage.step = index;
          if (detail !== undefined) stage.detail = detail;
          if (state !== "failed") await journal.save();
        },
      });
      if (stage.plan.soakMs > 0 || stage.plan.gates.length > 0) {
        stage.soakingSince = now();
        await journal.save();
      }
      await this.soak(stage, watch, signal, reporter);
    } catch (error) {
      stage.verdicts = watch.verdicts;
      return await this.fail(campaign, stage, error, reporter);
    } finally {
      await watch.stop();
    }
    stage.verdicts = watch.verdicts;
    const detail = watch.verdicts.map((v) => v.message).join("; ") || (stage.detail ?? "");
    return this.finish(campaign, stage, "done", detail, stage.plan.holds ? "held" : undefined);
  }

  /** Watches the gates for the soak, and on until each can judge; fails closed at the limit. */
  private async soak(
    stage: StageRecord,
    watch: GateWatch,
    signal: AbortSignal,
    reporter: Reporter,
  ): Promise<void> {
    const { soakMs, gates, gateLimitMs } = stage.plan;
    const startedAt = Date.now();
    for (;;) {
      if (signal.aborted) throw signal.reason;
      const elapsed = Date.now() - startedAt;
      const undecided = watch.verdicts.filter((verdict) => verdict.outcome !== "pass");
      if (elapsed >= soakMs && undecided.length === 0) return;
      if (elapsed >= soakMs + (gates.length > 0 ? gateLimitMs : 0)) {
        const code = undecided[0]?.outcome.toUpperCase().replace("-", "_") ?? "NO_DATA";
        throw Object.assign(
          new Error(
            `gate held the stage until its limit and fails closed: ${undecided.map((v) => v.message).join("; ")}`,
          ),
          { code: `GATE_${code}` },
        );
      }
      const left = Math.max(0, Math.ceil((soakMs - elapsed) / 1000));
      const state = watch.verdicts.map((verdict) => verdict.message).join("; ");
      reporter.tick(
        elapsed < soakMs ? `soak, ${left} s left${state ? `; ${state}` : ""}` : `waiting for data: ${state}`,
      );
      await delay(200, undefined, { signal }).catch(() => undefined);
    }
  }

  private async fail(
    campaign: CampaignRecord,
    stage: StageRecord,
    error: unknown,
    reporter: Reporter,
  ): Promise<never> {
    const { log, target, onFailure } = this.args;
    const journal = this.openJournal;
    const verdict = error as Partial<Verdict>;
    const failure =
      verdict.outcome === "fail"
        ? { code: "GATE_FAILED", message: String(verdict.message) }
        : failureOf(error);
    log.write({
      campaign: campaign.id,
      stage: stage.name,
      action: "stage-end",
      object: target.id,
      code: failure.code,
      message: failure.message,
      epoch: this.epoch,
    });
    // Interrupted or fenced off: the campaign stays as it is, for the next run to take up.
    if (failure.code === "INTERRUPTED" || failure.code === "LEASE_LOST") {
      if (failure.code === "INTERRUPTED") await journal.save();
      await this.close();
      throw error;
    }
    stage.state = "failed";
    stage.finishedAt = now();
    stage.detail = failure.message;
    if (!onFailure.rollBack) {
      campaign.state = "stopped";
      await journal.save();
      await this.close();
      throw new CampaignError(
        "STOPPED",
        `${stage.name} failed: ${failure.message}. The policy forbids rolling back by itself (upgrade.rollback.onFailure); campaign ${campaign.id} stays open. Run again to go on, or set the version back to return.`,
      );
    }
    reporter.tick(`${failure.message}; rolling back`);
    const startedAt = Date.now();
    try {
      await this.takeBack(campaign, failure, reporter);
    } catch (second) {
      const because = failureOf(second).message;
      throw new CampaignError(
        "ROLLBACK_INCOMPLETE",
        `${stage.name} failed: ${failure.message}. Taking campaign ${campaign.id} back is not finished: ${because}. Run again: the rollback goes on first.`,
      );
    } finally {
      await this.close();
    }
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    throw new CampaignError(
      "ROLLED_BACK",
      `${stage.name} failed: ${failure.message}. Campaign ${campaign.id} was rolled back in ${seconds} s: ${afterRollback(campaign)}`,
    );
  }

  private async takeBack(
    campaign: CampaignRecord,
    why: { code: string; message: string },
    reporter: Reporter,
  ): Promise<void> {
    const { target, rule, log, onFailure } = this.args;
    const journal = this.openJournal;
    await rollBack(
      {
        journal,
        target,
        rule,
        spec: campaign.toSpec as S,
        surge: onFailure.surge,
        fallbackSurge: onFailure.fallbackSurge,
        log,
        epoch: this.epoch,
        signal: AbortSignal.any([this.stopping.signal, this.openLease.signal]),
        progress: (line) => reporter.tick(line),
      },
      why,
    );
  }

  private async finish(
    campaign: CampaignRecord,
    stage: StageRecord,
    state: "done" | "skipped",
    detail: string,
    held?: "held",
  ): Promise<StageOutcome> {
    const journal = this.openJournal;
    stage.state = state;
    stage.finishedAt = now();
    stage.detail = detail;
    if (held && campaign.state !== "held") campaign.state = "held";
    const last = campaign.stages.at(-1) === stage;
    const back = this.returning(campaign);
    // A return is over with the last thing there is to do: what may still fail behind it must not hold it open.
    const left = campaign.stages.slice(campaign.stages.indexOf(stage) + 1);
    const over = last || (back && left.every((one) => one.plan.skipped !== undefined));
    if (over && campaign.state === "open") {
      campaign.state = back ? "rolled-back" : "completed";
      campaign.closedAt = now();
      journal.data.serving = { ...this.args.goal, spec: this.args.spec };
    }
    await journal.save();
    this.args.log.write({
      campaign: campaign.id,
      stage: stage.name,
      action: "stage-end",
      object: this.args.target.id,
      code: "OK",
      message: detail,
      epoch: this.epoch,
    });
    if (last) await this.close();
    return { state: held ?? state, detail, campaign: campaign.id };
  }

  /** Whether the goal was set back to what the campaign started from. */
  private returning(campaign: CampaignRecord): boolean {
    return campaign.to.release !== this.args.goal.release;
  }

  private get openJournal(): Journal {
    if (!this.journal) throw new Error("no campaign was taken up");
    return this.journal;
  }

  private get openLease(): Lease {
    if (!this.lease) throw new Error("the lease is not held");
    return this.lease;
  }

  private get epoch(): number {
    return this.openLease.epoch;
  }
}

function afterRollback({ id, from, to }: CampaignRecord): string {
  const serving = from ? `${from.version} serves alone` : "nothing serves, as before";
  if (from?.release === to.release) return `${serving}, as it did before.`;
  return `${serving}. ${to.version} is quarantined; set the version back to ${from?.version ?? "none"}, mend it, or set upgrade.retry to "${id}".`;
}
