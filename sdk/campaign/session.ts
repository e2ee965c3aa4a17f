/**
 * One run of the engine on one target: looks, plans, opens the campaign or takes it up, and runs stages in order. Knows no
 * kind of target: the plan rule says what to do, the target does it.
 *
 * @module
 */
import { askMonitoring } from "./ask-monitoring";
import type { CallbackAddress } from "./callback";
import type { CampaignArgs, Reporter } from "./campaign-args";
import { CampaignError } from "./errors";
import { type CampaignRecord, Journal, newStageRecords } from "./journal";
import { Lease } from "./lease";
import { wishesFor } from "./request-watch";
import { sidesOf } from "./sides";
import { SNAPSHOT } from "./snapshots/keeper";
import { type StageOutcome, Underway } from "./underway";
import {
  type Asked,
  refuseWhatCannotBe,
  type View,
  viewOf,
  willRest,
  withAnswers,
  withProblems,
} from "./view";

export class Session<S, I> {
  private readonly args: CampaignArgs<S, I>;
  private seen: Promise<View> | undefined;
  /** Set once this run opened the campaign or took it up. */
  private underway: Underway<S, I> | undefined;
  private readonly stopping = new AbortController();
  /** Where an earlier run of the campaign told targets to report in. */
  private toldBefore: CallbackAddress | undefined;

  constructor(args: CampaignArgs<S, I>) {
    this.args = args;
  }

  /** Asks the session to stop at the next safe point; the campaign stays open. */
  stop(why: string): void {
    this.stopping.abort(new CampaignError("INTERRUPTED", `stopped: ${why}. Run again to go on.`));
  }

  /** What an earlier run told targets and hooks stays good, if it can. */
  keepCallback(earlier: CallbackAddress): void {
    this.toldBefore ??= earlier;
  }

  /** Releases the lease; call when the run ends. */
  async close(): Promise<void> {
    await this.underway?.leave();
  }

  /** Reads the target once and says what there is to do. Changes nothing. */
  view(): Promise<View> {
    if (this.seen) return this.seen;
    const look = this.look();
    this.seen = look;
    // What failed for a moment is not held against whoever asks next.
    look.catch(() => {
      if (this.seen === look) this.seen = undefined;
    });
    return look;
  }

  /**
   * Specs, as journalled, of versions other than the goal that go on serving when this run has ended as it is planned to:
   * those of a campaign that is held, or will be. They have to stay in the program.
   */
  async otherVersions(): Promise<readonly S[]> {
    const { data, unfinished } = await Journal.read(this.args.store, this.args.target.id);
    // Where nothing can be planned nothing will be run: what is there stays.
    const rests = await this.view().then(willRest, () => true);
    if (!rests) return [];
    const { goal } = this.args;
    const others = [
      { ref: data.serving, spec: data.serving?.spec },
      { ref: unfinished?.from, spec: unfinished?.fromSpec },
    ].filter(({ ref, spec }) => ref && spec && ref.release !== goal.release);
    return [...new Map(others.map(({ ref, spec }) => [ref?.release, spec as S])).values()];
  }

  /**
   * Runs one stage to its end. Running it again after any kind of crash converges.
   *
   * @throws CampaignError when the stage did not end as planned; its code says what became of the campaign.
   */
  async runStage(name: string, reporter: Reporter): Promise<StageOutcome> {
    this.underway ??= await this.enter(name, reporter);
    if (!this.underway) return this.idle();
    // Asked for beforehand: with the last stage it is over.
    const { callback } = this.underway;
    const outcome = await this.underway.run(this.underway.stage(name), reporter);
    return { ...outcome, ...(callback ? { callback } : {}) };
  }

  /** A held campaign is still that, for a stage that a run had to declare anew. */
  private async idle(): Promise<StageOutcome> {
    const { last } = await this.view();
    return last?.state === "held"
      ? { state: "held", detail: "the campaign is held", campaign: last.id }
      : { state: "idle", detail: "nothing to do: the target is as wanted" };
  }

  private async look(): Promise<View> {
    const { target, store } = this.args;
    const [seen, journal, asked] = await Promise.all([
      target.glance ? target.glance() : target.observe(),
      Journal.read(store, target.id),
      this.asked(),
    ]);
    const atFirstSight = viewOf(this.args, seen, journal, asked);
    if (!atFirstSight.campaign) return atFirstSight;
    const inventory = target.glance ? await target.observe() : seen;
    const view = await this.seenFrom(inventory, journal, asked);
    const { snapshots } = this.args;
    // Asked of the store only where something is to be put there.
    if (!snapshots || !view.campaign || !savesAnything(view)) return view;
    return withProblems(view, await snapshots.doubts());
  }

  /** The view, with what the site's monitoring says where gates will ask it. */
  private async seenFrom(inventory: I, journal: Journal, asked: Asked): Promise<View> {
    const view = viewOf(this.args, inventory, journal, asked);
    const { plan, campaign } = view;
    const gates = plan.stages.find((stage) => stage.gates.length > 0)?.gates ?? [];
    if (!campaign || gates.length === 0) return view;
    const { unfinished, data } = journal;
    const sides = sidesOf(this.args, {
      to: plan.to,
      toSpec: this.args.spec,
      ...(plan.from ? { from: plan.from } : {}),
      fromSpec: (unfinished ? unfinished.fromSpec : data.serving?.spec) as S | undefined,
    });
    const answers = await askMonitoring(gates, this.args.monitoring ?? {}, sides);
    return withAnswers(view, answers, unfinished !== undefined);
  }

  private async asked(signal?: AbortSignal): Promise<Asked> {
    const { requests: book, approvals, target } = this.args;
    if (!book) return { requests: [] };
    const [requests, doubt] = await Promise.all([
      book.asked(target.id, signal),
      approvals.length > 0 ? book.doubt(target.id) : undefined,
    ]);
    return { requests, ...(doubt === undefined ? {} : { doubt }) };
  }

  /** Opens the campaign, or takes it up where an earlier run left it; undefined if there is nothing to do. */
  private async enter(name: string, reporter: Reporter): Promise<Underway<S, I> | undefined> {
    const view = await this.view();
    if (!view.campaign) return undefined;
    refuseWhatCannotBe(view);
    const lease = await Lease.take(
      this.args.store,
      this.args.target.id,
      (heldBy) => reporter.tick(`waiting for the lease that ${heldBy} left behind`),
      this.stopping.signal,
    );
    let entered: Underway<S, I> | undefined;
    try {
      entered = await this.takeUp(name, lease, reporter);
    } finally {
      if (!entered) await lease.release();
    }
    return entered;
  }

  private async takeUp(name: string, lease: Lease, reporter: Reporter): Promise<Underway<S, I> | undefined> {
    const { target, store, goal, rule, spec } = this.args;
    const underway = (campaign: CampaignRecord) =>
      new Underway(this.args, journal, lease, campaign, this.stopping.signal);
    // Looked at again under the lease: someone may have worked on the target since the preview.
    const journal = await Journal.read(store, target.id);
    const last = journal.data.campaign;
    if (last?.state === "rolling-back") {
      // A rollback that was killed goes on first, whatever is wanted now.
      reporter.say(`campaign ${last.id}: its rollback was interrupted; it goes on now`);
      const { code = "INTERRUPTED", reason = "interrupted" } = last.rollback ?? {};
      const back = underway(last);
      await back.takeBack({ code, message: reason }, reporter).catch(leaving(back));
      // What may end here gives the lease back: the alarms that are over must be written by then.
      await journal.settled();
    }
    const asked = await this.asked(this.stopping.signal);
    const { abort } = wishesFor(journal.unfinished?.id, asked.requests);
    // Who set the version back wants the same, and gets it by the plan.
    if (abort && journal.unfinished && journal.unfinished.from?.release !== goal.release)
      return underway(journal.unfinished).abort(abort, reporter);
    // With a signal: what was seen for another target, or before, won't do here.
    const inventory = await target.observe(this.stopping.signal);
    const view = await this.seenFrom(inventory, journal, asked);
    this.seen = Promise.resolve(view);
    if (!view.campaign) return undefined;
    refuseWhatCannotBe(view);
    const { unfinished } = journal;
    const first = rule.stages(spec)[0];
    if (!unfinished && name !== first) {
      throw new CampaignError(
        "OUT_OF_ORDER",
        `${name} was asked for alone, but no campaign is open: ${first} has not run. Run the whole program, without --target.`,
      );
    }
    const campaign = unfinished
      ? resume(unfinished, view)
      : journal.open({
          id: view.campaign.id,
          intent: view.plan.intent,
          ...(view.plan.from ? { from: view.plan.from } : {}),
          to: goal,
          ...(journal.data.serving ? { fromSpec: journal.data.serving.spec } : {}),
          toSpec: spec,
          ...(view.plan.before === undefined ? {} : { before: view.plan.before }),
          state: "open",
          attempt: 1,
          openedAt: new Date().toISOString(),
          stages: newStageRecords(view.plan.stages),
          baseline: {},
          ...(view.firing && view.firing.length > 0 ? { alertsBefore: view.firing } : {}),
        });
    const entered = underway(campaign);
    await entered.takeUp(this.toldBefore);
    await journal.save().catch(leaving(entered));
    for (const approval of wishesFor(campaign.id, asked.requests).approvals)
      entered.note(approval, approval.stage ?? name);
    const { intent, from } = view.plan;
    entered.write(
      name,
      unfinished ? "campaign-resume" : "campaign-open",
      "OK",
      `${intent} from ${from?.version ?? "nothing"} to ${goal.version}, attempt ${campaign.attempt}`,
    );
    return entered;
  }
}

const savesAnything = ({ plan }: View): boolean =>
  plan.stages.some(({ steps }) => steps.some(({ action }) => action === SNAPSHOT));

/** What was opened is closed, and the lease given back, before the error goes on. */
const leaving =
  (underway: { leave(): Promise<void> }) =>
  async (error: unknown): Promise<never> => {
    await underway.leave();
    throw error;
  };

/** Every stage runs again, from what the target reports now; how often each was tried is kept. */
function resume(campaign: CampaignRecord, { plan, campaign: next }: View): CampaignRecord {
  const before = new Map(campaign.stages.map((stage) => [stage.name, stage]));
  campaign.attempt = next?.attempt ?? campaign.attempt + 1;
  campaign.state = "open";
  campaign.stages = newStageRecords(plan.stages).map((stage) => {
    const was = before.get(stage.name);
    return {
      ...stage,
      attempts: was?.attempts ?? 0,
      ...(was?.passed ? { passed: true } : {}),
      ...(was?.startedAt ? { startedAt: was.startedAt } : {}),
    };
  });
  return campaign;
}
