import assert from "node:assert/strict";
import fc from "fast-check";
import { type CnfPlanSpec, cnfRule } from "#sdk/plan/cnf.js";
import { describePlan, describeStage } from "#sdk/plan/describe.js";
import type { Plan, ReleaseRef } from "#sdk/plan/plan.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy, UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { domain, playStages, specOf, World, type WorldComponent } from "./cnf-world.ts";

const policyOf = (raw: UpgradePolicy = {}): ResolvedPolicy => {
  const { policy, problems } = resolvePolicy(raw);
  assert.deepEqual(problems, []);
  return policy as ResolvedPolicy;
};

const gsu = (replicas = 8): WorldComponent[] => [{ name: "gsu", replicas, change: "changed" }];
const ref = ({ version, release }: { version: string; release: string }): ReleaseRef => ({
  version,
  release,
});
const stage = (plan: Plan, name: string) => {
  const found = plan.stages.find((one) => one.name === name);
  assert.ok(found, name);
  return found;
};
const verbs = (plan: Plan, name: string) => stage(plan, name).steps.map((step) => step.action);

interface Case {
  components: WorldComponent[];
  policy: ResolvedPolicy;
  load: number | undefined;
  autoscaled: boolean;
  cuts: { after: number; part: number }[];
  ready: 0 | 1;
  recoverSurge: number | "all";
}

const cases: fc.Arbitrary<Case> = fc
  .record({
    components: fc
      .tuple(
        fc.record({
          replicas: fc.integer({ min: 1, max: 12 }),
          change: fc.constant("changed" as const),
          serviceType: fc.constant("load-sharing" as const),
        }),
        fc.array(
          fc.record({
            replicas: fc.integer({ min: 1, max: 6 }),
            change: fc.constantFrom("changed" as const, "same" as const, "added" as const),
            serviceType: fc.constantFrom(
              "load-sharing" as const,
              "active-standby" as const,
              "data-storage" as const,
            ),
          }),
          { maxLength: 2 },
        ),
      )
      .map(([first, rest]) =>
        [first, ...rest].map((one, i) => ({ ...one, name: ["gsu", "lbu", "smu"][i] as string })),
      ),
    surge: fc.integer({ min: 0, max: 3 }),
    maxUnavailable: fc.integer({ min: 0, max: 3 }),
    mode: fc.constantFrom("gray" as const, "gray" as const, "rolling" as const),
    ratios: fc
      .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 })
      .map((list) => list.sort((a, b) => a - b)),
    step: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    dial: fc.boolean(),
    snapshot: fc.constantFrom("each-step" as const, "once" as const),
    load: fc.option(fc.double({ min: 0.05, max: 0.95, noNaN: true }), { nil: undefined }),
    autoscaled: fc.boolean(),
    cuts: fc.array(
      fc.record({ after: fc.nat({ max: 25 }), part: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
      { maxLength: 5 },
    ),
    ready: fc.constantFrom(0 as const, 1 as const),
    recoverSurge: fc.constantFrom("all" as const, 0, 1, 2),
  })
  .filter(({ surge, maxUnavailable }) => surge > 0 || maxUnavailable > 0)
  .filter(({ surge, components }) => surge > 0 || components.every((one) => one.replicas > 1))
  .filter(
    ({ surge, components }) =>
      surge > 0 || components.every((one) => one.serviceType !== "data-storage" || one.replicas > 2),
  )
  .map(({ components, load, autoscaled, cuts, ready, recoverSurge, ratios, step, dial, ...raw }) => ({
    components,
    load,
    autoscaled,
    cuts,
    ready,
    recoverSurge,
    policy: policyOf({
      mode: raw.mode,
      surge: raw.surge,
      disruptionBudget: { maxUnavailable: raw.maxUnavailable },
      snapshot: raw.snapshot,
      gray: { ratios, ...(step === undefined ? {} : { step }) },
      ...(dial ? { dialTest: { subscribers: ["imsi-1", "imsi-2"] } } : {}),
    }),
  }));

function begin({ components, policy, load, autoscaled }: Case) {
  const one: CnfPlanSpec = { cnf: specOf("1.0.0", components), policy };
  const two: CnfPlanSpec = { cnf: specOf("1.1.0", components), policy };
  const world = World.serving(one.cnf, autoscaled);
  if (load !== undefined) {
    for (const { workload } of one.cnf.components) world.load[workload] = load;
  }
  const full = (name: string) => components.find((item) => item.name === name)?.replicas ?? 0;
  const slackOf = (name: string) => {
    const spare = Math.min(policy.maxUnavailable, full(name) - 1);
    if (policy.surge === 0) return Math.max(1, spare);
    const bearable = load !== undefined && (load * full(name)) / (full(name) - spare) <= 0.8;
    return policy.gray.step !== undefined || bearable ? spare : 0;
  };
  const check = (most = (name: string) => full(name) + policy.surge, slack = slackOf) =>
    world.check(
      components.map((item) => item.name),
      full,
      (name) => ({ most: most(name), slack: slack(name) }),
    );
  return { one, two, world, full, slackOf, check };
}

/** Plays the way there, killed where the case says; afterwards it may stand anywhere on the way. */
function goThere(given: Case, { one, two, world, check }: ReturnType<typeof begin>, cuts = given.cuts): void {
  let open = false;
  for (const cut of [...cuts, undefined]) {
    const plan = cnfRule.plan(
      two,
      world.inventory(),
      open ? { from: ref(one.cnf), to: ref(two.cnf) } : undefined,
    );
    assert.deepEqual(plan.from, ref(one.cnf));
    open = true;
    if (playStages(world, two.cnf, plan.stages, cut, given.ready, check) === "done") return;
  }
}

const isAt = (world: World, spec: CnfPlanSpec, full: (name: string) => number): void => {
  assert.deepEqual(
    { right: undefined, ...world.split },
    {
      left: domain(spec.cnf),
      right: undefined,
      ratio: 0,
      admission: "by-ratio",
      pinned: [],
    },
  );
  const names = spec.cnf.components.map((one) => one.workload);
  for (const [name, one] of world.workloads) {
    assert.equal(one.replicas, names.includes(name) ? full(one.component) : 0, name);
    if (names.includes(name)) assert.equal(world.serving(name), one.replicas, name);
  }
  for (const autoscaler of world.autoscalers) {
    assert.ok(!autoscaler.suspended);
    assert.ok(names.includes(autoscaler.workload));
  }
};

describe("plan of a network function, played", function () {
  this.timeout(60_000);

  it("reaches the new version from wherever it was killed, within budget and with capacity for every share", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const scene = begin(given);
        goThere(given, scene);
        isAt(scene.world, scene.two, scene.full);
        const ratios = scene.world.ratios.slice(0, -1);
        assert.deepEqual(
          ratios,
          [...ratios].sort((a, b) => a - b),
          "the ratio fell on the way forward",
        );
        assert.equal(cnfRule.plan(scene.two, scene.world.inventory()).intent, "none");
      }),
      { numRuns: 500 },
    );
  });

  it("comes back from any state of an upgrade, capacity before traffic, also when killed on the way", () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 40 }), (given, reached) => {
        const scene = begin(given);
        const { one, two, world, full, slackOf } = scene;
        const plan = cnfRule.plan(two, world.inventory());
        playStages(world, two.cnf, plan.stages, { after: reached, part: 0.4 }, given.ready, scene.check);
        const before = Object.fromEntries(
          [...world.workloads].map(([name, { replicas }]) => [name, replicas]),
        );
        const surge = given.recoverSurge;
        const most = (name: string) =>
          surge === "all"
            ? Number.POSITIVE_INFINITY
            : Math.max(
                // Nothing is added beyond the budget; what was there when it began may have been more.
                full(name) + surge + (full(name) === 1 || surge === 0 ? 1 : 0),
                [...world.workloads]
                  .filter(([, item]) => item.component === name)
                  .reduce((sum, [workload]) => sum + (before[workload] ?? 0), 0),
              );
        const slack = (name: string) => Math.max(slackOf(name), surge === 0 ? 1 : 0);
        const lost = new Set(two.cnf.components.map((item) => item.workload));
        world.ratios = [];
        for (const cut of [...given.cuts, undefined]) {
          const steps = cnfRule.recover(two, world.inventory(), ref(one.cnf), surge);
          let cutOff = false;
          for (const [i, step] of steps.entries()) {
            if (step.action === "split" && (step.args.ratio as number) < world.split.ratio) {
              for (const { name, workload, serviceType } of one.cnf.components) {
                if (lost.has(workload)) continue;
                if (serviceType !== "load-sharing") {
                  const half = Math.max(1, Math.floor(full(name) / 2));
                  assert.ok(world.serving(workload) >= half, `${workload}: too few members in step`);
                  continue;
                }
                const need = ((100 - (step.args.ratio as number)) / 100) * full(name);
                const have = world.serving(workload) + (surge === 0 ? slack(name) : 0);
                assert.ok(
                  have >= need - 0.02,
                  `${workload}: ${have} serve before traffic for ${need} returns`,
                );
              }
            }
            const last = cut !== undefined && i === cut.after;
            world.play(step, last ? cut.part : 1);
            scene.check(most, slack);
            if (last) {
              cutOff = true;
              break;
            }
          }
          if (!cutOff) break;
        }
        isAt(world, one, full);
        assert.deepEqual(cnfRule.recover(two, world.inventory(), ref(one.cnf), surge), []);
        const gone = world.ratios.filter((ratio) => ratio !== 100);
        assert.deepEqual(
          gone,
          [...gone].sort((a, b) => b - a),
          "the ratio rose on the way back",
        );
      }),
      { numRuns: 500 },
    );
  });

  it("returns when the version is set back in the middle, through the stages of the program", () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 40 }), (given, reached) => {
        const { one, two, world, full, check } = begin(given);
        const plan = cnfRule.plan(two, world.inventory());
        playStages(world, two.cnf, plan.stages, { after: reached, part: 0.6 }, given.ready, check);
        const campaign = { from: ref(one.cnf), to: ref(two.cnf) };
        for (const cut of [...given.cuts, undefined]) {
          const back = cnfRule.plan(one, world.inventory(), campaign);
          assert.equal(back.intent, "return");
          assert.deepEqual(
            back.stages.map((item) => item.name),
            cnfRule.stages(one),
          );
          if (playStages(world, one.cnf, back.stages, cut, given.ready, () => {}) === "done") break;
        }
        isAt(world, one, full);
        const after = cnfRule.plan(one, world.inventory(), campaign);
        assert.ok(after.stages.every((item) => item.skipped !== undefined));
      }),
      { numRuns: 300 },
    );
  });

  it("converges from any numbers, whoever set them", () => {
    const number = fc.integer({ min: 0, max: 14 });
    fc.assert(
      fc.property(
        cases,
        fc.record({
          old: number,
          new: number,
          oldReady: number,
          newReady: number,
          ratio: fc.nat({ max: 100 }),
        }),
        (given, state) => {
          const { one, two, world, full } = begin({ ...given, autoscaled: false });
          world.create(two.cnf, 0);
          world.split = { ...world.split, right: domain(two.cnf), ratio: state.ratio };
          for (const [name, item] of world.workloads) {
            if (
              one.cnf.components.some((same) =>
                two.cnf.components.some((own) => own.workload === same.workload && own.workload === name),
              )
            )
              continue;
            const mine = two.cnf.components.some((component) => component.workload === name);
            item.replicas = mine ? state.new : state.old;
            item.ready = Math.min(item.replicas, mine ? state.newReady : state.oldReady);
          }
          const copy = structuredClone(world);
          Object.setPrototypeOf(copy, World.prototype);
          const campaign = { from: ref(one.cnf), to: ref(two.cnf) };
          playStages(
            world,
            two.cnf,
            cnfRule.plan(two, world.inventory(), campaign).stages,
            undefined,
            1,
            () => {},
          );
          for (const { workload, name } of two.cnf.components)
            assert.equal(world.serving(workload), full(name));
          assert.deepEqual(world.split.left, domain(two.cnf));
          for (const step of cnfRule.recover(two, copy.inventory(), ref(one.cnf), given.recoverSurge))
            copy.play(step);
          assert.deepEqual(copy.split.left, domain(one.cnf));
          assert.equal(copy.split.right, undefined);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("installs, killed anywhere, and takes a failed first version away", () => {
    fc.assert(
      fc.property(cases, fc.boolean(), (given, fails) => {
        const { one, full } = begin(given);
        const world = new World();
        let open = false;
        for (const cut of [...given.cuts, undefined]) {
          const plan = cnfRule.plan(one, world.inventory(), open ? { to: ref(one.cnf) } : undefined);
          assert.equal(plan.intent, "install");
          assert.deepEqual(plan.problems, []);
          open = true;
          if (playStages(world, one.cnf, plan.stages, cut, given.ready, () => {}) === "done" || fails) break;
        }
        if (!fails) {
          isAt(world, one, full);
          assert.equal(cnfRule.plan(one, world.inventory()).intent, "none");
          return;
        }
        for (const step of cnfRule.recover(one, world.inventory(), undefined, "all")) world.play(step);
        assert.equal(world.split.left, undefined);
        for (const item of world.workloads.values()) assert.equal(item.replicas, 0);
        assert.deepEqual(cnfRule.recover(one, world.inventory(), undefined, "all"), []);
      }),
      { numRuns: 400 },
    );
  });
});

describe("plan of a network function", () => {
  const setUp = (raw: UpgradePolicy = {}, components = gsu()) => {
    const policy = policyOf(raw);
    const one: CnfPlanSpec = { cnf: specOf("1.0.0", components), policy };
    const two: CnfPlanSpec = { cnf: specOf("1.1.0", components), policy };
    return { one, two, world: World.serving(one.cnf) };
  };

  it("goes through smallest set, dial test and ratios to promotion", () => {
    const { two, world } = setUp({
      gray: { ratios: [1, 50], soak: "30s" },
      dialTest: { subscribers: ["imsi-1", "imsi-2"] },
      gates: [{ kpi: "registration-success", atLeast: 99.5 }],
      snapshot: "once",
    });
    const plan = cnfRule.plan(two, world.inventory());
    assert.equal(plan.intent, "upgrade");
    assert.deepEqual(plan.problems, []);
    assert.deepEqual(
      plan.stages.map((item) => item.name),
      [
        "preflight",
        "snapshot",
        "minimal",
        "dial-test",
        "gray-1",
        "gray-50",
        "gray-100",
        "post-test",
        "finalize",
      ],
    );
    assert.deepEqual(verbs(plan, "snapshot"), ["snapshot"]);
    assert.deepEqual(verbs(plan, "minimal"), ["split", "scale"]);
    assert.deepEqual(verbs(plan, "dial-test"), ["split", "dial-test"]);
    assert.deepEqual(verbs(plan, "gray-1"), ["split"]);
    assert.equal(stage(plan, "gray-1").soakMs, 30_000);
    assert.equal(stage(plan, "gray-50").gates.length, 1);
    const scaled = stage(plan, "gray-50").steps.filter((step) => step.action === "scale");
    assert.deepEqual(
      scaled.map((step) => step.args.replicas),
      [7, 2, 6, 3, 5, 4, 4],
      "one at a time with a surge of one: old makes room as soon as its subscribers have moved",
    );
    assert.equal(stage(plan, "gray-50").steps.at(-2)?.args.ratio, 50);
    assert.deepEqual(verbs(plan, "finalize"), ["split"]);
  });

  it("takes larger steps when the load allows it, and the step set by hand", () => {
    const { one, two, world } = setUp({ disruptionBudget: { maxUnavailable: 2 } });
    const workload = one.cnf.components[0]?.workload as string;
    const boots = (load: { [name: string]: number }) => {
      const steps = cnfRule.plan(two, { ...world.inventory(), load }).stages.flatMap((item) => item.steps);
      return steps.filter((step) => step.action === "scale" && !step.object.endsWith(workload)).length;
    };
    assert.ok(boots({ [workload]: 0.3 }) < boots({}), "3 at a time instead of 1");
    assert.equal(boots({ [workload]: 0.7 }), boots({}), "6 of 8 would be above 80 %");
    const byHand = setUp({ surge: 3, gray: { step: 1 } });
    const freely = setUp({ surge: 3 });
    const count = ({ two: spec, world: at }: typeof byHand) =>
      cnfRule.plan(spec, at.inventory()).stages.flatMap((item) => item.steps).length;
    assert.ok(count(byHand) > count(freely));
  });

  it("touches only components that changed", () => {
    const { two, world } = setUp({}, [...gsu(), { name: "lbu", replicas: 3, change: "same" }]);
    const steps = cnfRule.plan(two, world.inventory()).stages.flatMap((item) => item.steps);
    assert.ok(
      steps.every(
        (step) => step.action === "split" || step.action === "snapshot" || !step.object.includes("lbu"),
      ),
    );
  });

  it("holds at a ratio, and does not watch it again once it is held", () => {
    const { one, two, world } = setUp({ gray: { ratios: [50], holdAt: 50 } });
    const plan = cnfRule.plan(two, world.inventory());
    assert.equal(stage(plan, "gray-50").holds, true);
    assert.equal(stage(plan, "finalize").skipped, "held at 50 %");
    playStages(world, two.cnf, plan.stages, undefined, 1, () => {});
    assert.equal(world.split.ratio, 50);
    const campaign = { from: ref(one.cnf), to: ref(two.cnf) };
    assert.equal(stage(cnfRule.plan(two, world.inventory(), campaign), "gray-50").soakMs, 900_000);
    const passed = ["dial-test", "gray-50"];
    const held = cnfRule.plan(two, world.inventory(), { ...campaign, passed });
    assert.ok(held.stages.every((item) => item.skipped !== undefined));
    const workload = two.cnf.components[0]?.workload ?? "";
    world.get(workload).ready -= 1;
    const { steps } = stage(cnfRule.plan(two, world.inventory(), { ...campaign, passed }), "gray-50");
    assert.deepEqual(
      steps.map(({ action, waits, object }) => [action, waits, object]),
      [["scale", true, `deployment/${workload}`]],
      "an instance that is missing for a moment: no more than a wait, and no snapshot of it",
    );
    world.get(workload).ready += 1;
    const on = { ...two, policy: policyOf({ gray: { ratios: [50, 100] } }) };
    const goesOn = cnfRule.plan(on, world.inventory(), { ...campaign, passed });
    assert.equal(stage(goesOn, "gray-50").skipped, "already at 50 %");
    assert.ok(stage(goesOn, "gray-100").steps.length > 0);
  });

  it("held at a lower ratio: only those between the two go back, and nothing is watched", () => {
    const { one, two, world } = setUp({ gray: { ratios: [50], holdAt: 50 } });
    playStages(world, two.cnf, cnfRule.plan(two, world.inventory()).stages, undefined, 1, () => {});
    const lower = { ...two, policy: policyOf({ gray: { ratios: [20, 50], holdAt: 20 } }) };
    const campaign = { from: ref(one.cnf), to: ref(two.cnf), passed: ["dial-test", "gray-50"] };
    const plan = cnfRule.plan(lower, world.inventory(), campaign);
    const { steps, soakMs, gates, holds } = stage(plan, "gray-20");
    assert.deepEqual([soakMs, gates.length, holds], [0, 0, true]);
    for (const step of steps.filter((item) => item.action === "split")) {
      assert.ok(Number(step.args.ratio) >= 20 && Number(step.args.ratio) < 50, step.summary);
    }
    playStages(world, two.cnf, plan.stages, undefined, 1, () => {});
    assert.equal(world.split.ratio, 20);
    const again = cnfRule.plan(lower, world.inventory(), {
      ...campaign,
      passed: ["dial-test", "gray-50", "gray-20"],
    });
    assert.ok(again.stages.every((item) => item.skipped !== undefined));
  });

  it("refuses a third version in the middle, and names the way out", () => {
    const { one, two, world } = setUp();
    playStages(
      world,
      two.cnf,
      cnfRule.plan(two, world.inventory()).stages,
      { after: 6, part: 0 },
      1,
      () => {},
    );
    const three = { ...two, cnf: specOf("1.2.0", gsu()) };
    for (const campaign of [{ from: ref(one.cnf), to: ref(two.cnf) }, undefined]) {
      const { problems, stages } = cnfRule.plan(three, world.inventory(), campaign);
      assert.equal(problems.length, 1);
      assert.match(problems[0]?.message ?? "", /1\.1\.0.*1\.2\.0.*set the version back to 1\.0\.0/);
      assert.ok(stages.every((item) => item.steps.length === 0));
    }
    assert.equal(cnfRule.plan(one, world.inventory()).intent, "return", "also without a journal");
  });

  it("tells downgrade, adjustment and content change apart", () => {
    const { one, two, world } = setUp();
    const old = { ...two, cnf: specOf("0.9.0", gsu()) };
    const down = cnfRule.plan(old, world.inventory());
    assert.equal(down.intent, "downgrade");
    assert.match(down.warnings.join(), /0\.9\.0/);
    const more = { ...one, cnf: specOf("1.0.0", gsu(10)) };
    const adjust = cnfRule.plan(more, world.inventory());
    assert.equal(adjust.intent, "adjust");
    assert.deepEqual(
      adjust.stages.filter((item) => item.steps.length > 0).map((item) => item.name),
      ["finalize"],
    );
    const scaled = World.serving(one.cnf, true);
    assert.equal(cnfRule.plan(more, scaled.inventory()).intent, "none", "an autoscaler owns the number");
    assert.equal(cnfRule.plan(one, world.inventory()).intent, "none");
    // Replicas and version in one go, either way.
    for (const replicas of [3, 12]) {
      const both = { ...two, cnf: specOf("1.1.0", gsu(replicas)) };
      const at = World.serving(one.cnf);
      playStages(at, both.cnf, cnfRule.plan(both, at.inventory()).stages, undefined, 1, () => {});
      isAt(at, both, () => replicas);
    }
  });

  it("follows the autoscaler's number and gives it the new workload", () => {
    const { one, two } = setUp();
    const world = World.serving(one.cnf, true);
    const old = one.cnf.components[0]?.workload as string;
    world.get(old).replicas = 5;
    world.get(old).ready = 5;
    const plan = cnfRule.plan(two, world.inventory());
    assert.match(plan.warnings.join(), /autoscaler gsu owns .* 5 now/);
    playStages(world, two.cnf, plan.stages, undefined, 1, () => {});
    isAt(world, two, () => 5);
  });

  it("finds every obstacle at preflight in one go", () => {
    const { two, world } = setUp({
      gray: { ratios: [1, 100], soak: "10s" },
      gates: [
        { kpi: "registration-success", atLeast: 99, minSamples: 500 },
        { kpi: "no-such-success", atLeast: 99 },
      ],
    });
    const spec = { ...two, cnf: { ...two.cnf, kubernetes: ">=1.35" } };
    const at = world.inventory();
    const sick = {
      ...at,
      workloads: at.workloads.map((one) => ({ ...one, ready: 7 })),
      spareInstances: 0,
    };
    const { problems } = cnfRule.plan(spec, sick);
    assert.deepEqual(
      problems.map((problem) => problem.path),
      ["kubernetes", "components[0]", "upgrade.surge", "upgrade.gates[0].minSamples", "upgrade.gates[1].kpi"],
    );
    const message = (path: string) => problems.find((problem) => problem.path === path)?.message ?? "";
    assert.match(
      message("upgrade.gates[0].minSamples"),
      /gray-1: .*about 100 samples.*500 are needed.*at least 50s.*at most 100/,
    );
    assert.match(message("upgrade.gates[1].kpi"), /registration-success/);
    assert.match(message("kubernetes"), />=1\.35.*1\.34\.2/);
  });

  it("finds gates on queries that no stage could judge", () => {
    const query = { kpi: "latency", query: 'avg(x{side="$' + '{side}"})' };
    const monitoring = { prometheus: { url: "https://prometheus.example" } };
    const { two, world } = setUp({
      monitoring,
      gray: { ratios: [100], soak: "30s" },
      gates: [
        { ...query, atMost: 5 },
        { ...query, kpi: "load", compare: { effect: 1 } },
        { kpi: "no-such-success", source: "prometheus", atLeast: 99 },
        { ...query, kpi: "often", atMost: 5, every: "20s" },
      ],
    });
    const { problems, stages } = cnfRule.plan(two, world.inventory());
    const found = new Map(problems.map(({ path, message }) => [path, message]));
    assert.deepEqual(
      [...found.keys()],
      ["upgrade.gates[1].compare", "upgrade.gates[1].minSamples", "upgrade.gates[3].minSamples"],
    );
    assert.match(found.get("upgrade.gates[1].compare") ?? "", /Add one to gray\.ratios/);
    assert.match(
      found.get("upgrade.gates[3].minSamples") ?? "",
      /gray-100: .* a soak of 30 s brings 2 readings of often; 3 are needed\. Set gray\.soak to at least 40s/,
    );
    assert.equal(stages.find(({ name }) => name === "gray-100")?.alone, true);
  });

  describe("protection of what serves", () => {
    const protectedBy = (by: "campaign" | "administrator" | "nobody", mayInstall = true) => ({
      by,
      ...(by === "nobody" ? { mayInstall } : { policy: "issu.core.amf" }),
    });

    it("comes before anything is touched, and right after what serves first", () => {
      const { one, two, world } = setUp();
      for (const by of ["campaign", "administrator", "nobody"] as const) {
        const plan = cnfRule.plan(two, { ...world.inventory(), protection: protectedBy(by) });
        assert.deepEqual(plan.problems, []);
        assert.deepEqual(verbs(plan, "snapshot"), ["protect", "snapshot"]);
      }
      const first = cnfRule.plan(one, { ...new World().inventory(), protection: protectedBy("nobody") });
      assert.deepEqual(verbs(first, "minimal"), ["scale", "split", "protect"]);
    });

    it("is mended where it is gone, and nothing is to be done where it is there", () => {
      const { one, world } = setUp();
      const plan = (by: "campaign" | "nobody", policy = one.policy) =>
        cnfRule.plan({ ...one, policy }, { ...world.inventory(), protection: protectedBy(by) });
      assert.equal(plan("campaign").intent, "none");
      assert.deepEqual(verbs(plan("nobody"), "finalize"), ["protect"]);
      const without = policyOf({ protect: false });
      assert.equal(plan("nobody", without).intent, "none");
      assert.deepEqual(verbs(plan("campaign", without), "finalize"), ["unprotect"]);
    });

    it("goes with the service, and last", () => {
      const { one, world } = setUp();
      const at = { ...world.inventory(), protection: protectedBy("campaign") };
      const steps = cnfRule.recover(one, at, undefined, "all");
      assert.deepEqual(
        steps.map((step) => step.action),
        ["split", "scale", "unprotect"],
      );
    });

    it("that nobody gives and we may not install is refused, with rights that are missing, in one go", () => {
      const { two, world } = setUp();
      const at = {
        ...world.inventory(),
        protection: protectedBy("nobody", false),
        missingRights: ["patch pods", "create secrets"],
      };
      const { problems } = cnfRule.plan(two, at);
      assert.deepEqual(
        problems.map(({ path }) => path),
        ["kubeconfig", "upgrade.protect"],
      );
      assert.match(
        problems[0]?.message ?? "",
        /namespace core: patch pods, create secrets\. .*docs\/rbac\.yaml/,
      );
      assert.match(problems[1]?.message ?? "", /issu protection core \| kubectl apply/);
    });
  });

  it("asks for a split when something serves without one", () => {
    const { two, world } = setUp();
    const { split: _, ...without } = world.inventory();
    const { problems } = cnfRule.plan(two, without);
    assert.match(problems[0]?.message ?? "", /SubscriberSplit core\/amf/);
  });

  it("reads well in 100 columns", () => {
    const { two, world } = setUp({
      dialTest: { subscribers: ["imsi-1", "imsi-2"] },
      gates: [{ kpi: "registration-success", atLeast: 99.5, maxDrop: 0.5 }],
    });
    const plan = cnfRule.plan(two, world.inventory());
    for (const line of describePlan(plan)) assert.ok(line.length <= 100, `${line.length}: ${line}`);
    const lines = describeStage(stage(plan, "gray-50")).join("\n");
    assert.match(lines, /expected 16 m 4\d s/);
    assert.match(lines, /soak 15 m/);
    assert.match(lines, /gate registration-success: at least 99.5 %/);
    assert.match(lines, /coordination \(steps [\d, ]+\): subscribers move/);
    assert.doesNotMatch(
      describePlan(plan).join(),
      /imsi-1/,
      "identities stay out of what is stored and shown",
    );
  });
});
