/** The plan of a cluster, carried out step by step by the drivers, on machines of the lab and a cluster in memory. */
import assert from "node:assert/strict";
import { CaasTarget, connect } from "#sdk/drivers/kubernetes/index.js";
import { RedfishMachines } from "#sdk/drivers/redfish/index.js";
import { type CaasPlanSpec, caasRule } from "#sdk/plan/caas.js";
import type { Step } from "#sdk/plan/plan.js";
import { checkCaas } from "#sdk/policy/caas.js";
import type { CaasDeclaration, NodePool } from "#sdk/policy/caas-spec.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { ResolvedPolicy } from "#sdk/policy/upgrade-policy.js";
import { Machines } from "../../lab/machines/daemon.ts";
import { StubNodes, type StubWorkload } from "../support/stub-nodes.ts";
import { until } from "../support/until.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const policy = resolvePolicy({ snapshot: "once" }).policy as ResolvedPolicy;

function specOf(pool: Partial<NodePool> = {}, more: Partial<CaasDeclaration> = {}): CaasPlanSpec {
  const { problems, caas } = checkCaas({
    name: "edge",
    version: NEW,
    images: Object.fromEntries([OLD, NEW].map((v) => [v, { url: `https://images.example/caas-${v}.img` }])),
    pools: [{ name: "workers", selector: { role: "worker" }, soak: "0s", ...pool }],
    ...more,
  });
  assert.deepEqual(problems, []);
  assert.ok(caas);
  return { caas, policy };
}

describe("a CaaS cluster by its drivers", function () {
  this.timeout(60_000);
  let cluster: StubNodes;
  let machines: Machines;
  let redfish: RedfishMachines;
  let target: CaasTarget;

  async function site(
    names: readonly string[],
    workloads: readonly StubWorkload[],
    spares = 1,
  ): Promise<void> {
    cluster = await new StubNodes(names, OLD, workloads).start();
    machines = await Machines.start(
      {
        machines: [
          ...names.map((id) => ({ id, assetTag: "workers", labels: {}, release: OLD })),
          ...Array.from({ length: spares }, (_, i) => ({
            id: `spare-${i + 1}`,
            assetTag: "workers",
            labels: {},
          })),
        ],
        port: 0,
        credentials: { userName: "u", password: "p" },
        scale: 0.0001,
        log: () => undefined,
      },
      cluster,
    );
    redfish = new RedfishMachines({ url: `http://127.0.0.1:${machines.port}`, username: "u", password: "p" });
    target = new CaasTarget(connect({ kubeconfig: cluster.kubeconfig }), {
      name: "edge",
      namespace: "core",
      machines: redfish,
      forces: false,
      scales: true,
    });
  }

  afterEach(async () => {
    await redfish.close();
    await machines.stop();
    await cluster.stop();
  });

  async function perform(
    steps: readonly Step[],
    epoch = 1,
    until?: (step: Step) => boolean,
  ): Promise<string[]> {
    const details: string[] = [];
    for (const step of steps) {
      if (step.action === "snapshot") continue;
      const context = {
        signal: new AbortController().signal,
        epoch,
        deadline: Date.now() + Math.min(step.limitMs, 20_000),
        progress: () => undefined,
      };
      details.push((await target.perform(step, context)).detail);
      if (until?.(step)) break;
    }
    return details;
  }

  const stepsOf = async (spec: CaasPlanSpec): Promise<readonly Step[]> => {
    const plan = caasRule.plan(spec, await target.observe());
    assert.deepEqual(plan.problems, []);
    return plan.stages.flatMap(({ steps }) => steps);
  };

  it("upgrades every node and keeps every budget", async () => {
    await site(
      ["node-1", "node-2", "node-3"],
      [
        { name: "web", replicas: 6, minAvailable: 5 },
        { name: "free", replicas: 2 },
      ],
    );
    const spec = specOf();
    await perform(await stepsOf(spec));
    assert.deepEqual([...cluster.nodes.keys()], ["node-1", "node-2", "node-3"]);
    for (const name of cluster.nodes.keys()) {
      assert.equal(cluster.kubelet(name), `v${NEW}`);
      assert.equal(cluster.nodes.get(name).spec.unschedulable, undefined);
      const marks = Object.keys(cluster.nodes.get(name).metadata.annotations);
      assert.deepEqual(marks, ["pulumi-issu.dev/epoch"]);
    }
    assert.equal(cluster.fewest.get("web"), 5);
    assert.equal(caasRule.plan(spec, await target.observe()).intent, "none");
    assert.equal(machines.machines.get("spare-1")?.power, "Off");
  });

  it("replaces machine by machine, and goes back to the old ones", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 3, minAvailable: 2 }]);
    const spec = specOf({ strategy: "surge-and-replace" });
    const first = caasRule.plan(spec, await target.observe());
    const steps = first.stages.flatMap((stage) => stage.steps);
    await perform(steps, 1, ({ action }) => action === "leave");
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["node-2", "spare-1"]);
    await perform(caasRule.recover(spec, await target.observe(), first.from, "all"), 2);
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["node-1", "node-2"]);
    assert.equal(cluster.kubelet("node-1"), `v${OLD}`);
    assert.equal(cluster.fewest.get("web"), 2);
    assert.deepEqual(caasRule.recover(spec, await target.observe(), first.from, "all"), []);
  });

  it("keeps the old pool, cordoned, until the new one has soaked, and goes back by opening it", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 4, minAvailable: 3 }], 2);
    const spec = specOf({ strategy: "blue-green", soak: "300ms" });
    const first = caasRule.plan(spec, await target.observe());
    assert.deepEqual(first.problems, []);
    const steps = first.stages.flatMap((stage) => stage.steps);
    const lastDrain = steps.findLast(({ action }) => action === "drain");
    await perform(steps, 1, (step) => step === lastDrain);
    const bootOf = (name: string) => cluster.nodes.get(name)?.status.nodeInfo.bootID;
    const boots = ["node-1", "node-2"].map(bootOf);
    for (const name of ["node-1", "node-2"]) {
      assert.equal(cluster.nodes.get(name).spec.unschedulable, true);
      assert.equal(machines.machines.get(name)?.power, "On");
    }
    assert.ok([...cluster.pods.values()].every(({ spec: { nodeName } }) => /^spare/.test(nodeName)));
    await perform(caasRule.recover(spec, await target.observe(), first.from, "all"), 2);
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["node-1", "node-2"]);
    // No machine of the old pool was booted for it.
    assert.deepEqual(["node-1", "node-2"].map(bootOf), boots);
    assert.ok([...cluster.nodes.values()].every((node) => node.spec.unschedulable === undefined));
    assert.deepEqual(caasRule.recover(spec, await target.observe(), first.from, "all"), []);
    await perform(await stepsOf(spec), 3);
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["spare-1", "spare-2"]);
    assert.equal(machines.machines.get("node-1")?.power, "Off");
    assert.equal(cluster.fewest.get("web"), 3);
    assert.equal(caasRule.plan(spec, await target.observe()).intent, "none");
  });

  it("takes back what joined beside a machine that did not, and switches that one off", async () => {
    await site(["node-1", "node-2", "node-3"], [{ name: "web", replicas: 3, minAvailable: 2 }], 3);
    const spec = specOf({ strategy: "blue-green" });
    const first = caasRule.plan(spec, await target.observe());
    machines.fault("boot-fails", { machine: "spare-2" });
    await assert.rejects(perform(first.stages.flatMap(({ steps }) => steps)), /spare-2 did not boot/);
    await perform(caasRule.recover(spec, await target.observe(), first.from, "all"), 2);
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["node-1", "node-2", "node-3"]);
    for (const id of ["spare-1", "spare-2", "spare-3"]) assert.equal(machines.machines.get(id)?.power, "Off");
  });

  it("says when no machine is left to take a node's place, and takes nothing away", async () => {
    await site(["node-1", "node-2"], [], 0);
    const spec = specOf({ strategy: "surge-and-replace" });
    const { stages } = caasRule.plan(spec, await target.observe());
    await assert.rejects(
      perform(stages.flatMap(({ steps }) => steps)),
      /no spare machine is left to take the place of node-1/,
    );
    assert.equal(cluster.nodes.size, 2);
  });

  it("takes a half-done wave back: former release, same nodes, nothing left cordoned", async () => {
    await site(["node-1", "node-2", "node-3"], [{ name: "web", replicas: 4, minAvailable: 3 }]);
    const spec = specOf();
    const first = caasRule.plan(spec, await target.observe());
    let boots = 0;
    await perform(
      first.stages.flatMap((stage) => stage.steps),
      1,
      ({ action }) => action === "boot" && ++boots === 2,
    );
    await perform(caasRule.recover(spec, await target.observe(), first.from, "all"), 2);
    assert.deepEqual([...cluster.nodes.keys()].sort(), ["node-1", "node-2", "node-3"]);
    for (const name of cluster.nodes.keys()) {
      assert.equal(cluster.kubelet(name), `v${OLD}`);
      assert.equal(cluster.nodes.get(name).spec.unschedulable, undefined);
    }
    assert.equal(cluster.fewest.get("web"), 3);
  });

  it("opens only what it cordoned", async () => {
    await site(["node-1", "node-2", "node-3"], []);
    cluster.nodes.get("node-2").spec.unschedulable = true;
    await perform(await stepsOf(specOf()));
    assert.equal(cluster.nodes.get("node-2").spec.unschedulable, true);
    assert.equal(cluster.nodes.get("node-1").spec.unschedulable, undefined);
    assert.equal(cluster.kubelet("node-2"), `v${NEW}`);
  });

  it("tells what never leaves from what is slow", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 1 }]);
    const on1 = [...cluster.pods.values()].find(({ spec }) => spec.nodeName === "node-1");
    cluster.budgets.get("web").spec.minAvailable = 2;
    await cluster.ready("node-1", true);
    const drain = {
      action: "drain",
      object: "node/node-1",
      args: {
        nodes: ["node-1"],
        drain: { ...specOf().caas.drain, withinMs: 400, force: { ...specOf().caas.drain.force } },
      },
      summary: "",
      expectedMs: 0,
      limitMs: 5_000,
    } as Step;
    await assert.rejects(perform([drain]), (error: Error & { code?: string }) => {
      assert.equal(error.code, "DRAIN_BLOCKED");
      assert.match(
        error.message,
        new RegExp(`core/${on1.metadata.name} on node-1: budget core/web never allows`),
      );
      return true;
    });
    const evictions = cluster.answered.filter((one) => /eviction 429/.test(one));
    assert.equal(evictions.length, 0, "an eviction that a budget forbids is not even asked for");
  });

  it("waits for a budget that still counts an eviction which a killed run began", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 1 }]);
    const [on1] = [...cluster.pods.values()].filter(({ spec }) => spec.nodeName === "node-1");
    cluster.cutOff(on1.metadata.name);
    const { healthy, expected } = (await target.observe()).budgets[0] ?? {};
    assert.deepEqual({ healthy, expected }, { healthy: 2, expected: 2 }, "it serves on");
    const steps = await stepsOf(specOf({}, { drain: { within: "1s" } }));
    await assert.rejects(perform(steps), (error: Error & { code?: string }) => {
      assert.equal(error.code, "DRAIN_SLOW");
      assert.match(
        error.message,
        /budget core\/web counts web-\S+ as gone since \S+: .* forgotten after two minutes/,
      );
      return true;
    });
    cluster.disrupted.clear();
    await cluster.ready("node-2", true);
    await perform(await stepsOf(specOf()));
    assert.equal(cluster.kubelet("node-1"), `v${NEW}`);
  });

  it("does not end with an eviction under way", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 1 }]);
    cluster.evictionMs = 300;
    cluster.nodes.get("node-1").spec.unschedulable = true;
    const ended = new AbortController();
    const args = {
      nodes: ["node-1"],
      drain: { ...specOf().caas.drain, force: { ...specOf().caas.drain.force } },
    };
    const context = {
      signal: ended.signal,
      epoch: 1,
      deadline: Date.now() + 10_000,
      progress: () => undefined,
    };
    const draining = target.perform({ action: "drain", object: "node/node-1", args }, context);
    await until("an eviction to be asked for", () => cluster.evicting > 0);
    ended.abort(new Error("the engine is gone"));
    await assert.rejects(draining);
    assert.equal(cluster.evicting, 0);
    assert.ok(cluster.answered.some((one) => /eviction 201/.test(one)));
  });

  it("runs one replica more where a budget never lets one go, and as many as before afterwards", async () => {
    await site(
      ["node-1", "node-2"],
      [
        { name: "lone", replicas: 1, minAvailable: 1 },
        { name: "web", replicas: 2, minAvailable: 1 },
      ],
    );
    const refused = caasRule.plan(specOf(), await target.observe());
    assert.match(refused.problems[0]?.message ?? "", /never lets .*set drain\.extraReplica to "run"/);
    await perform(await stepsOf(specOf({}, { drain: { extraReplica: "run" } })));
    assert.equal(cluster.fewest.get("lone"), 1);
    assert.equal(cluster.deployments.get("lone").spec.replicas, 1);
    assert.deepEqual(cluster.deployments.get("lone").metadata.labels, {});
    assert.equal(cluster.deployments.get("web").metadata.annotations, undefined);
    assert.equal(cluster.kubelet("node-1"), `v${NEW}`);
    assert.equal(cluster.kubelet("node-2"), `v${NEW}`);
  });

  it("comes to a drain again as soon as the budget allows it", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 2 }]);
    const step = {
      action: "drain",
      object: "node/node-1",
      args: { nodes: ["node-1"], drain: { ...specOf().caas.drain, force: { ...specOf().caas.drain.force } } },
      summary: "",
      expectedMs: 0,
      limitMs: 10_000,
    } as Step;
    cluster.nodes.get("node-1").spec.unschedulable = true;
    const draining = perform([step]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    cluster.budgets.get("web").spec.minAvailable = 1;
    await cluster.ready("node-2", true);
    await draining;
    assert.ok([...cluster.pods.values()].every(({ spec }) => spec.nodeName !== "node-1"));
  });

  it("says when a node comes back with another version", async () => {
    await site(["node-1"], []);
    machines.fault("wrong-version", { machine: "node-1" });
    cluster.nodes.get("node-1").spec.unschedulable = true;
    const step = {
      action: "boot",
      object: "node/node-1",
      args: {
        nodes: ["node-1"],
        version: NEW,
        image: `https://images.example/caas-${NEW}.img`,
        former: false,
      },
      summary: "",
      expectedMs: 0,
      limitMs: 4_000,
    } as Step;
    await assert.rejects(perform([step]), /node-1 came back with 1\.33\.6, not 1\.34\.2/);
  });

  it("boots no node that somebody opened, or that pods came to, since it was drained", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 1 }]);
    const steps = await stepsOf(specOf());
    const boot = steps.find(({ action }) => action === "boot") as Step;
    await perform(steps, 1, ({ action }) => action === "drain");
    const node = cluster.nodes.get("node-1");
    delete node.spec.unschedulable;
    await assert.rejects(perform([boot]), (error: Error & { code?: string }) => error.code === "NODE_OPENED");
    node.spec.unschedulable = true;
    const [pod] = cluster.pods.values();
    pod.spec.nodeName = "node-1";
    await assert.rejects(perform([boot]), /core\/web-\d+ came to node-1 after it was drained/);
    assert.equal(cluster.kubelet("node-1"), `v${OLD}`);
  });

  it("leaves a pod alone that nothing would start anew, also where it came after preview", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 1 }]);
    const [pod] = cluster.pods.values();
    pod.metadata.ownerReferences = [];
    const name = pod.spec.nodeName;
    cluster.nodes.get(name).spec.unschedulable = true;
    const step = (force: object) =>
      ({
        action: "drain",
        object: `node/${name}`,
        args: {
          nodes: [name],
          drain: { ...specOf().caas.drain, withinMs: 300, force: { ...specOf().caas.drain.force, ...force } },
        },
        summary: "",
        expectedMs: 0,
        limitMs: 3_000,
      }) as Step;
    const blocked = /no controller owns it.*drain\.force\.unmanaged is "refuse"/;
    await assert.rejects(perform([step({})]), blocked);
    await assert.rejects(perform([step({ late: "delete" })]), blocked);
    pod.metadata.ownerReferences = [{ kind: "ReplicaSet", name: "web-5d9", controller: true }];
    pod.spec.volumes = [{ name: "scratch", emptyDir: {} }];
    await assert.rejects(perform([step({})]), /it has an emptyDir/);
    assert.ok(cluster.pods.has(pod.metadata.name));
    await perform([step({ emptyDir: "lose" })]);
    assert.ok(!cluster.pods.has(pod.metadata.name));
  });

  it("lets everything else have its turn while late pods end", async () => {
    await site(["node-1", "node-2"], [{ name: "web", replicas: 2, minAvailable: 2 }]);
    const [pod] = cluster.pods.values();
    const { name } = pod.metadata;
    cluster.stuck.add(name);
    cluster.nodes.get(pod.spec.nodeName).spec.unschedulable = true;
    const { drain } = specOf().caas;
    const step = {
      action: "drain",
      object: `node/${pod.spec.nodeName}`,
      args: {
        nodes: [pod.spec.nodeName],
        drain: { ...drain, withinMs: 200, force: { ...drain.force, late: "delete" } },
      },
      summary: "",
      expectedMs: 0,
      limitMs: 10_000,
    } as Step;
    // A drain that never pauses would leave this no turn.
    setTimeout(() => cluster.release(name), 600);
    assert.match((await perform([step])).join(), /1 deleted past their budget/);
  });

  it("rests outside the window, and lets no earlier epoch write", async () => {
    await site(["node-1"], []);
    const now = new Date(Date.now() + 3 * 3_600_000);
    const at = now.getUTCHours() * 60;
    const step = (window?: object) =>
      ({
        action: "cordon",
        object: "node/node-1",
        args: { nodes: ["node-1"], wave: 1, ...(window ? { window } : {}) },
        summary: "",
        expectedMs: 0,
        limitMs: 5_000,
      }) as Step;
    const days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    await assert.rejects(
      perform([step({ days, from: at, to: (at + 60) % 1440, timeZone: "UTC" })]),
      (error: Error & { code?: string }) => error.code === "RESTS",
    );
    await perform([step()], 5);
    await assert.rejects(
      perform([step()], 4),
      (error: Error & { code?: string }) => error.code === "STALE_EPOCH",
    );
    await assert.rejects(target.fence(4), /later campaign/);
    assert.deepEqual((await target.traces()).epoch, 5);
  });
});
