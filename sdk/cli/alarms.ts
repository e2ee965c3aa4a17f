/**
 * What an operator must not overlook (ESC-02, ESC-11, ESC-19). Pure.
 *
 * @module
 */
import { type AlarmCode, alarmCatalogue } from "../campaign/alarm-catalogue";
import type { AlarmRecord } from "../campaign/alarms";
import type { CampaignRecord } from "../campaign/journal";
import { formatDuration as duration } from "../policy/duration";
import type { Observation } from "./observation";
import type { Alarm } from "./status-model";

interface PolicySeen {
  readonly rollback?: { readonly withinMs?: number };
  /** Absent in journals of earlier versions. */
  readonly alarms?: { readonly heldForMs?: number };
}

const policyOf = ({ toSpec }: CampaignRecord): PolicySeen | undefined =>
  (toSpec as { policy?: PolicySeen } | undefined)?.policy;

/** The policy's `rollback.within`, from the spec that the journal keeps. */
export const rollbackLimit = (campaign: CampaignRecord): number | undefined =>
  policyOf(campaign)?.rollback?.withinMs;

/** Those that runs raised, and those that only an onlooker sees. */
export function alarmsOf(seen: Observation): Alarm[] {
  const { campaign } = seen.journal;
  const told = (seen.journal.alarms ?? []).filter(({ clearedAt }) => clearedAt === undefined).map(shown);
  const observed = [
    ...(seen.unreadable === undefined
      ? []
      : [alarm("TARGET_UNREADABLE", `The target can't be read: ${seen.unreadable}`)]),
    ...(campaign ? campaignAlarms(campaign, seen) : []),
    ...targetAlarms(seen),
  ];
  // A run that was interrupted is lost until the next one: once is enough.
  const lost = observed.some(({ code }) => code === "RUN_LOST");
  const kept = told.filter(({ code }) => !(lost && code === "RUN_INTERRUPTED"));
  return [...kept, ...observed.filter(({ code }) => !kept.some((one) => one.code === code))];
}

/** Those of the campaign that are over, the latest last. */
export function pastAlarmsOf({ journal: { alarms = [], campaign } }: Observation): Alarm[] {
  return alarms.filter((one) => one.clearedAt !== undefined && one.campaign === campaign?.id).map(shown);
}

function shown({ text, ...record }: AlarmRecord): Alarm {
  return { ...record, message: text };
}

function alarm(code: AlarmCode, message: string, severity = alarmCatalogue[code].severity): Alarm {
  return { code, severity, cause: alarmCatalogue[code].cause, message };
}

function campaignAlarms(campaign: CampaignRecord, seen: Observation): Alarm[] {
  const { lease } = seen;
  const alarms: Alarm[] = [];
  if (campaign.state === "open") {
    const running = campaign.stages.find((stage) => stage.state === "running");
    if (!lease) {
      alarms.push(
        alarm(
          "RUN_LOST",
          `Campaign ${campaign.id} is open${running ? ` in ${running.name}` : ""}, but no run works on it: the last one was interrupted or killed.`,
        ),
      );
    }
  }
  if (campaign.state === "stopped" && !lease) {
    const failed = campaign.stages.find((stage) => stage.state === "failed");
    alarms.push(
      alarm(
        "STOPPED",
        `Campaign ${campaign.id} stopped${failed ? ` in ${failed.name}: ${failed.detail ?? "no reason recorded"}` : ""}. The policy forbids rolling back by itself.`,
      ),
    );
  }
  if (campaign.state === "rolling-back" && !lease) {
    alarms.push(
      alarm(
        "ROLLBACK_INCOMPLETE",
        `Campaign ${campaign.id} is half rolled back, and no run works on it: ${lastRollbackWord(campaign)}.`,
      ),
    );
  }
  return [...alarms, ...heldLong(campaign, seen.at), ...slowRollback(campaign, seen.at)];
}

function heldLong(campaign: CampaignRecord, now: number): Alarm[] {
  const limit = policyOf(campaign)?.alarms?.heldForMs;
  const since = Math.max(...campaign.stages.map(({ finishedAt }) => Date.parse(finishedAt ?? "") || 0));
  if (campaign.state !== "held" || limit === undefined || now - since <= limit) return [];
  return [
    alarm(
      "HELD_LONG",
      `Campaign ${campaign.id} has been held for ${duration(now - since)}; the policy expects it to go on within ${duration(limit)} (upgrade.alarms.heldFor).`,
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
    alarm(
      "ROLLBACK_OVERDUE",
      `Rolling back ${rollback.finishedAt ? "took" : "is taking"} ${duration(took)}; the policy allows ${duration(limit)} (upgrade.rollback.within).`,
      rollback.finishedAt ? "warning" : "critical",
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
    alarms.push(alarm("NOTHING_SERVES", "No instance in service is ready: nobody is served."));
  } else {
    for (const { name, ready, replicas } of inService) {
      if (ready < replicas && !isWorkedOn(name, seen)) {
        alarms.push(alarm("NOT_READY", `${name}: ${ready} of ${replicas} instances are ready.`));
      }
    }
  }
  const reports = split !== undefined && split.httpRoute === undefined;
  if (reports && splitGeneration !== undefined && (carried?.observedGeneration ?? 0) < splitGeneration) {
    alarms.push(
      alarm(
        "SPLIT_UNANSWERED",
        `The load balancer has not answered the split that is asked for (${split.ratio} % on the right).`,
      ),
    );
  }
  const { protect } = (journal.serving?.spec as { policy?: { protect?: boolean } } | undefined)?.policy ?? {};
  if (protect && split?.left && inventory.protection?.by === "nobody") {
    alarms.push(
      alarm(
        "UNPROTECTED",
        "Nothing on the cluster keeps what serves from being deleted: its admission policy is gone.",
      ),
    );
  }
  const over = !journal.campaign || ["completed", "rolled-back"].includes(journal.campaign.state);
  const suspended = inventory.autoscalers.filter((one) => one.suspended);
  if (over && suspended.length > 0) {
    alarms.push(
      alarm(
        "ELASTICITY_SUSPENDED",
        `Suspended though no campaign is in hand: autoscaler ${suspended.map(({ name }) => name).join(", ")}.`,
      ),
    );
  }
  const unhealed = (inventory.groups ?? []).filter(({ selfHealing }) => selfHealing === "suspended");
  if (over && unhealed.length > 0) {
    alarms.push(
      alarm(
        "HEALING_SUSPENDED",
        `Suspended though no campaign is in hand: self-healing of ${unhealed.map(({ component }) => component).join(", ")}.`,
      ),
    );
  }
  for (const { component, workloads, reported } of over ? (inventory.groups ?? []) : []) {
    const asked = inventory.workloads
      .filter(({ name }) => workloads.includes(name))
      .reduce((sum, { replicas }) => sum + replicas, 0);
    const inStep = Object.values(reported?.inStep ?? {}).reduce((sum, members) => sum + members, 0);
    if (!reported || inStep >= asked) continue;
    const why = reported.troubles.length > 0 ? `: ${reported.troubles.join("; ")}` : "";
    alarms.push(
      alarm(
        "OUT_OF_STEP",
        `${inStep} of ${asked} members of ${component} are in step, ${reported.quorum} must be${why}.`,
      ),
    );
  }
  return alarms;
}
