/** Active-standby and data-storage components: two halves, never the active, enough members in step (GRY-01, 04, 06, ESC-23). */
import assert from "node:assert/strict";
import { type CnfPlanSpec, cnfRule } from "#sdk/plan/cnf.js";
import { describePlan } from "#sdk/plan/describe.js";
import type { Plan } from "#sdk/plan/plan.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy, UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { playStages, specOf, World, type WorldComponent } from "./cnf-world.ts";

const CORE: readonly WorldComponent[] = [
  { name: "omu", replicas: 2, change: "changed", serviceType: "active-standby" },
  { name: "csdb", replicas: 4, change: "changed", serviceType: "data-storage" },
  { name: "gsu", replicas: 4, change: "changed" },
];

function setUp(raw: UpgradePolicy = {}, components = CORE, version = "1.1.0") {
  const { policy, problems } = resolvePolicy({ gray: { ratios: [50, 100], soak: "30s" }, ...raw });
  assert.deepEqual(problems, []);
  const one: CnfPlanSpec = { cnf: specOf("1.0.0", components), policy: policy as ResolvedPolicy };
  const two: CnfPlanSpec = { cnf: specOf(version, components), policy: policy as ResolvedPolicy };
  return { one, two, world: World.serving(one.cnf) };
}

/** Steps of a stage in short, e.g. `omu new 1`, `csdb active new`. */
function stepsOf(plan: Plan, name: string): string[] {
  const found = plan.stages.find((one) => one.name === name);
  assert.ok(found, name);
  const age = (text: string) => (/-1-0-0-/.test(text) ? "old" : "new");
  return found.steps.flatMap(({ action, object, args }) => {
    if (action === "snapshot" || action === "protect") return [];
    if (action === "split") return [`split ${args.ratio}`];
    if (action === "scale") return [`${/amf-([a-z]+)-/.exec(object)?.[1]} ${age(object)} ${args.replicas}`];
    if (action !== "group") return [action];
    const workloads = (args.workloads as string[]).map(age).join("+");
    return [
      `${args.component} ${workloads}${args.active === undefined ? "" : ` active ${age(String(args.active))}`} healing ${args.selfHealing}`,
    ];
  });
}

describe("plan of components that keep state in step", () => {
  it("goes by halves: members join and are in step before others leave, the active role moves after the last ratio", () => {
    const { two, world } = setUp();
    const plan = cnfRule.plan(two, world.inventory());
    assert.deepEqual(plan.problems, []);
    assert.deepEqual(
      plan.stages.map(({ name }) => name),
      [
        ...["preflight", "snapshot", "minimal", "gray-50", "gray-100"],
        ...["switchover", "other-halves", "finalize"],
      ],
    );
    assert.deepEqual(stepsOf(plan, "snapshot"), [
      "omu old active old healing suspended",
      "csdb old healing suspended",
    ]);
    assert.deepEqual(stepsOf(plan, "minimal"), [
      ...["omu old+new active old healing suspended", "omu new 1", "omu old 1"],
      // At most one of four is missing: three are in step at any moment.
      ...["csdb old+new healing suspended", "csdb new 1", "csdb old 2", "csdb new 2"],
      ...["split 0", "gsu new 1"],
    ]);
    assert.deepEqual(stepsOf(plan, "switchover"), ["omu old+new active new healing suspended"]);
    const watched = plan.stages.find(({ name }) => name === "switchover");
    assert.equal(watched?.soakMs, 30_000);
    assert.deepEqual(stepsOf(plan, "other-halves"), [
      ...["omu new 2", "omu old 0"],
      ...["csdb new 3", "csdb old 0", "csdb new 4"],
    ]);
    assert.deepEqual(stepsOf(plan, "finalize").slice(-2), [
      "omu new active new healing on",
      "csdb new healing on",
    ]);
    const text = describePlan(plan);
    assert.ok(text.some((line) => /switch omu over to 1\.1\.0/.test(line)));
    assert.ok(text.every((line) => line.length <= 100));
  });

  it("without surge the standby makes room, and no majority is given up", () => {
    const { two, world } = setUp({ surge: 0 });
    const plan = cnfRule.plan(two, world.inventory());
    assert.deepEqual(stepsOf(plan, "snapshot").slice(2), ["omu old 1", "csdb old 3", "gsu old 3"]);
    assert.deepEqual(stepsOf(plan, "minimal").slice(0, 3), [
      "omu old+new active old healing suspended",
      "omu new 1",
      "csdb old+new healing suspended",
    ]);
  });

  it("switches back when asked to, after both halves", () => {
    const { two, world } = setUp({ switchover: { back: true, soak: "5s" } });
    const plan = cnfRule.plan(two, world.inventory());
    const halves = plan.stages.find(({ name }) => name === "other-halves");
    const back = halves?.steps.find(({ args }) => args.youngest === true);
    assert.match(back?.summary ?? "", /switch omu back/);
    assert.equal(plan.stages.find(({ name }) => name === "switchover")?.soakMs, 5_000);
  });

  it("back after the switchover: state, subscribers, active role, data, self-healing, in that order", () => {
    const { one, two, world } = setUp();
    const plan = cnfRule.plan(two, world.inventory());
    const upTo = plan.stages.slice(0, 7);
    playStages(world, two.cnf, upTo, undefined, 1, () => {});
    const steps = cnfRule.recover(two, world.inventory(), { version: "1.0.0", release: one.cnf.release }, 1);
    const order = stepsOf({ stages: [{ name: "back", steps }] } as unknown as Plan, "back");
    const at = (text: string) => {
      const found = order.indexOf(text);
      assert.ok(found >= 0, `${text} not among ${order.join("; ")}`);
      return found;
    };
    assert.ok(at("omu old 1") < at("split 0"));
    assert.ok(at("split 0") < at("omu old+new active old healing suspended"));
    assert.ok(at("omu old+new active old healing suspended") < at("csdb old 4"));
    assert.ok(at("csdb old 4") < at("csdb old healing on"));
  });

  it("only what keeps state changed: nobody is moved, the groups go by halves all the same", () => {
    const components = CORE.map((one) => (one.name === "gsu" ? { ...one, change: "same" as const } : one));
    const { two, world } = setUp({ gates: [{ kpi: "registration-success", atLeast: 99 }] }, components);
    const plan = cnfRule.plan(two, world.inventory());
    assert.equal(
      plan.stages.find(({ name }) => name === "gray-50")?.skipped,
      "no load-sharing component changed",
    );
    assert.deepEqual(plan.stages.find(({ name }) => name === "switchover")?.gates, []);
    assert.deepEqual(stepsOf(plan, "switchover"), ["omu old+new active new healing suspended"]);
  });

  it("has no stages that it has no use for", () => {
    const { two } = setUp({}, [{ name: "gsu", replicas: 4, change: "changed" }]);
    assert.ok(!cnfRule.stages(two).includes("switchover") && !cnfRule.stages(two).includes("other-halves"));
    const data = setUp({}, CORE.slice(1));
    assert.ok(
      !cnfRule.stages(data.two).includes("switchover") && cnfRule.stages(data.two).includes("other-halves"),
    );
  });

  it("refuses every obstacle in one go: nothing reports, not in step, no active, another major, too few, a stage that isn't", () => {
    const messages = (plan: Plan) =>
      plan.problems.map(({ path, message }) => `${path}: ${message}`).join("\n");
    const { two, world } = setUp({ approvals: [{ before: "switchover", role: "omc" }] }, CORE, "2.0.0");
    const inventory = world.inventory();
    const [omu, csdb] = inventory.groups ?? [];
    assert.ok(omu?.reported && csdb?.reported);
    const { reported: _, ...silent } = csdb;
    const text = messages(
      cnfRule.plan(two, {
        ...inventory,
        groups: [
          {
            ...omu,
            reported: {
              inStep: { [omu.workloads[0] as string]: 1 },
              quorum: 1,
              troubles: ["omu-2: no link"],
            },
          },
          silent,
        ],
      }),
    );
    assert.match(text, /components\[0\]: 1 of 2 members of amf-omu.* are in step \(omu-2: no link\)/);
    assert.match(text, /components\[0\]: no member of omu is active/);
    assert.match(
      text,
      /components\[1\]: csdb is data-storage, and nothing reports on its redundancy group amf-csdb/,
    );
    assert.match(
      messages(cnfRule.plan(two, inventory)),
      /upgrade\.migrations\.csdb: csdb goes from 1\.0\.0 to 2\.0\.0/,
    );
    const migrated = setUp({ migrations: { csdb: "records-1-to-2" } }, CORE, "2.0.0");
    const supported = { ...migrated.two, cnf: { ...migrated.two.cnf, upgradesFrom: ">=1.0.0 <2.0.0" } };
    assert.deepEqual(cnfRule.plan(supported, migrated.world.inventory()).problems, []);
    const pair = setUp({ surge: 0 }, [
      { ...(CORE[1] as WorldComponent), replicas: 2 },
      CORE[2] as WorldComponent,
    ]);
    assert.match(
      messages(cnfRule.plan(pair.two, pair.world.inventory())),
      /csdb has 2 members, of which 2 must stay/,
    );
    const none = setUp({ approvals: [{ before: "switchover", role: "omc" }] }, CORE.slice(1));
    assert.match(
      messages(cnfRule.plan(none.two, none.world.inventory())),
      /approvals\[0\]\.before: amf has no active-standby/,
    );
  });
});
