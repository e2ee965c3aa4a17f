/** Requests by the weights of an HTTPRoute: what is declared, and what a plan says of it before anything is touched. */
import assert from "node:assert/strict";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import { cnfRule } from "#sdk/plan/cnf.js";
import { checkCnf } from "#sdk/policy/cnf.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy, UpgradePolicy } from "#sdk/policy/upgrade-policy.js";
import { specOf, World } from "./cnf-world.ts";

const policyOf = (raw: UpgradePolicy = {}) => resolvePolicy(raw).policy as ResolvedPolicy;
const declared = (more: object = {}, policy: UpgradePolicy = {}) =>
  checkCnf(
    {
      name: "smf",
      namespace: "core",
      version: "1.0.0",
      components: [{ name: "sbi", replicas: 2 }],
      traffic: { httpRoute: "smf-sbi", services: ["smf-a", "smf-b"] },
      ...more,
    },
    policyOf(policy),
  );

describe("HTTPRoute: as declared", () => {
  it("defaults, in milliseconds", () => {
    const traffic = { httpRoute: "smf-sbi", services: ["smf-a", "smf-b"], drainAfterMs: 30_000 };
    assert.deepEqual(declared().cnf?.traffic, traffic);
    const longer = { httpRoute: "smf-sbi", services: ["smf-a", "smf-b"], drainAfter: "2m" };
    assert.equal(declared({ traffic: longer }).cnf?.traffic?.drainAfterMs, 120_000);
    assert.equal(declared({ traffic: undefined }).cnf?.traffic, undefined);
  });

  it("mistakes, and what needs to know a subscriber, are refused in one go", () => {
    const subscriber = "imsi-001010000000001";
    const { problems } = declared(
      {
        traffic: { httpRoute: "SMF", services: ["smf-a", "smf-a"], drainAfter: 5, service: "x" },
        components: [
          { name: "sbi", replicas: 2 },
          { name: "n4", replicas: 2 },
        ],
      },
      { mode: "rolling", dialTest: { subscribers: [subscriber] } },
    );
    assert.deepEqual(problems.map(({ path }) => path).sort(), [
      "components",
      "traffic.drainAfter",
      "traffic.httpRoute",
      "traffic.service",
      "traffic.services",
      "upgrade.dialTest.subscribers",
      "upgrade.mode",
    ]);
    const texts = problems.map(({ message }) => message).join("\n");
    assert.match(texts, /a route can't keep a subscriber on one version/);
    assert.match(texts, /exactly one load-sharing component/);
    assert.ok(!texts.includes(subscriber));
    const { problems: none } = declared({ traffic: { httpRoute: "smf-sbi" } });
    assert.deepEqual(
      none.map(({ path }) => path),
      ["traffic.services"],
    );
  });
});

describe("HTTPRoute: planned", () => {
  const components = [{ name: "gsu", replicas: 4, change: "changed" as const }];
  const traffic = { httpRoute: "amf-sbi", services: ["amf-a", "amf-b"] as const, drainAfterMs: 45_000 };
  const httpRoute = { name: "amf-sbi", services: ["amf-a", "amf-b"] as const, drainSeconds: 45 };
  const from = specOf("1.0.0", components);
  const to = { ...specOf("1.1.0", components), traffic };
  const policy = policyOf({ gray: { ratios: [50, 100], soak: "1m" } });
  const serving = (more: Partial<CnfInventory> = {}): CnfInventory => {
    const inventory = World.serving(from).inventory();
    const { carried: _, ...split } = inventory.split ?? assert.fail("a split");
    return {
      ...inventory,
      split: { ...split, httpRoute },
      route: { name: "amf-sbi", problems: [] },
      ...more,
    };
  };
  const plan = (inventory: CnfInventory, spec = to) => cnfRule.plan({ cnf: spec, policy }, inventory);

  it("the same chain; splits say the route, and instances that go are given time", () => {
    const { stages, problems, warnings } = plan(serving());
    assert.deepEqual(problems, []);
    const steps = stages.flatMap((stage) => stage.steps);
    const splits = steps.filter(({ action }) => action === "split");
    assert.deepEqual(
      splits.map(({ args }) => args.ratio),
      [0, ...splits.slice(1, -1).map(({ args }) => args.ratio), 0],
    );
    for (const { args } of splits) assert.deepEqual(args.httpRoute, httpRoute);
    const down = steps.filter(
      ({ action, args }) => action === "scale" && Number(args.replicas) < Number(args.from),
    );
    assert.ok(down.length > 0);
    for (const { limitMs, expectedMs, coordination } of down) {
      assert.equal(limitMs, policy.limits.moveMs + 45_000);
      assert.ok(expectedMs >= 45_000);
      assert.match(coordination ?? "", /leave their Service/);
    }
    assert.match(warnings.join("\n"), /share out requests, not subscribers.*not held to 0\.4 points/s);
    assert.match(warnings.join("\n"), /it goes 45 s after its Service no longer has it/);
  });

  it("the dial test is made of checks alone, before any request comes and after the last has moved", () => {
    const checks = [{ name: "sbi", url: "https://smf-b.core.example/health" }];
    assert.deepEqual(declared({}, { dialTest: { checks } }).problems, []);
    const { stages } = cnfRule.plan({ cnf: to, policy: policyOf({ dialTest: { checks } }) }, serving());
    for (const name of ["dial-test", "post-test"]) {
      const steps = stages.find((one) => one.name === name)?.steps.filter((one) => one.action !== "snapshot");
      assert.deepEqual(
        steps?.map(({ action, object }) => `${action} ${object}`),
        ["http-check check/sbi"],
      );
    }
  });

  it("what the route lacks stops a campaign; before anything serves, what is missing may yet be declared", () => {
    const problems = [
      { path: "traffic.httpRoute", message: "There is no httproute/amf-sbi.", missing: true },
      { path: "traffic.services[1]", message: "service/amf-b selects pods by app." },
    ];
    const route = { name: "amf-sbi", problems };
    const paths = (inventory: CnfInventory) => plan(inventory).problems.map(({ path }) => path);
    assert.deepEqual(paths(serving({ route })), ["traffic.httpRoute", "traffic.services[1]"]);
    const empty = new World().inventory();
    const { split: _, ...bare } = empty;
    const install = plan({ ...bare, route } as CnfInventory);
    assert.deepEqual(
      install.problems.map(({ path }) => path),
      ["traffic.services[1]"],
    );
    assert.match(install.warnings.join("\n"), /traffic\.httpRoute: There is no httproute/);
    const missing = plan(serving({ missingRightsForRoute: ["patch httproutes.gateway.networking.k8s.io"] }));
    assert.match(missing.problems[0]?.message ?? "", /lacks rights .* patch httproutes/);
  });

  it("traffic can't change hands in a campaign, and another's hand is told", () => {
    const { split, ...rest } = serving();
    const { httpRoute: __, ...own } = split ?? assert.fail("a split");
    assert.match(
      plan({ ...rest, split: own }).problems[0]?.message ?? "",
      /in service by a load balancer of its own, and httproute\/amf-sbi with amf-a and amf-b is declared/,
    );
    const { traffic: ___, ...without } = to;
    assert.equal(plan(serving(), without as typeof to).problems[0]?.path, "traffic");
    const route = { name: "amf-sbi", problems: [], foreignHand: "someone else set the weights" };
    assert.match(plan(serving({ route })).warnings.join("\n"), /someone else set/);
  });

  it("the way back says the route too", () => {
    const right = { version: to.version, workloads: to.components.map(({ workload }) => workload) };
    const { split } = serving();
    const steps = cnfRule.recover(
      { cnf: to, policy },
      serving({ split: { ...(split ?? assert.fail("a split")), right, ratio: 50 } }),
      { version: from.version, release: from.release },
      "all",
    );
    const splits = steps.filter(({ action }) => action === "split");
    assert.ok(splits.length >= 2);
    for (const { args } of splits) assert.deepEqual(args.httpRoute, httpRoute);
  });
});
