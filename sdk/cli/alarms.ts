/**
 * What an operator must not overlook (ESC-02, ESC-11, ESC-19). Pure.
 *
 * @module
 */
import type { CampaignRecord, StageRecord } from "../campaign/journal";
import { formatDuration as duration } from "../policy/duration";
import type { Observation } from "./observation";
import { stageMs } from "./stage-time";
import type { Alarm } from "./status-model";

/** Expected times are estimates: this much over says nothing yet. */
const toleranceMs = (expectedMs: number): number => Math.max(1000, expectedMs / 10);

/** The policy's `rollback.within`, from the spec that the journal keeps. */
export function rollbackLimit(campaign: CampaignRecord): number | undefined {
  const spec = campaign.toSpec as { policy?: { rollback?: { withinMs?: unknown } } } | undefined;
  const limit = spec?.policy?.rollback?.withinMs;
  return typeof limit === "number" ? limit : undefined;
}

export function alarmsOf(seen: Observation): Alarm[] {
  const { campaign } = seen.journal;
  return [
    ...(seen.unreadable === undefined
      ? []
      : [critical("TARGET_UNREADABLE", `The target can't be read: ${seen.unreadable}`)]),
    ...(campaign ? campaignAlarms(campaign, seen) : []),
    ...targetAlarms(seen),
  ];
}

const critical = (code: Alarm["code"], message: string): Alarm => ({ code, severity: "critical", message });
const warning = (code: Alarm["code"], message: string): Alarm => ({ code, severity: "warning", message });

function campaignAlarms(campaign: CampaignRecord, seen: Observation): Alarm[] {
  const { lease } = seen;
  const alarms: Alarm[] = [];
  if (campaign.state === "open") {
    const running = campaign.stages.find((stage) => stage.state === "running");
    if (!lease) {
      alarms.push(
        critical(
          "RUN_LOST",
          `Campaign ${campaign.id} is open${running ? ` in ${running.name}` : ""}, but no run works on it: the last one was interrupted or killed.`,
        ),
      );
    } else if (running) alarms.push(...overdue(running, seen.at));
  }
  if (campaign.state === "stopped" && !lease) {
    const failed = campaign.stages.find((stage) => stage.state === "failed");
    alarms.push(
      critical(
        "STOPPED",
        `Campaign ${campaign.id} stopped${failed ? ` in ${failed.name}: ${failed.detail ?? "no reason recorded"}` : ""}. The policy forbids rolling back by itself.`,
      ),
    );
  }
  if (campaign.state === "rolling-back" && !lease) {
    alarms.push(
      critical(
        "ROLLBACK_INCOMPLETE",
        `Campaign ${campaign.id} is half rolled back, and no run works on it: ${lastRollbackWord(campaign)}.`,
      ),
    );
  }
  return [...alarms, ...slowRollback(campaign, seen.at)];
}

function overdue(stage: StageRecord, now: number): Alarm[] {
  const actual = stageMs(stage, now) ?? 0;
  const { expectedMs } = stage.plan;
  if (actual <= expectedMs + toleranceMs(expectedMs)) return [];
  return [
    warning(
      "STAGE_OVERDUE",
      `${stage.name} is over its expected time: ${duration(actual)} so far, ${duration(expectedMs)} expected.`,
    ),
  ];
}

function slowRollback(campaign: CampaignRecord, now: number): Alarm[] {
  const limit = rollbackLimit(campaign);
  const { rollback } = campaign;
  if (!rollback || limit === undefined) return [];
  const end = rollback.finishedAt ? Date.parse(rollback.finishedAt) : now;
  const took = end - Date.parse(rollback.startedAt);
  if (took <= limit) return [];
  return [
    (rollback.finishedAt ? warning : critical)(
      "ROLLBACK_OVERDUE",
      `Rolling back ${rollback.finishedAt ? "took" : "is taking"} ${duration(took)}; the policy allows ${duration(limit)} (upgrade.rollback.within).`,
    ),
  ];
}

/** Whether the run in hand is scaling it just now. */
function isWorkedOn(workload: string, { journal: { campaign }, lease }: Observation): boolean {
  if (!campaign || !lease) return false;
  if (campaign.state === "rolling-back") return true;
  const running = campaign.stages.find((stage) => stage.state === "running");
  return running?.plan.steps[running.step ?? 0]?.object.endsWith(`/${workload}`) ?? false;
}

function lastRollbackWord({ rollback }: CampaignRecord): string {
  const step = rollback?.steps.findLast((one) => one.state !== "done");
  if (!step) return rollback?.reason ?? "it was interrupted";
  return `${step.summary}${step.detail ? `: ${step.detail}` : ""}`;
}

function targetAlarms(seen: Observation): Alarm[] {
  const { inventory, carried, splitGeneration, journal } = seen;
  if (!inventory) return [];
  const alarms: Alarm[] = [];
  const { workloads, split } = inventory;
  const serving = new Set([...(split?.left?.workloads ?? []), ...(split?.right?.workloads ?? [])]);
  const inService = workloads.filter(({ name }) => serving.has(name));
  if (journal.serving && inService.every(({ ready }) => ready === 0)) {
    alarms.push(critical("NOTHING_SERVES", "No instance in service is ready: nobody is served."));
  } else {
    for (const { name, ready, replicas } of inService) {
      if (ready < replicas && !isWorkedOn(name, seen)) {
        alarms.push(warning("NOT_READY", `${name}: ${ready} of ${replicas} instances are ready.`));
      }
    }
  }
  if (split && splitGeneration !== undefined && (carried?.observedGeneration ?? 0) < splitGeneration) {
    alarms.push(
      warning(
        "SPLIT_UNANSWERED",
        `The load balancer has not answered the split that is asked for (${split.ratio} % on the right).`,
      ),
    );
  }
  const over = !journal.campaign || ["completed", "rolled-back"].includes(journal.campaign.state);
  const suspended = inventory.autoscalers.filter((one) => one.suspended);
  if (over && suspended.length > 0) {
    alarms.push(
      warning(
        "ELASTICITY_SUSPENDED",
        `Suspended though no campaign is in hand: autoscaler ${suspended.map(({ name }) => name).join(", ")}.`,
      ),
    );
  }
  return alarms;
}
