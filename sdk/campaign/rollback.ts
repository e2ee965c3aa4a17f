/**
 * Takes a campaign back: capacity, traffic, data, elasticity, in that order (ESC-09, ESC-18), from wherever the target is.
 * What is to be done comes from the plan rule and from what the target reports, so a rollback that was killed goes on.
 *
 * @module
 */
import type { Target } from "../contract/target";
import type { PlanRule } from "../plan/plan";
import { type Failure, failureOf } from "./errors";
import type { Journal } from "./journal";
import type { CampaignLog } from "./log";
import { runSteps } from "./run-steps";

export interface RollbackRun<S, I> {
  readonly journal: Journal;
  readonly target: Target<I>;
  readonly rule: PlanRule<S, I>;
  /** Spec of the version that is taken back, with its policy. */
  readonly spec: S;
  /** Instances above the declared number; `"all"` is tried first and given up for `fallbackSurge` without room. */
  readonly surge: number | "all";
  readonly fallbackSurge: number;
  readonly log: CampaignLog;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Looks at the target afresh this many times when a step fails for a reason that may pass. */
const TRIES = 4;

/**
 * @param why what failed; `undefined` when it is the operator who wants to go back.
 * @throws what the last try failed with; the journal then says `rolling-back`, and the next run goes on.
 */
export async function rollBack<S, I>(run: RollbackRun<S, I>, why: Failure): Promise<void> {
  const { journal, log, epoch } = run;
  const campaign = journal.data.campaign;
  if (!campaign) return;
  campaign.state = "rolling-back";
  campaign.rollback ??= {
    reason: why.message,
    code: why.code,
    startedAt: new Date().toISOString(),
    steps: [],
  };
  const record = campaign.rollback;
  await journal.save();
  const say = (action: string, code: string, message: string) =>
    log.write({
      campaign: campaign.id,
      stage: "rollback",
      action,
      object: run.target.id,
      code,
      message,
      epoch,
    });
  say("rollback-begin", why.code, why.message);

  let surge = run.surge;
  for (let attempt = 1; ; attempt++) {
    try {
      const inventory = await run.target.observe(run.signal);
      const steps = run.rule.recover(run.spec, inventory, campaign.from, surge, campaign.before);
      const offset = record.steps.length;
      await runSteps(steps, {
        ...run,
        campaign: campaign.id,
        stage: "rollback",
        progress: (line) => run.progress(`rollback ${line}`),
        record: async (index, state, detail) => {
          const summary = steps[index]?.summary ?? "";
          record.steps[offset + index] = {
            summary,
            state,
            at: new Date().toISOString(),
            ...(detail === undefined ? {} : { detail }),
          };
          await journal.save();
        },
      });
      break;
    } catch (error) {
      const failure = failureOf(error);
      if (failure.code === "UNSCHEDULABLE" && surge === "all") {
        surge = run.fallbackSurge;
        continue;
      }
      if (attempt >= TRIES || run.signal.aborted || failure.code === "STALE_EPOCH") {
        say("rollback-end", failure.code, failure.message);
        throw error;
      }
      run.progress(`rollback: ${failure.message}; looking again`);
    }
  }
  for (const stage of campaign.stages) {
    if (stage.state === "done") stage.state = "rolled-back";
  }
  record.finishedAt = new Date().toISOString();
  campaign.state = "rolled-back";
  campaign.closedAt = record.finishedAt;
  // Where only numbers changed, the release is the one that serves: its content is not to blame.
  if (campaign.to.release !== campaign.from?.release) {
    const { release, version } = campaign.to;
    journal.data.quarantine.push({
      release,
      version,
      campaign: campaign.id,
      reason: record.reason,
      at: record.finishedAt,
    });
  }
  await journal.save();
  say("rollback-end", "OK", `back on ${campaign.from?.version ?? "nothing"}`);
}
