import assert from "node:assert/strict";
import fc from "fast-check";
import { type CaasPlanSpec, caasRule } from "#sdk/plan/caas.js";
import { describePlan } from "#sdk/plan/describe.js";
import type { InCampaign, Plan } from "#sdk/plan/plan.js";
import { checkCaas } from "#sdk/policy/caas.js";
import type { CaasDeclaration, NodePool } from "#sdk/policy/caas-spec.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";
import { CaasWorld, playCaas, RACK, type Workload } from "./caas-world.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const policy = resolvePolicy({}).policy as ResolvedPolicy;

function specOf(pool: Partial<NodePool> = {}, more: Partial<CaasDeclaration> = {}): CaasPlanSpec {
  const { problems, caas } = checkCaas({
    name: "edge",
    namespace: "core",
    version: NEW,
    images: { [OLD]: { url: `https://images/${OLD}` }, [NEW]: { url: `https://images/${NEW}` } },
    pools: [{ name: "workers", selector: { role: "worker" }, ...pool }],
    ...more,
  });
  assert.deepEqual(problems, []);
  assert.ok(caas);
  return { caas, policy };
}

const inCampaign = (plan: Plan): InCampaign => ({ ...(plan.from ? { from: plan.from } : {}), to: plan.to });
const verbs = (plan: Plan) => plan.stages.flatMap(({ steps }) => steps.map(({ action }) => action));
const messages = (plan: Plan) => plan.problems.map(({ path, message }) => `${path}: ${message}`).join("\n");

const small = (workloads: readonly Workload[] = [], more: object = {}) =>
  new CaasWorld({ nodes: 4, spares: 1, cpu: 8, version: OLD, workloads, ...more });

const web: Workload = { name: "web", replicas: 6, cpu: 1, minAvailable: 5 };

describe("plan of a CaaS cluster", () => {
  it("takes nodes in waves, each cordoned, drained, re-imaged, verified and opened again", () => {
    const world = small([web]);
    const plan = caasRule.plan(specOf(), world.inventory());
    assert.deepEqual(plan.problems, []);
    assert.equal(plan.intent, "upgrade");
    assert.deepEqual(plan.from?.version, OLD);
    const wave = ["cordon", "drain", "boot", "verify", "uncordon"];
    assert.deepEqual(verbs(plan), [
      "snapshot",
      "join",
      ...wave,
      ...wave,
      ...wave,
      ...wave,
      "cordon",
      "drain",
      "leave",
      "settle",
    ]);
    assert.equal(playCaas(world, plan.stages, undefined), "done");
    assert.deepEqual(
      [...world.nodes.values()].map(({ version }) => version),
      [NEW, NEW, NEW, NEW],
    );
    const after = caasRule.plan(specOf(), world.inventory());
    assert.equal(after.intent, "none");
    assert.deepEqual(verbs(after), []);
    assert.ok(describePlan(plan).some((line) => /wave 1\/4: drain node-1/.test(line)));
  });

  it("replaces machine by machine where the strategy says so", () => {
    const world = small([web]);
    const spec = specOf({ strategy: "surge-and-replace" });
    const plan = caasRule.plan(spec, world.inventory());
    assert.deepEqual(plan.problems, []);
    playCaas(world, plan.stages, undefined);
    assert.equal(world.nodes.size, 4);
    assert.ok([...world.nodes.values()].every(({ version }) => version === NEW));
    assert.equal([...world.machines.values()].filter(({ power }) => power === "off").length, 1);
    assert.equal(caasRule.plan(spec, world.inventory()).intent, "none");
  });

  it("keeps the old pool, cordoned, until the soak of the new one has ended, where the strategy says so", () => {
    const world = small([web], { spares: 4 });
    const spec = specOf({ strategy: "blue-green", batch: { count: 2 } });
    const plan = caasRule.plan(spec, world.inventory());
    assert.deepEqual(plan.problems, []);
    assert.deepEqual(verbs(plan), [
      "snapshot",
      "join",
      "verify",
      ...["cordon", "drain", "cordon", "drain"],
      ...["verify", "leave", "settle"],
    ]);
    // Up to the last soak: nothing of the old pool is gone, and the way back is to open it.
    playCaas(world, plan.stages, { after: 6, part: 1 });
    assert.equal(world.nodes.size, 8);
    const back = caasRule.recover(spec, world.inventory(), plan.from, "all");
    assert.deepEqual(
      back.map(({ action }) => action),
      ["uncordon", "cordon", "drain", "leave", "settle"],
    );
    playCaas(world, caasRule.plan(spec, world.inventory(), inCampaign(plan)).stages, undefined);
    assert.equal(world.nodes.size, 4);
    assert.ok([...world.nodes.values()].every(({ version }) => version === NEW));
    assert.equal(caasRule.plan(spec, world.inventory()).intent, "none");
    const few = caasRule.plan(spec, small([web], { spares: 3 }).inventory());
    assert.match(
      messages(few),
      /pools\.workers\.strategy: Got "blue-green", and no spare machine .* is left for node-4\. .* 4 in all/,
    );
  });

  it("hands machines on from pool to pool, and takes them back from wherever it was cut", () => {
    const pools = [
      { name: "a", selector: { role: "worker" }, strategy: "surge-and-replace", spares: "workers" },
      { name: "b", selector: { role: "b" }, strategy: "blue-green", spares: "workers" },
    ] as const;
    const two = (spares: number) => {
      const world = small([web], { spares });
      for (const name of ["node-3", "node-4"]) (world.nodes.get(name)?.labels as { role: string }).role = "b";
      return world;
    };
    const spec = specOf({}, { pools });
    assert.match(
      messages(caasRule.plan(spec, two(1).inventory())),
      /pools\.b\.strategy: .* is left for node-4\./,
    );
    const rolesOf = (world: CaasWorld) => [...world.nodes.values()].map(({ labels }) => labels.role).sort();
    const steps = caasRule.plan(spec, two(2).inventory()).stages.flatMap((stage) => stage.steps).length;
    for (let after = 1; after <= steps; after++) {
      const world = two(2);
      const plan = caasRule.plan(spec, world.inventory());
      assert.deepEqual(plan.problems, []);
      playCaas(world, plan.stages, { after, part: 0.5 });
      const over = after === steps;
      const back = over ? [] : caasRule.recover(spec, world.inventory(), plan.from, "all");
      for (const step of back) {
        world.play(step);
        world.check();
      }
      assert.deepEqual(rolesOf(world), ["b", "b", "worker", "worker"]);
      assert.ok([...world.nodes.values()].every(({ version }) => version === (over ? NEW : OLD)));
    }
  });

  it("takes nothing away where the machine that was to take its place is gone", () => {
    const world = small([web]);
    const spec = specOf({ strategy: "surge-and-replace" });
    const plan = caasRule.plan(spec, world.inventory());
    world.machines.delete("spare-1");
    const on = caasRule.plan(spec, world.inventory(), inCampaign(plan));
    assert.deepEqual(verbs(on).slice(0, 4), ["snapshot", "join", "verify", "cordon"]);
    const [, join] = on.stages.flatMap(({ steps }) => steps);
    assert.equal((join?.args.machines as { machine: string }[] | undefined)?.[0]?.machine, "");
    assert.match(on.warnings.join(), /no spare machine is there/);
  });

  it("takes one failure domain after the other", () => {
    const world = new CaasWorld({ nodes: 12, spares: 2, cpu: 8, version: OLD, workloads: [web], racks: 3 });
    const plan = caasRule.plan(
      specOf({ surge: 2, maxUnavailable: 2, batch: { domain: RACK } }),
      world.inventory(),
    );
    const waves = plan.stages.flatMap(({ steps }) =>
      steps.filter(({ action }) => action === "boot").map(({ args }) => (args as { nodes: string[] }).nodes),
    );
    const racks = waves.map((nodes) => new Set(nodes.map((name) => world.nodes.get(name)?.labels[RACK])));
    assert.ok(racks.every((one) => one.size === 1));
    assert.equal(waves.length, 3);
  });

  it("names every blocker at once, with what would help", () => {
    const world = small([
      { name: "lone", replicas: 1, cpu: 1, minAvailable: 1 },
      { name: "pair", replicas: 2, cpu: 1, minAvailable: 2 },
      web,
    ]);
    const plan = caasRule.plan(specOf(), world.inventory());
    const text = messages(plan);
    assert.match(
      text,
      /pod core\/lone-0 on node-\d can't be drained \(budget core\/lone\): its budget \(minAvailable 1\) never lets/,
    );
    assert.match(text, /pod core\/pair-0 on node-\d, pod core\/pair-1 on node-\d can't be drained/);
    assert.match(text, /What would help: run 2 replicas/);
    assert.equal(plan.problems.length, 2);
  });

  it("refuses a surge without machines, and no surge without room", () => {
    const full = [{ name: "full", replicas: 32, cpu: 1, minAvailable: 30 }];
    const none = caasRule.plan(specOf(), small(full, { spares: 0 }).inventory());
    assert.match(
      messages(none),
      /pools\.workers\.surge: Got 1, and no spare machine is there with the asset tag "workers"/,
    );
    assert.match(messages(none), /no other node takes it \(3 insufficient cpu, 1 cordoned/);
    const in0 = caasRule.plan(
      specOf({ surge: 0, maxUnavailable: 1 }),
      small(full, { spares: 0 }).inventory(),
    );
    assert.match(
      messages(in0),
      /no other node takes it .*can't spare it until one does.*add a spare machine/,
    );
    const with1 = caasRule.plan(specOf(), small(full).inventory());
    assert.deepEqual(with1.problems, []);
  });

  it("counts what earlier waves used up", () => {
    // Apart on four nodes, one more than fits without the surge node.
    const world = small([{ name: "apart", replicas: 4, cpu: 1, apart: true, minAvailable: 4 }]);
    assert.match(messages(caasRule.plan(specOf(), world.inventory())), /never lets one of its 4 pods go/);
    const three = small([{ name: "apart", replicas: 4, cpu: 1, apart: true, minAvailable: 3 }]);
    const plan = caasRule.plan(specOf(), three.inventory());
    assert.deepEqual(plan.problems, []);
    playCaas(three, plan.stages, undefined);
    const tight = small([{ name: "apart", replicas: 4, cpu: 1, apart: true, minAvailable: 3 }], {
      spares: 0,
    });
    const waits = caasRule.plan(specOf({ surge: 0, maxUnavailable: 1 }), tight.inventory());
    assert.deepEqual(waits.problems, []);
    assert.match(waits.warnings.join(), /core\/apart-\d.* find no other node and wait for theirs/);
  });

  it("keeps kubelets no newer than the API server, and at most three minors older", () => {
    const world = small([web]);
    world.apiVersion = "1.33.6";
    assert.match(
      messages(caasRule.plan(specOf(), world.inventory())),
      /kubelets no newer than the API server/,
    );
    world.apiVersion = "1.38.0";
    assert.match(messages(caasRule.plan(specOf(), world.inventory())), /at most 3 minors older/);
  });

  it("refuses network functions that don't run on the release, or that are in a campaign", () => {
    const world = small([web]);
    world.cnfs = [
      { name: "core/amf", version: "1.1.0", kubernetes: ">=1.32 <1.34" },
      {
        name: "core/smf",
        version: "2.0.0",
        kubernetes: ">=1.32",
        campaign: "2.0.0 and 2.1.0 serve side by side",
      },
    ];
    const text = messages(caasRule.plan(specOf(), world.inventory()));
    assert.match(text, /core\/amf 1\.1\.0 runs on Kubernetes >=1\.32 <1\.34, and 1\.34\.2 is outside/);
    assert.match(text, /A campaign of core\/smf is open or held/);
  });

  it("refuses to begin outside the window, and rests there when it is under way", () => {
    const window = { from: "01:00", to: "05:00", timeZone: "Europe/Berlin" };
    const spec = specOf({}, { window });
    const world = small([web]);
    world.now = Date.UTC(2026, 10, 21, 12, 0);
    const refused = caasRule.plan(spec, world.inventory());
    assert.match(
      messages(refused),
      /window: It is Sat 2026-11-21 13:00 Europe\/Berlin, outside .* opens Sun 2026-11-22 01:00/,
    );
    const agreed = caasRule.plan(specOf({}, { window: { ...window, consent: "CHG-1" } }), world.inventory());
    assert.deepEqual(agreed.problems, []);
    world.now = Date.UTC(2026, 10, 21, 1, 0);
    const plan = caasRule.plan(spec, world.inventory());
    assert.deepEqual(plan.problems, []);
    // Cut off in the middle of a wave, then the window closes: the wave is finished, and no other begins.
    playCaas(world, plan.stages, { after: 3, part: 1 });
    world.now = Date.UTC(2026, 10, 21, 12, 0);
    const rest = caasRule.plan(spec, world.inventory(), inCampaign(plan));
    assert.deepEqual(verbs(rest), ["cordon", "drain", "boot", "verify", "uncordon"]);
    assert.ok(rest.stages.find(({ name }) => name === "pool-workers")?.holds);
    playCaas(world, rest.stages, undefined);
    const held = caasRule.plan(spec, world.inventory(), inCampaign(plan));
    assert.ok(held.stages.every(({ heldBack }) => heldBack));
    world.now = Date.UTC(2026, 10, 22, 1, 0);
    const on = caasRule.plan(spec, world.inventory(), inCampaign(plan));
    playCaas(world, on.stages, undefined);
    assert.equal(caasRule.plan(spec, world.inventory()).intent, "none");
  });

  it("with blue-green, rests with the old pool kept, drains what is in hand and takes nothing out", () => {
    const window = { from: "01:00", to: "05:00", timeZone: "Europe/Berlin" };
    const spec = specOf({ strategy: "blue-green" }, { window });
    const world = small([web], { spares: 4 });
    const plan = caasRule.plan(spec, world.inventory());
    // Cut off in the first wave's drain; then the window closes.
    playCaas(world, plan.stages, { after: 4, part: 0 });
    world.now = Date.UTC(2026, 10, 21, 12, 0);
    const rest = caasRule.plan(spec, world.inventory(), inCampaign(plan));
    assert.deepEqual(verbs(rest), ["cordon", "drain"]);
    playCaas(world, rest.stages, undefined);
    assert.equal(world.nodes.size, 8);
    world.now = Date.UTC(2026, 10, 22, 1, 0);
    playCaas(world, caasRule.plan(spec, world.inventory(), inCampaign(plan)).stages, undefined);
    assert.equal(world.nodes.size, 4);
    assert.equal(caasRule.plan(spec, world.inventory()).intent, "none");
  });

  it("goes back in reverse when the version is set back", () => {
    const world = small([web]);
    const plan = caasRule.plan(specOf(), world.inventory());
    playCaas(world, plan.stages, { after: 12, part: 1 });
    const back = caasRule.plan(specOf({}, { version: OLD }), world.inventory(), inCampaign(plan));
    assert.equal(back.intent, "return");
    const order = back.stages[0]?.steps.flatMap(({ action, args }) =>
      action === "boot" ? (args as { nodes: string[] }).nodes : [],
    );
    assert.deepEqual(order, ["node-2", "node-1"]);
    playCaas(world, back.stages, undefined);
    assert.ok([...world.nodes.values()].every(({ version }) => version === OLD));
    assert.equal(world.nodes.size, 4);
  });

  it("keeps budgets at every moment, and upgrades every node or says why not; cut anywhere, on or back", () => {
    fc.assert(
      fc.property(
        fc.record({
          nodes: fc.integer({ min: 2, max: 9 }),
          surge: fc.integer({ min: 0, max: 3 }),
          maxUnavailable: fc.integer({ min: 0, max: 2 }),
          replace: fc.constantFrom("", "surge-and-replace", "blue-green"),
          domain: fc.boolean(),
          workloads: fc.array(
            fc.record({
              replicas: fc.integer({ min: 1, max: 8 }),
              spare: fc.integer({ min: -1, max: 3 }),
              apart: fc.boolean(),
            }),
            { minLength: 1, maxLength: 4 },
          ),
          seed: fc.integer({ min: 1, max: 1e6 }),
          cuts: fc.array(
            fc.record({ after: fc.nat({ max: 12 }), part: fc.double({ min: 0, max: 0.99, noNaN: true }) }),
            { maxLength: 3 },
          ),
          back: fc.boolean(),
        }),
        (one) => {
          const replace = one.replace === "surge-and-replace" && one.surge === 0 ? "" : one.replace;
          const blueGreen = replace === "blue-green";
          const maxUnavailable = replace
            ? 0
            : one.surge === 0
              ? Math.max(1, one.maxUnavailable)
              : one.maxUnavailable;
          const workloads = one.workloads.map(
            ({ replicas, spare, apart }, i): Workload => ({
              name: `w${i}`,
              replicas: apart ? Math.min(replicas, one.nodes) : replicas,
              cpu: 1,
              apart,
              ...(spare < 0
                ? {}
                : { minAvailable: Math.max(0, (apart ? Math.min(replicas, one.nodes) : replicas) - spare) }),
            }),
          );
          const world = new CaasWorld({
            nodes: one.nodes,
            spares: blueGreen ? one.nodes : one.surge,
            cpu: 6,
            version: OLD,
            workloads,
            seed: one.seed,
            racks: 3,
          });
          if (world.pending.length > 0) return;
          const spec = specOf({
            ...(blueGreen ? {} : { surge: one.surge }),
            maxUnavailable,
            ...(replace === "" ? {} : { strategy: replace as "surge-and-replace" | "blue-green" }),
            ...(one.domain ? { batch: { domain: RACK } } : {}),
          });
          const first = caasRule.plan(spec, world.inventory());
          if (first.problems.length > 0) {
            assert.ok(first.problems.every(({ message }) => message.length > 20));
            return;
          }
          const campaign = inCampaign(first);
          let plan = first;
          let over = false;
          for (const cut of one.cuts) {
            over = playCaas(world, plan.stages, cut) === "done";
            if (over) break;
            plan = caasRule.plan(spec, world.inventory(), campaign);
          }
          if (one.back && !over) {
            for (const step of caasRule.recover(spec, world.inventory(), first.from, "all")) {
              world.play(step);
              world.check();
            }
            assert.ok([...world.nodes.values()].every(({ version }) => version === OLD));
            assert.deepEqual(caasRule.recover(spec, world.inventory(), first.from, "all"), []);
          } else {
            playCaas(world, caasRule.plan(spec, world.inventory(), campaign).stages, undefined);
            assert.ok([...world.nodes.values()].every(({ version }) => version === NEW));
            assert.equal(caasRule.plan(spec, world.inventory()).intent, "none");
          }
          assert.equal(world.nodes.size, one.nodes);
          assert.ok([...world.nodes.values()].every(({ cordoned, ready }) => ready && !cordoned));
          // Chance may have put others on the one node where a pod that stands apart from its like could be.
          assert.deepEqual(
            world.pending.filter(
              (pod) => !workloads.some(({ name, apart }) => apart && pod.startsWith(`${name}-`)),
            ),
            [],
          );
        },
      ),
      // Always the same worlds: in one of 100,000 the scheduler's dice put pods so that a drain waits until its limit.
      { numRuns: 2_000, seed: 20_261_122 },
    );
  });
});
