import assert from "node:assert/strict";
import { cnfRule } from "#sdk/plan/cnf.js";
import type { StagePlan } from "#sdk/plan/plan.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy, UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { lowerBound } from "../bench/lower-bound.ts";
import { playStages, specOf, World } from "./cnf-world.ts";

interface Case {
  readonly instances: number;
  readonly policy: UpgradePolicy;
  /** Between 0 and 1. */
  readonly load?: number;
}

interface Numbers {
  readonly old: number;
  readonly new: number;
}

/** The plan of an upgrade, and the instances that are there when each stage is done. */
function upgrade({ instances, policy: raw, load = 0.1 }: Case) {
  const { policy, problems } = resolvePolicy(raw);
  assert.deepEqual(problems, []);
  const components = [{ name: "gsu", replicas: instances, change: "changed" as const }];
  const [one, two] = [specOf("1.0.0", components), specOf("1.1.0", components)];
  const [old, grown] = [one, two].map((spec) => spec.components[0]?.workload as string) as [string, string];
  const world = World.serving(one);
  world.load[old] = load;
  const { stages } = cnfRule.plan({ cnf: two, policy: policy as ResolvedPolicy }, world.inventory());
  const after = new Map<string, Numbers>();
  for (const stage of stages) {
    playStages(world, two, [stage], undefined, 1, () => {});
    after.set(stage.name, { old: world.get(old).replicas, new: world.workloads.get(grown)?.replicas ?? 0 });
  }
  return { stages, after, grown };
}

/** Boots and ends one batch after the other, nothing else counted; the first instance boots in the smallest set. */
function exchangeMs(stages: readonly StagePlan[], grown: string, bootMs: number, endMs: number): number {
  const batches = stages.flatMap(({ steps }) => steps.filter(({ action }) => action === "scale"));
  return batches.reduce((sum, { object, args }) => {
    const up = object.endsWith(grown);
    return sum + (up ? bootMs : args.replicas === args.from ? 0 : endMs);
  }, 0);
}

describe("time that a planned exchange takes", () => {
  const overBound = (given: Case, bootMs: number, endMs: number) => {
    const { stages, grown } = upgrade(given);
    const { surge = 1, disruptionBudget: { maxUnavailable = 1 } = {} } = given.policy;
    const work = { instances: given.instances, surge, maxUnavailable, bootMs, endMs };
    const bound = lowerBound({ ...work, subscribers: 0, movesPerSecond: 1, soaksMs: [] });
    return exchangeMs(stages, grown, bootMs, endMs) - bound.exchangeMs;
  };

  it("is the lower bound and one boot, however many ratios there are", () => {
    // The first instance boots alone, since nobody has tested the new version before; and so does the last, if the rest is even.
    for (const instances of [4, 8, 12, 16]) {
      for (const ratios of [[100], [50, 100], [25, 50, 75, 100]]) {
        const given = { instances, policy: { gray: { ratios } } };
        assert.equal(
          overBound(given, 2_000, 5_000),
          2_000,
          `${instances} instances, ${ratios}: the benchmark's times`,
        );
        assert.equal(
          overBound(given, 30_000, 1_000),
          30_000,
          `${instances} instances, ${ratios}: slow boots`,
        );
      }
    }
  });

  it("is the lower bound where one place is all there is", () => {
    for (const policy of [
      { surge: 0, disruptionBudget: { maxUnavailable: 1 } },
      { surge: 1, disruptionBudget: { maxUnavailable: 0 } },
    ]) {
      for (const instances of [2, 5, 8]) assert.equal(overBound({ instances, policy }, 2_000, 5_000), 0);
    }
  });
});

describe("instances at rest", () => {
  it("stay within the surge over a soak, also where a batch goes on beyond its ratio", () => {
    const { after } = upgrade({ instances: 8, policy: {} });
    assert.deepEqual(after.get("gray-50"), { old: 4, new: 5 });
    assert.deepEqual(after.get("gray-100"), { old: 0, new: 8 });
    const two = upgrade({ instances: 16, policy: { surge: 2, gray: { ratios: [10, 50] } } });
    assert.deepEqual(two.after.get("gray-50"), { old: 10, new: 8 });
  });

  it("are those of the ratio where a campaign may stay for days: held, or until somebody approves", () => {
    const held = upgrade({ instances: 8, policy: { gray: { ratios: [25, 50], holdAt: 50 } } });
    assert.deepEqual(held.after.get("gray-50"), { old: 4, new: 4 });
    const approvals = [{ before: "gray-100", role: "operations" }];
    const waiting = upgrade({ instances: 8, policy: { gray: { ratios: [25, 50] }, approvals } });
    assert.deepEqual(waiting.after.get("gray-50"), { old: 4, new: 4 });
  });
});
