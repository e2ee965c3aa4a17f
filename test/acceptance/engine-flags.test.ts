/**
 * Whatever flags the engine is given, what serves stays: left to itself it would delete the version in service once the
 * stages before it have failed.
 */
import assert from "node:assert/strict";
import { connect, KubernetesStore } from "#sdk/drivers/kubernetes/index.js";
import { itInFull } from "../support/full.ts";
import { type Deployment, impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";

const GO_ON = "--continue-on-error";

interface State {
  readonly deployment: {
    readonly pending_operations?: readonly unknown[];
    readonly resources: readonly {
      readonly urn: string;
      readonly type: string;
      readonly parent?: string;
      readonly delete?: boolean;
      readonly dependencies?: readonly string[];
    }[];
  };
}

const network = (version: string, more: { readonly retry?: string; readonly kubernetes?: string } = {}) =>
  amf({
    version,
    ...(more.kubernetes === undefined ? {} : { kubernetes: more.kubernetes }),
    upgrade: {
      gray: { ratios: [50, 100], soak: "2s" },
      gates: [{ kpi: "registration-success", atLeast: 99.5, minSamples: 50 }],
      limits: { boot: "30s", move: "30s", gate: "5s" },
      ...(more.retry === undefined ? {} : { retry: more.retry }),
    },
  });

describe("engine flags (design: what serves can't be deleted)", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let serving: Deployment;

  before(async function () {
    this.timeout(240_000);
    ({ site, stack, seen } = await openServing(
      { name: "test-flags", subscribers: 2_000, calls: 4 },
      network("1.0.0"),
    ));
    serving = (await seen.deployments())[0] ?? assert.fail("nothing was installed");
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  /** The version in service is whole and declared, and Pulumi's state makes sense. */
  async function stillServes(): Promise<void> {
    const now = (await seen.deployments()).find(({ uid }) => uid === serving.uid);
    assert.deepEqual(now, serving, "the workload in service was touched");
    const { spec } = await seen.split();
    assert.deepEqual([spec.left?.version, spec.right], ["1.0.0", undefined]);
    const { deployment } = JSON.parse(await stack.stack.exportState()) as State;
    assert.deepEqual(deployment.pending_operations ?? [], []);
    const urns = deployment.resources.map(({ urn }) => urn);
    assert.equal(new Set(urns).size, urns.length, "a resource is in the state twice");
    for (const { urn, dependencies = [], parent } of deployment.resources) {
      for (const needed of parent ? [...dependencies, parent] : dependencies)
        assert.ok(urns.indexOf(needed) >= 0 && urns.indexOf(needed) < urns.indexOf(urn), `${urn}: ${needed}`);
    }
    const kept = (type: string, name: RegExp) =>
      deployment.resources.some((one) => one.type === type && name.test(one.urn) && !one.delete);
    assert.ok(kept("issu:index:VersionGuard", /::amf-guard-1\.0\.0-/), "its guard left the state");
    assert.ok(kept("kubernetes:apps/v1:Deployment", new RegExp(`::${serving.name}$`)), "it left the state");
  }

  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.equal(figures.sessionsLost + figures.reRegistrations, 0);
  }

  it("a preflight that refuses, with --continue-on-error", async () => {
    await site.traffic.openWindow("refused");
    const { code, output } = await stack.up(network("1.1.0", { kubernetes: ">=2" }), GO_ON);
    assert.notEqual(code, 0, output);
    assert.match(output, /amf 1\.1\.0 runs on Kubernetes >=2/);
    await stillServes();
    await unharmed("refused");
  });

  itInFull("a preflight that fails while it runs, with --continue-on-error", async () => {
    const connection = connect({ namespace: site.lab.namespace, kubeconfig: site.lab.kubeconfigPath });
    const store = new KubernetesStore(connection);
    const held = await store.acquire("cnf/core/amf", "another/1/run", 90_000);
    assert.ok("epoch" in held);
    try {
      await site.traffic.openWindow("held");
      const { code, output } = await stack.up(network("1.1.0"), GO_ON);
      assert.notEqual(code, 0, output);
      assert.match(output, /is being worked on by another\/1\/run/);
      await stillServes();
      await unharmed("held");
    } finally {
      await store.release("cnf/core/amf", "another/1/run", held.epoch);
    }
  });

  it("the same gate failing twice in a row, with --continue-on-error (ESC-15)", async () => {
    await site.lab.fault("procedure-failures", {
      version: "1.2.0",
      procedure: "registration",
      percentOfSubscribers: 5,
    });
    await site.traffic.openWindow("twice");
    const first = await stack.up(network("1.2.0"), GO_ON);
    assert.notEqual(first.code, 0, first.output);
    assert.match(first.output, /gray-50 failed: registration-success/);
    await stillServes();
    const second = await stack.up(network("1.2.0", { retry: "2" }), GO_ON);
    assert.notEqual(second.code, 0, second.output);
    assert.match(second.output, /gray-50 failed: registration-success/);
    assert.match(second.output, /Campaign 3 was rolled back/);
    await stillServes();
    // Quarantined again, and refused with the flag as without it.
    const third = await stack.up(network("1.2.0", { retry: "2" }), GO_ON);
    assert.match(third.output, /quarantined/);
    await stillServes();
    await unharmed("twice");
    await site.lab.clearFaults();
  });

  it("an up with the old version goes through afterwards (ESC-18)", async () => {
    await stack.mustUp(network("1.0.0"));
    await stillServes();
    assert.equal((await seen.deployments()).length, 1);
    const { code, output } = await stack.preview(network("1.0.0"), "--expect-no-changes");
    assert.equal(code, 0, output);
  });

  it("a late stage alone, with --target, is refused, and the full up does it all (ESC-08)", async () => {
    await site.traffic.openWindow("target");
    const alone = await stack.up(network("1.1.0"), "--target", "**amf-gray-100");
    assert.notEqual(alone.code, 0, alone.output);
    assert.match(alone.output, /gray-100 was asked for alone/);
    await stillServes();
    const since = Date.now();
    await stack.mustUp(network("1.1.0"));
    const ended = (await seen.log(since)).filter(
      ({ action, code }) => action === "stage-end" && code === "OK",
    );
    assert.deepEqual(
      ended.map(({ stage }) => stage),
      ["preflight", "snapshot", "minimal", "gray-50", "gray-100", "finalize"],
    );
    assert.deepEqual(
      (await seen.deployments()).map(({ version, ready }) => [version, ready]),
      [["1.1.0", 4]],
    );
    await unharmed("target");
  });
});
