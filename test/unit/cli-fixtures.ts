/** Journals and observations made by hand, at a fixed instant. */
import type { CampaignRecord, JournalData, StageRecord } from "#sdk/campaign/journal.js";
import type { Observation } from "#sdk/cli/observation.js";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import type { StagePlan } from "#sdk/plan/plan.js";

export const NOW = Date.parse("2026-03-01T10:01:00.000Z");
/** ISO 8601 of an instant this many seconds before now. */
export const ago = (seconds: number): string => new Date(NOW - 1000 * seconds).toISOString();

export const old = { version: "1.0.0", release: "1.0.0-aaaaaa" };
export const bad = { version: "1.1.0", release: "1.1.0-bbbbbb" };

export function plan(name: string, expectedMs = 10_000, more: Partial<StagePlan> = {}): StagePlan {
  const step = (summary: string) => ({
    action: "scale",
    object: "deployment/amf-gsu-1-1-0-bbbbbb",
    args: {},
    summary,
    expectedMs: expectedMs / 2,
    limitMs: 60_000,
  });
  return {
    name,
    steps: [step("scale amf-gsu-1-1-0-bbbbbb from 1 to 4 instances"), step("move subscribers to 50 %")],
    soakMs: 0,
    gates: [],
    gateLimitMs: 120_000,
    expectedMs,
    ...more,
  };
}

export const stage = (name: string, more: Partial<StageRecord> = {}): StageRecord => ({
  name,
  plan: plan(name),
  state: "pending",
  attempts: 0,
  ...more,
});

export const done = (name: string, from: number, to: number): StageRecord =>
  stage(name, {
    state: "done",
    attempts: 1,
    startedAt: ago(from),
    finishedAt: ago(to),
    detail: `${name} went well`,
  });

/** An upgrade 40 s old, in the second step of gray-50. */
export function campaign(more: Partial<CampaignRecord> = {}): CampaignRecord {
  return {
    id: "3",
    intent: "upgrade",
    from: old,
    to: bad,
    toSpec: { policy: { rollback: { withinMs: 30_000 } } },
    state: "open",
    attempt: 1,
    openedAt: ago(40),
    stages: [
      done("preflight", 40, 39),
      stage("snapshot", { state: "skipped", plan: plan("snapshot", 0, { skipped: "nothing to save" }) }),
      done("gray-1", 30, 8),
      stage("gray-50", { state: "running", attempts: 1, startedAt: ago(8), step: 1, detail: "4 of 4 ready" }),
      stage("gray-100"),
    ],
    ...more,
  };
}

export function journal(more: Partial<JournalData> = {}): JournalData {
  return {
    schemaVersion: 1,
    target: "cnf/core/amf",
    serving: { ...old, spec: {} },
    campaign: campaign(),
    quarantine: [],
    history: [
      { id: "2", intent: "install", to: "1.0.0", state: "completed", openedAt: ago(500), closedAt: ago(480) },
    ],
    ...more,
  };
}

export const lease = { heldBy: "host/4711/abcd", until: NOW + 12_000 };

export function inventory(more: Partial<CnfInventory> = {}): CnfInventory {
  const workload = (component: string, { version, release }: typeof old, ready = 4, replicas = 4) => ({
    name: `amf-${component}-${release.replaceAll(".", "-")}`,
    component,
    version,
    serviceType: "load-sharing" as const,
    replicas,
    ready,
  });
  const left = workload("gsu", old);
  const right = workload("gsu", bad);
  const shared = workload("csdb", old);
  return {
    kubernetesVersion: "1.34.2",
    workloads: [left, right, shared],
    autoscalers: [],
    split: {
      left: { version: old.version, workloads: [left.name, shared.name] },
      right: { version: bad.version, workloads: [right.name, shared.name] },
      ratio: 50,
      admission: "by-ratio",
      pinned: [],
      carried: { left: 5_040, right: 4_960, moving: 40 },
    },
    kpis: { "registration-success": 20 },
    load: {},
    ...more,
  };
}

/** Everything there is to see, of a campaign that is in hand. */
export function observation(more: Partial<Observation> = {}): Observation {
  return {
    at: NOW,
    journal: journal(),
    lease,
    inventory: inventory(),
    splitGeneration: 7,
    carried: {
      observedGeneration: 7,
      left: { subscribers: 5_040, sessions: 4_000 },
      right: { subscribers: 4_960, sessions: 3_900 },
      moving: 40,
      instances: [
        {
          name: "amf-gsu-1-0-0-aaaaaa-x1",
          workload: "amf-gsu-1-0-0-aaaaaa",
          serving: true,
          draining: true,
          subscribers: 5_040,
          sessions: 4_000,
        },
        {
          name: "amf-gsu-1-1-0-bbbbbb-y1",
          workload: "amf-gsu-1-1-0-bbbbbb",
          serving: true,
          draining: false,
          subscribers: 4_960,
          sessions: 3_900,
        },
        {
          name: "amf-csdb-1-0-0-aaaaaa-z1",
          workload: "amf-csdb-1-0-0-aaaaaa",
          serving: false,
          draining: false,
          subscribers: 0,
          sessions: 0,
        },
      ],
    },
    kpis: [
      {
        kpi: "registration-success",
        windowMs: 2_000,
        left: { attempts: 2_000, successPercent: 99.999 },
        right: { attempts: 0 },
      },
    ],
    ...more,
  };
}

/** Without what the target reports. */
export function onlyJournal(data: JournalData, more: Partial<Observation> = {}): Observation {
  return { at: NOW, journal: data, ...more };
}

export function rolledBack(more: Partial<CampaignRecord> = {}): CampaignRecord {
  return campaign({
    state: "rolled-back",
    closedAt: ago(2),
    stages: [
      { ...done("preflight", 40, 39), state: "rolled-back" },
      stage("gray-50", {
        state: "failed",
        attempts: 1,
        startedAt: ago(20),
        finishedAt: ago(10),
        step: 1,
        detail: "registration-success: 97.00 % of 500 attempts on the new version, at least 99.5 % is wanted",
        verdicts: [
          {
            kpi: "registration-success",
            outcome: "fail",
            attempts: 500,
            value: 97,
            message: "97.00 % of 500 attempts",
          },
        ],
      }),
      stage("gray-100"),
    ],
    rollback: {
      reason: "registration-success: 97.00 % of 500 attempts",
      code: "GATE_FAILED",
      startedAt: ago(10),
      finishedAt: ago(2),
      steps: [
        { summary: "scale amf-gsu-1-0-0-aaaaaa to 8", state: "done", at: ago(4), detail: "8 ready" },
        { summary: "move subscribers to 0 %", state: "done", at: ago(3) },
      ],
    },
    ...more,
  });
}

export const quarantined = {
  ...bad,
  campaign: "3",
  reason: "registration-success: 97.00 % of 500 attempts",
  at: ago(2),
};
