/**
 * What there is to do, from what the target reports and the journal says. Pure: preview shows it, a run acts on it.
 *
 * @module
 */
import type { OperatorRequest } from "../contract/requests";
import type { InCampaign, Plan, StagePlan } from "../plan/plan";
import type { Problem } from "../policy/problem";
import type { Answers } from "./ask-monitoring";
import type { CampaignArgs } from "./campaign-args";
import { CampaignError } from "./errors";
import { heldBack } from "./held-back";
import type { CampaignRecord, Journal, Occasion } from "./journal";
import { wishesFor } from "./request-watch";

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
  /** Fingerprints of the alerts that fire now and that gates look at. */
  readonly firing?: readonly string[];
}

/** What operators asked for, and why that may not be believed. */
export interface Asked {
  readonly requests: readonly OperatorRequest[];
  readonly doubt?: string;
}

/** Nothing was ever to be done. */
export const NO_OCCASION: Occasion = { campaign: "", version: "" };

export function viewOf<S, I>(
  args: Pick<CampaignArgs<S, I>, "target" | "rule" | "spec" | "goal" | "retry" | "approvals">,
  inventory: I,
  journal: Journal,
  { requests, doubt }: Asked,
): View {
  const { rule, spec, goal } = args;
  const { unfinished } = journal;
  const wishes = wishesFor(unfinished?.id, requests);
  const planned = rule.plan(spec, inventory, unfinished && inCampaign(unfinished));
  const held = heldBack(planned, args.target.id, args.approvals, wishes);
  const plan = doubt === undefined ? held : withProblem(held, { path: "upgrade.approvals", message: doubt });
  const last = journal.data.campaign;
  const campaign =
    !wishes.abort && isSettled(plan, unfinished, goal.release)
      ? undefined
      : unfinished
        ? { id: unfinished.id, attempt: unfinished.attempt + 1 }
        : { id: journal.nextId(), attempt: 1 };
  const quarantine = campaign && quarantineOf(args, journal);
  return {
    plan,
    occasions: occasionsOf(plan, journal, campaign && { campaign: campaign.id, version: goal.version }),
    ...(campaign ? { campaign } : {}),
    ...(last ? { last } : {}),
    ...(quarantine ? { quarantine } : {}),
  };
}

/**
 * Adds what the site's monitoring said. Before a campaign is opened its troubles forbid it; underway, the way out is to go on
 * or to go back, and they are only told.
 */
export function withAnswers(view: View, { problems, warnings, firing }: Answers, underway: boolean): View {
  const { plan } = view;
  const told = underway ? problems.map(({ path, message }) => `${path}: ${message}`) : [];
  return {
    ...view,
    firing,
    plan: {
      ...plan,
      warnings: [...plan.warnings, ...warnings, ...told],
      problems: underway ? plan.problems : [...plan.problems, ...problems],
    },
  };
}

/** What else keeps it from being run, for preview and run alike. */
export const withProblems = (view: View, problems: readonly Problem[]): View =>
  problems.length === 0
    ? view
    : { ...view, plan: { ...view.plan, problems: [...view.plan.problems, ...problems] } };

/** Whether the campaign is held once this run has ended as planned. */
export function willRest({ plan, campaign, last }: View): boolean {
  if (!campaign) return last?.state === "held";
  return plan.stages.some((stage) => stage.heldBack || stage.holds);
}

/** @throws CampaignError `REFUSED`, with every reason in one go. */
export function refuseWhatCannotBe({ plan, quarantine }: View): void {
  if (quarantine) throw new CampaignError("REFUSED", quarantine);
  if (plan.problems.length === 0) return;
  const lines = plan.problems.map((p) => `  ${p.path ? `${p.path}: ` : ""}${p.message}`);
  throw new CampaignError("REFUSED", `refused, nothing was touched:\n${lines.join("\n")}`, plan.problems);
}

const inCampaign = ({ from, to, stages, before }: CampaignRecord): InCampaign => ({
  ...(from ? { from } : {}),
  to,
  ...(before === undefined ? {} : { before }),
  passed: stages.flatMap(({ name, passed }) => (passed ? [name] : [])),
});

/** Going back, and staying, need nobody's approval. */
const withProblem = (plan: Plan, problem: Problem): Plan =>
  plan.intent === "return" || plan.intent === "none"
    ? plan
    : { ...plan, problems: [...plan.problems, problem] };

const isIdle = ({ skipped, steps, soakMs, gates }: StagePlan): boolean =>
  skipped !== undefined || (steps.length === 0 && soakMs === 0 && gates.length === 0);

/**
 * A held campaign that is where it should be has nothing to do either, for as long as it is held and its goal is wanted. Where
 * only instances are missing of a stage that passed, they come back without it, as they would with no campaign in hand: to
 * take the stage up again would be to judge it anew, and perhaps to take back what is held.
 */
function isSettled(plan: Plan, unfinished: CampaignRecord | undefined, goal: string): boolean {
  if (!unfinished) return plan.intent === "none";
  const wanted = unfinished.state === "held" && unfinished.to.release === goal;
  const passed = new Set(unfinished.stages.flatMap((stage) => (stage.passed ? [stage.name] : [])));
  const rests = ({ name, steps }: StagePlan): boolean =>
    passed.has(name) && steps.length > 0 && steps.every(({ waits }) => waits);
  return wanted && plan.problems.length === 0 && plan.stages.every((one) => isIdle(one) || rests(one));
}

function quarantineOf<S, I>(
  { goal, retry }: Pick<CampaignArgs<S, I>, "goal" | "retry">,
  journal: Journal,
): string | undefined {
  const entry = journal.quarantineOf(goal.release);
  if (!entry || entry.campaign === retry) return undefined;
  return `${goal.version} was rolled back by campaign ${entry.campaign} at ${entry.at} (${entry.reason}) and is quarantined with this content. Mend it and change its version or content, or set upgrade.retry to "${entry.campaign}" to try it again as it is.`;
}

function occasionsOf(plan: Plan, journal: Journal, current: Occasion | undefined): View["occasions"] {
  const { turns } = journal.data;
  return Object.fromEntries(
    plan.stages.map(({ name }, i) => {
      const next = plan.stages[i + 1];
      const comes = plan.intent !== "return" && !next?.heldBack;
      return [name, (comes ? current : next && turns?.[next.name]) ?? NO_OCCASION];
    }),
  );
}
