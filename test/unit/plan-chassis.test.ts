import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChassisInventory, NodeName } from "#sdk/contract/chassis-inventory.js";
import { CHASSIS_STAGES, chassisRule } from "#sdk/plan/chassis.js";
import { PHASES, type Phase } from "#sdk/plan/chassis-steps.js";
import { describePlan } from "#sdk/plan/describe.js";
import type { InCampaign, Plan, Step } from "#sdk/plan/plan.js";
import { Stopped, specOf, World, type WorldGroup, withNode } from "./chassis-world.ts";

const GROUPS: readonly WorldGroup[] = [
  { id: 0, primary: "node0", manual: undefined },
  { id: 1, primary: "node0", manual: undefined },
  { id: 2, primary: "node1", manual: undefined },
];
const OLD = "21.2R3-S4.9";
const NEW = "21.4R3-S5";

const stepsOf = (plan: Plan): Step[] => plan.stages.flatMap(({ steps }) => [...steps]);
const verbs = (plan: Plan, stage: string) =>
  plan.stages.find(({ name }) => name === stage)?.steps.map(({ action }) => action) ?? [];

/** As the journal gives it back. */
const underway = (plan: Plan, passed: readonly string[] = []): InCampaign => ({
  ...(plan.from ? { from: plan.from } : {}),
  to: plan.to,
  passed,
  ...(plan.before === undefined ? {} : { before: plan.before }),
});

const play = (world: World, steps: readonly Step[]) => {
  for (const step of steps) world.perform(step);
};

describe("the plan of a chassis", () => {
  it("is the device's own order: gathered by it from 12.1 on, by us up to 11.4 (CHA-3)", () => {
    const now = chassisRule.plan(specOf(NEW), new World(OLD, GROUPS).inventory());
    assert.equal(now.intent, "upgrade");
    assert.deepEqual(now.problems, []);
    assert.deepEqual(
      now.stages.map(({ name }) => name),
      [...CHASSIS_STAGES],
    );
    assert.deepEqual(verbs(now, "redundancy-groups"), ["start", "follow"]);
    assert.deepEqual(verbs(now, "validate"), ["follow"]);
    assert.deepEqual(verbs(now, "fpcs"), ["follow", "follow"]);
    const old = chassisRule.plan(specOf("12.1X46-D10"), new World("11.4R7.5", GROUPS).inventory());
    assert.deepEqual(verbs(old, "redundancy-groups"), ["gather"]);
    assert.deepEqual(verbs(old, "validate"), ["start", "follow"]);
  });

  it("says in lines of 100 columns what happens, how long it takes, who takes part", () => {
    const lines = describePlan(chassisRule.plan(specOf(NEW), new World(OLD, GROUPS).inventory()));
    assert.ok(lines.every((line) => line.length <= 104));
    assert.match(lines[0] ?? "", /upgrade 21\.2R3-S4\.9 → 21\.4R3-S5, expected \d+ m/);
    assert.ok(lines.some((line) => /coordination .*routing peers see the other node/.test(line)));
  });

  it("is empty where both nodes run what is wanted, whatever their build, or a node is away that did", () => {
    const world = new World("21.4R3-S5.4", GROUPS);
    const plan = chassisRule.plan(specOf(NEW), world.inventory());
    assert.equal(plan.intent, "none");
    assert.deepEqual(stepsOf(plan), []);
    const { version, ...rest } = world.inventory().nodes[1];
    const away = {
      ...world.inventory(),
      nodes: [world.inventory().nodes[0], { ...rest, unreachable: "gone" }],
    };
    assert.equal(chassisRule.plan(specOf(NEW), away as unknown as ChassisInventory).intent, "none", version);
  });

  it("waits for groups in secondary-hold rather than refuse", () => {
    const inventory = new World(OLD, GROUPS).inventory();
    const held = structuredClone(inventory) as ChassisInventory;
    Object.assign(held.groups[0]?.members.node1 as object, { status: "secondary-hold" });
    const plan = chassisRule.plan(specOf(NEW), held);
    assert.deepEqual(plan.problems, []);
    assert.deepEqual(verbs(plan, "preflight"), ["wait-hold"]);
  });

  it("warns of PICs, protocols and alarms, and forbids nothing for it (CHA-6)", () => {
    const inventory = withNode(
      { ...new World(OLD, GROUPS).inventory(), protocols: ["ospf", "pim"] },
      "node1",
      {
        alarms: ["Minor Rescue configuration is not set"],
      },
    );
    const unsupported = { pics: ["10x10ge"], protocols: ["pim"] };
    const plan = chassisRule.plan(specOf(NEW, { unsupported }), inventory);
    assert.deepEqual(plan.problems, []);
    const said = plan.warnings.join("\n");
    assert.match(
      said,
      /FPC 0 PIC 0 \(10x10GE\) of node0 and FPC 0 PIC 0 \(10x10GE\) of node1 can't be upgraded in service/,
    );
    assert.match(said, /pim can't be upgraded in service/);
    assert.doesNotMatch(said, /ospf/);
    assert.match(said, /node1: Minor Rescue configuration is not set/);
  });

  describe("refuses, with what was got and how to mend it,", () => {
    const refusals: { [what: string]: [(all: ChassisInventory) => ChassisInventory, RegExp, object?] } = {
      "a start from the secondary": [
        (all) => all,
        /upgrade\.startFrom: Got node1\. Expected node0: it is RG-0's primary.*fail RG-0 over to node1 first\./,
        { startFrom: "node1" },
      ],
      "a full /var": [
        (all) => withNode(all, "node1", { varFreeBytes: 5e7 }),
        /nodes\[1\]: Got 50 MB free in \/var of node1\. Expected 100 MB for the image of 100 MB\. Make room/,
      ],
      "a lost peer": [
        (all) => withNode(all, "node1", { unreachable: "connection refused" }),
        /nodes\[1\]: Got node1 can't be asked: connection refused\. Expected both nodes/,
      ],
      "a peer that the other has lost": [
        (all) => withMember(all, 1, "node1", { status: "lost", priority: 0 }),
        /Got RG-1: node1 is lost\. Expected a primary and a secondary/,
      ],
      "cold sync that fails": [
        (all) => withMember(all, 1, "node1", { priority: 0, failures: ["CS"] }),
        /Got RG-1: cold sync fails on node1, priority 0 \(CS\)\. Expected sessions in step/,
      ],
      "no cluster": [
        (all) => ({ ...all, unclustered: "Chassis cluster is not enabled." }),
        /Got The device says: Chassis cluster is not enabled\..*Expected two nodes that form a chassis cluster/,
      ],
      "exchanged addresses": [
        (all) => withNode(all, "node0", { claims: "node1" }),
        /nodes\[0\]: Got the address of node1\. Expected that of node0\. Exchange the two entries/,
      ],
      "an upgrade that somebody else has begun": [
        (all) => ({ ...all, upgrading: true }),
        /an in-service upgrade is under way on the device that no campaign of this journal began/,
      ],
      "a release without in-service upgrades": [
        (all) => withNode(withNode(all, "node0", { version: "10.2R4" }), "node1", { version: "10.2R4" }),
        /Got 10\.2R4, which runs\. Expected 10\.4R4 or later/,
      ],
    };
    for (const [what, [change, message, upgrade]] of Object.entries(refusals)) {
      it(what, () => {
        const plan = chassisRule.plan(specOf(NEW, upgrade), change(new World(OLD, GROUPS).inventory()));
        assert.equal(plan.intent, "upgrade");
        assert.match(plan.problems.map((one) => `${one.path}: ${one.message}`).join("\n"), message);
      });
    }

    it("an earlier release that the nodes have not run before (CHA-1)", () => {
      const world = new World("21.4R3-S5.4", GROUPS);
      Object.assign(world.previous, { node0: "21.2R3-S4.9", node1: "21.2R3-S4.9" });
      const plan = chassisRule.plan(specOf("20.2R3"), world.inventory());
      assert.match(
        plan.problems[0]?.message ?? "",
        /Expected a later release, .* or 21\.2R3-S4\.9, which node0 can roll back to/,
      );
    });

    it("mixed versions that no campaign made", () => {
      const world = new World(OLD, GROUPS);
      world.versions.node1 = "21.4R3-S5.4";
      const plan = chassisRule.plan(specOf("22.2R1"), world.inventory());
      assert.match(
        plan.problems[0]?.message ?? "",
        /Got mixed versions \(node0 21\.2R3-S4\.9, node1 21\.4R3-S5\.4\)/,
      );
    });

    it("another release while a campaign is open", () => {
      const world = new World(OLD, GROUPS);
      const open = underway(chassisRule.plan(specOf(NEW), world.inventory()));
      const plan = chassisRule.plan(specOf("22.2R1"), world.inventory(), open);
      assert.match(
        plan.problems[0]?.message ?? "",
        /A campaign to 21\.4R3-S5 is open, and 22\.2R1 is asked for/,
      );
    });
  });
});

function withMember(all: ChassisInventory, group: number, node: NodeName, more: object): ChassisInventory {
  const changed = structuredClone(all) as ChassisInventory;
  Object.assign(changed.groups.find(({ id }) => id === group)?.members[node] as object, more);
  return changed;
}

describe("any campaign of a chassis", () => {
  const node = fc.constantFrom<NodeName>("node0", "node1");
  const cases = fc.record({
    groups: fc
      .array(fc.record({ primary: node, manual: fc.boolean() }), { minLength: 2, maxLength: 5 })
      .map((all) =>
        all.map(
          ({ primary, manual }, id): WorldGroup => ({ id, primary, manual: manual ? primary : undefined }),
        ),
      ),
    from: fc.constantFrom("11.4R7.5", "12.1X46-D10.2", "21.2R3-S4.9"),
    cut: fc.nat({ max: 20 }),
    /** How far the device goes on while nobody looks; or somebody aborts it. */
    meanwhile: fc.constantFrom<Phase | "aborted" | "nothing">("aborted", "nothing", ...PHASES),
  });

  /** Plays the way there up to a cut. @returns the plan, and what a journal would say. */
  function begin({ groups, from, cut, meanwhile }: typeof cases extends fc.Arbitrary<infer T> ? T : never) {
    const world = new World(from, groups);
    const before = world.before();
    const plan = chassisRule.plan(specOf(NEW), world.inventory());
    assert.deepEqual(plan.problems, []);
    const passed: string[] = [];
    let left = cut;
    for (const stage of plan.stages) {
      const now = stage.steps.slice(0, left);
      play(world, now);
      left -= now.length;
      if (now.length < stage.steps.length) break;
      passed.push(stage.name);
    }
    if (meanwhile === "aborted") world.issu = undefined;
    else if (meanwhile !== "nothing") world.goOn(meanwhile);
    return { world, before, plan, open: underway(plan, passed) };
  }

  it("that is taken back ends with both nodes on the release before, its groups as they were", () => {
    fc.assert(
      fc.property(cases, (one) => {
        const { world, before, plan } = begin(one);
        play(world, chassisRule.recover(specOf(NEW), world.inventory(), plan.from, 0, plan.before));
        assert.deepEqual(world.versions, { node0: one.from, node1: one.from });
        assert.deepEqual(world.before(), before);
        assert.equal(chassisRule.plan(specOf(one.from), world.inventory()).intent, "none");
      }),
    );
  });

  it("whose goal is set back returns in its first stage, killed on the way or not", () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 12 }), (one, second) => {
        const { world, before, open } = begin(one);
        // With its build or without.
        const goal = specOf(second % 2 === 0 ? one.from : one.from.replace(/\.\d+$/, ""));
        const plan = chassisRule.plan(goal, world.inventory(), open);
        assert.equal(plan.intent, "return");
        assert.deepEqual(
          plan.stages.filter(({ steps }) => steps.length > 0).map(({ name }) => name),
          ["preflight"],
        );
        play(world, stepsOf(plan).slice(0, second));
        play(world, stepsOf(chassisRule.plan(goal, world.inventory(), open)));
        assert.deepEqual(world.versions, { node0: one.from, node1: one.from });
        assert.deepEqual(world.before(), before);
      }),
    );
  });

  it("that was killed goes on to its end, or finds that the device has stopped and goes back", () => {
    let ended = 0;
    let back = 0;
    fc.assert(
      fc.property(cases, (one) => {
        const { world, before, plan, open } = begin(one);
        const again = chassisRule.plan(specOf(NEW), world.inventory(), open);
        assert.deepEqual(again.problems, []);
        try {
          play(world, stepsOf(again));
          assert.deepEqual(world.versions, { node0: NEW, node1: NEW });
          assert.deepEqual(world.rebooted, []);
          ended += 1;
        } catch (error) {
          if (!(error instanceof Stopped)) throw error;
          play(world, chassisRule.recover(specOf(NEW), world.inventory(), plan.from, 0, open.before));
          assert.deepEqual(world.versions, { node0: one.from, node1: one.from });
          back += 1;
        }
        assert.deepEqual(world.before(), before);
      }),
      // Few of them find the device stopped; so many that there is one.
      { numRuns: 500 },
    );
    assert.ok(ended > 0 && back > 0, `${ended} ended, ${back} went back`);
  });

  it("that was completed can be gone back from, one node after the other", () => {
    fc.assert(
      fc.property(cases, fc.nat({ max: 8 }), (one, cut) => {
        const { world, before } = begin({ ...one, cut: 100, meanwhile: "nothing" });
        const goal = specOf(one.from.replace(/\.\d+$/, ""));
        const plan = chassisRule.plan(goal, world.inventory());
        assert.equal(plan.intent, "downgrade");
        assert.deepEqual(plan.problems, []);
        play(world, stepsOf(plan).slice(0, cut));
        play(world, stepsOf(chassisRule.plan(goal, world.inventory(), underway(plan))));
        assert.deepEqual(world.versions, { node0: one.from, node1: one.from });
        assert.deepEqual(world.before(), before);
        assert.equal(world.rebooted.length, 2);
      }),
    );
  });
});
