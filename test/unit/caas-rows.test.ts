/** What `issu status` shows of a cluster, and where its campaigns wait for people. */
import assert from "node:assert/strict";
import { heldBack } from "#sdk/campaign/held-back.js";
import type { CaasInventory } from "#sdk/contract/caas-inventory.js";
import { type CaasPlanSpec, caasRule } from "#sdk/plan/caas.js";
import { caasRows } from "#sdk/plan/caas-rows.js";
import { checkCaas } from "#sdk/policy/caas.js";
import { resolveCaasPolicy } from "#sdk/policy/resolve-caas.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";
import { CaasWorld } from "./caas-world.ts";

const NEW = "1.34.2";
const raw = {
  name: "edge",
  version: NEW,
  images: { [NEW]: { url: "https://images/x" }, "1.33.6": { url: "https://images/y" } },
  pools: [{ name: "workers", selector: { role: "worker" } }],
  controlPlane: {},
};
const store = { store: "file:///var/lib/issu", encrypt: "none" };
const site = () =>
  new CaasWorld({
    nodes: 3,
    spares: 1,
    cpu: 8,
    version: "1.33.6",
    members: 3,
    workloads: [{ name: "web", replicas: 3, cpu: 1, minAvailable: 3 }],
  });
const row = (seen: CaasInventory, object: string) => {
  const policy = resolveCaasPolicy({ snapshot: store }).policy as ResolvedPolicy;
  const found = caasRows(seen, checkCaas(raw, policy).caas).find((one) => one.object === object);
  return found && `${found.state} | ${found.detail}`;
};

describe("a cluster in issu status", () => {
  it("has rows for its control plane, members, pools and nodes", () => {
    const world = site();
    world.leader = "cp-2";
    const seen = world.inventory();
    assert.equal(row(seen, "control plane"), "3 of 3 well | cp-2 leads etcd");
    assert.equal(row(seen, "member cp-2"), "leader | etcd 3.6.8, entry 1000");
    assert.equal(row(seen, "pool workers"), "0 of 3 at 1.34.2 | ");
    assert.equal(row(seen, "node node-1"), "ready | ");
  });

  it("says what is in hand, and what a drain waits for", () => {
    const world = site();
    const node = world.nodes.get("node-1");
    const member = world.nodes.get("cp-3");
    assert.ok(node && member);
    node.cordoned = true;
    node.marks = { cordoned: true, wave: 2, former: "1.32.0" };
    member.ready = false;
    const seen = world.inventory();
    assert.equal(row(seen, "node node-1"), "ready, cordoned | wave 2; had 1.32.0");
    assert.match(
      row(seen, "drain node-1") ?? "",
      /^1 pod left \| core\/web-\d \(budget web allows none now\)$/,
    );
    assert.equal(row(seen, "control plane")?.startsWith("2 of 3 well"), true);
    assert.match(row(seen, "member cp-3") ?? "", /^away \| .*API server is not ready \(it is away\)/);
  });

  it("counts nodes that another has joined for apart", () => {
    const world = site();
    for (const [i, old] of ["node-1", "node-2", "node-3"].entries()) {
      const node = world.nodes.get(old);
      assert.ok(node);
      node.cordoned = true;
      world.nodes.set(`spare-${i}`, {
        ...node,
        version: NEW,
        cordoned: false,
        marks: { joined: "replacement", replaces: old },
      });
    }
    assert.equal(
      row(world.inventory(), "pool workers"),
      "3 of 3 at 1.34.2 | 3 replaced, kept for the way back, 3 cordoned",
    );
  });

  it("leaves out what is as it should be of many nodes", () => {
    const world = new CaasWorld({ nodes: 60, spares: 0, cpu: 8, version: NEW, workloads: [] });
    const rows = caasRows(world.inventory(), checkCaas({ ...raw, controlPlane: undefined }).caas);
    assert.deepEqual(
      rows.map(({ object, state }) => `${object} ${state}`),
      ["pool workers 60 of 60 at 1.34.2"],
    );
  });
});

describe("approvals of a cluster's campaign", () => {
  const approvals = [{ before: "pool-workers", role: "change-manager" }];

  it("are waited for before the stage that they name, with what comes before it done", () => {
    const { problems, policy } = resolveCaasPolicy({ snapshot: store, approvals });
    assert.deepEqual(problems, []);
    assert.ok(policy);
    const { caas } = checkCaas(raw, policy);
    assert.ok(caas);
    const world = new CaasWorld({
      nodes: 2,
      spares: 1,
      cpu: 8,
      version: "1.33.6",
      members: 3,
      workloads: [],
    });
    const plan = caasRule.plan({ caas, policy } satisfies CaasPlanSpec, world.inventory());
    assert.deepEqual(plan.problems, []);
    const held = heldBack(plan, "caas/core/edge", policy.approvals, { approvals: [] });
    const back = held.stages.filter((stage) => stage.heldBack).map(({ name }) => name);
    assert.deepEqual(back, ["pool-workers", "control-plane-last", "finalize"]);
    assert.deepEqual(held.stages[3]?.waitsFor, ["change-manager"]);
    assert.match(held.stages[3]?.skipped ?? "", /issu approve caas\/core\/edge --stage pool-workers/);
    const given = {
      id: "1",
      kind: "approve" as const,
      campaign: "c1",
      stage: "pool-workers",
      role: "change-manager",
      by: "eva",
      at: "",
      reason: "ok",
    };
    assert.deepEqual(heldBack(plan, "caas/core/edge", policy.approvals, { approvals: [given] }), plan);
  });

  it("are refused before what is no stage of the cluster", () => {
    const { policy } = resolveCaasPolicy({
      snapshot: store,
      approvals: [
        { before: "gray-100", role: "a" },
        { before: "control-plane", role: "b" },
      ],
    });
    const { problems } = checkCaas(raw, policy);
    assert.deepEqual(
      problems.map(({ path }) => path),
      ["upgrade.approvals[0].before"],
    );
    assert.match(problems[0]?.message ?? "", /control-plane, pool-workers, control-plane-last/);
    const [bad] = resolveCaasPolicy({ approvals: [{ before: 1 }] }).problems;
    assert.equal(bad?.path, "upgrade.approvals[0].role");
  });
});
