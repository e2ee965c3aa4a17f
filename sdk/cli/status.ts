/**
 * From what was read to what is shown. Pure.
 *
 * @module
 */
import type { CampaignRecord, JournalData, StageRecord } from "../campaign/journal";
import type { StagePlan } from "../plan/plan";
import { alarmsOf, pastAlarmsOf, rollbackLimit } from "./alarms";
import { exitCodeOf } from "./exit-code";
import type { Observation } from "./observation";
import { remediesOf } from "./remedies";
import { stageMs } from "./stage-time";
import {
  type CampaignStatus,
  type GroupStatus,
  type InstanceStatus,
  type ObjectStatus,
  type QuarantineStatus,
  type SideStatus,
  STATUS_VERSION,
  type StageStatus,
  type StatusDocument,
  type TargetStatus,
  type TrafficStatus,
} from "./status-model";

export function documentOf(seen: readonly Observation[], at: number): StatusDocument {
  return { schemaVersion: STATUS_VERSION, at: new Date(at).toISOString(), targets: seen.map(statusOf) };
}

export function statusOf(seen: Observation): TargetStatus {
  const { journal, lease } = seen;
  const state = journal.campaign?.state ?? "idle";
  const traffic = trafficOf(seen);
  return {
    target: journal.target,
    state,
    exitCode: exitCodeOf(state, lease !== undefined),
    ...(journal.serving
      ? { serving: { version: journal.serving.version, release: journal.serving.release } }
      : {}),
    ...(journal.campaign ? { campaign: campaignOf(journal.campaign, seen.at) } : {}),
    ...(lease ? { lease: { heldBy: lease.heldBy, until: new Date(lease.until).toISOString() } } : {}),
    ...(traffic ? { traffic } : {}),
    ...protectionOf(seen),
    objects: objectsOf(seen),
    groups: groupsOf(seen),
    instances: instancesOf(seen),
    ...(seen.rows ? { parts: seen.rows } : {}),
    kpis: seen.kpis ?? [],
    alarms: alarmsOf(seen),
    pastAlarms: pastAlarmsOf(seen),
    quarantine: quarantineOf(journal),
    next: remediesOf(journal, lease),
    history: journal.history,
    audit: journal.audit ?? [],
  };
}

function protectionOf({ inventory }: Observation): Pick<TargetStatus, "protection"> {
  const { split, protection } = inventory ?? {};
  if (!split?.left || !protection || protection.by === "unknown") return {};
  const { by, policy } = protection;
  return { protection: { by, ...(policy === undefined ? {} : { policy }) } };
}

function campaignOf(campaign: CampaignRecord, now: number): CampaignStatus {
  const { id, intent, from, to, state, attempt, openedAt, closedAt, rollback } = campaign;
  const stages = campaign.stages.map((stage) => stageOf(stage, now));
  const planned = campaign.stages.filter(({ plan }) => plan.skipped === undefined);
  const within = rollbackLimit(campaign);
  return {
    id,
    intent,
    ...(from ? { from } : {}),
    to,
    state,
    attempt,
    openedAt,
    ...(closedAt ? { closedAt } : {}),
    durationMs: (closedAt ? Date.parse(closedAt) : now) - Date.parse(openedAt),
    expectedMs: planned.reduce((sum, { plan }) => sum + plan.expectedMs, 0),
    ...(state === "open" ? { remainingMs: remaining(planned, now) } : {}),
    stages,
    snapshots: campaign.snapshots ?? [],
    ...(rollback
      ? {
          rollback: {
            reason: rollback.reason,
            code: rollback.code,
            startedAt: rollback.startedAt,
            ...(rollback.finishedAt ? { finishedAt: rollback.finishedAt } : {}),
            durationMs:
              (rollback.finishedAt ? Date.parse(rollback.finishedAt) : now) - Date.parse(rollback.startedAt),
            ...(within === undefined ? {} : { withinMs: within }),
            // A step that was looked at again after a failure may have left a hole.
            steps: rollback.steps.filter(Boolean),
          },
        }
      : {}),
  };
}

function remaining(stages: readonly StageRecord[], now: number): number {
  let left = 0;
  for (const stage of stages) {
    const { expectedMs } = stage.plan;
    if (stage.state === "pending") left += expectedMs;
    if (stage.state === "running") left += Math.max(0, expectedMs - (stageMs(stage, now) ?? 0));
  }
  return left;
}

function stageOf(stage: StageRecord, now: number): StageStatus {
  const { name, plan, state, attempts, startedAt } = stage;
  const actualMs = stageMs(stage, now);
  const detail = stage.detail ?? plan.skipped;
  const step = stepOf(stage, plan);
  const soak = soakOf(stage, now);
  return {
    name,
    state,
    expectedMs: plan.expectedMs,
    ...(actualMs === undefined ? {} : { actualMs }),
    ...(startedAt ? { startedAt } : {}),
    attempts,
    ...(step ? { step } : {}),
    ...(soak ? { soak } : {}),
    ...(detail === undefined ? {} : { detail }),
    verdicts: stage.verdicts ?? [],
    reports: stage.reports ?? [],
  };
}

function stepOf({ step, state }: StageRecord, { steps }: StagePlan): StageStatus["step"] {
  if (step === undefined || (state !== "running" && state !== "failed")) return undefined;
  return { index: step + 1, of: steps.length, summary: steps[step]?.summary ?? "" };
}

function soakOf({ soakingSince, state, plan }: StageRecord, now: number): StageStatus["soak"] {
  if (state !== "running" || soakingSince === undefined) return undefined;
  return { ofMs: plan.soakMs, leftMs: Math.max(0, Date.parse(soakingSince) + plan.soakMs - now) };
}

type SideName = "left" | "right";

function trafficOf({ inventory, carried }: Observation): TrafficStatus | undefined {
  const split = inventory?.split;
  if (!split) return undefined;
  const subscribers = carried
    ? { left: carried.left.subscribers, right: carried.right.subscribers }
    : split.carried;
  const moving = carried?.moving ?? split.carried?.moving;
  const side = (name: SideName): SideStatus | undefined => {
    const domain = split[name];
    if (!domain) return undefined;
    if (!subscribers) return { version: domain.version };
    const all = subscribers.left + subscribers.right;
    return {
      version: domain.version,
      subscribers: subscribers[name],
      ...(carried ? { sessions: carried[name].sessions } : {}),
      ...(all > 0 ? { sharePercent: (100 * subscribers[name]) / all } : {}),
    };
  };
  const left = side("left");
  const right = side("right");
  return {
    ratio: split.ratio,
    admission: split.admission,
    ...(moving === undefined ? {} : { moving }),
    ...(left ? { left } : {}),
    ...(right ? { right } : {}),
  };
}

function sideOf(workload: string, { inventory }: Observation): ObjectStatus["side"] {
  const left = inventory?.split?.left?.workloads.includes(workload);
  const right = inventory?.split?.right?.workloads.includes(workload);
  return left && right ? "both" : left ? "left" : right ? "right" : undefined;
}

function objectsOf(seen: Observation): ObjectStatus[] {
  return (seen.inventory?.workloads ?? []).map(({ name, component, version, replicas, ready }) => {
    const side = sideOf(name, seen);
    const mine = seen.carried?.instances.filter(({ workload }) => workload === name);
    return {
      name,
      component,
      version,
      ...(side ? { side } : {}),
      wanted: replicas,
      ready,
      ...(mine
        ? {
            subscribers: mine.reduce((sum, one) => sum + one.subscribers, 0),
            sessions: mine.reduce((sum, one) => sum + one.sessions, 0),
          }
        : {}),
    };
  });
}

function groupsOf({ inventory }: Observation): GroupStatus[] {
  return (inventory?.groups ?? []).map(({ component, kind, selfHealing, reported }) => ({
    component,
    kind,
    ...(reported?.active === undefined ? {} : { active: reported.active }),
    inStep: reported?.inStep ?? {},
    ...(reported ? { quorum: reported.quorum } : {}),
    selfHealing,
    troubles: reported?.troubles ?? [],
  }));
}

function instancesOf(seen: Observation): InstanceStatus[] {
  return (seen.carried?.instances ?? []).map(({ workload, ...rest }) => {
    const side = sideOf(workload, seen);
    const { name, serving, draining, subscribers, sessions } = rest;
    return { name, object: workload, ...(side ? { side } : {}), serving, draining, subscribers, sessions };
  });
}

function quarantineOf({ quarantine }: JournalData): QuarantineStatus[] {
  return quarantine.map(({ version, release, campaign, reason, at }) => ({
    version,
    release,
    campaign,
    reason,
    at,
    retry: `set upgrade.retry to "${campaign}"`,
  }));
}
