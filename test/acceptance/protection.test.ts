/**
 * What serves is not deleted or scaled down by anybody, at rest, held and in the middle of a campaign: the cluster itself
 * refuses, also where Pulumi's own guard was taken out of the way. An ended service leaves nothing of it behind.
 */
import assert from "node:assert/strict";
import { connect } from "#sdk/drivers/kubernetes/index.js";
import { impactOf, note, Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

const network = (version: string, gray: object = {}) =>
  amf({
    version,
    upgrade: {
      gray: { ratios: [50, 100], soak: "4s", ...gray },
      limits: { boot: "30s", move: "30s", gate: "5s" },
    },
  });

describe("what serves, against everybody (admission policy)", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async () => {
    site = await openTestSite({ name: "test-protected", nodes: 4, subscribers: 1_000, calls: 4 });
    seen = new Observed(site);
    stack = await site.stack("protected");
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  /** What the cluster's administrator is told when he deletes or scales a workload; nothing is changed by the question. */
  async function answerTo(method: "delete" | "scale", workload: string): Promise<string> {
    const { api } = connect({ kubeconfig: site.lab.kubeconfigPath });
    const path = `/apis/apps/v1/namespaces/core/deployments/${workload}`;
    try {
      await (method === "delete"
        ? api.delete(path, { dryRun: true })
        : api.merge(`${path}/scale`, { spec: { replicas: 1 } }));
      return "done";
    } catch (error) {
      return (error as Error).message;
    }
  }
  const workloadOf = async (version: string): Promise<string> =>
    (await seen.deployments()).find((one) => one.version === version)?.name ?? assert.fail(`no ${version}`);
  const names = async (path: string) =>
    (await seen.api.list(path))
      .map(({ metadata }) => metadata.name)
      .filter((name) => /^issu(-rest)?\./.test(name));

  async function refusedFor(...versions: string[]): Promise<void> {
    for (const version of versions) {
      const workload = await workloadOf(version);
      const runs = new RegExp(`${workload} runs ${version} of network function core/amf and is in service`);
      assert.match(await answerTo("delete", workload), runs);
      assert.match(await answerTo("scale", workload), runs);
    }
  }
  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.equal(figures.sessionsLost + figures.reRegistrations, 0);
  }

  it("preview says that a policy will be installed, and touches nothing", async () => {
    const { code, output } = await stack.preview(network("1.0.0"));
    assert.equal(code, 0, output);
    assert.match(
      output,
      /see that the cluster refuses to delete what serves, whoever asks \(installs a policy\)/,
    );
    assert.deepEqual(await names(POLICIES), []);
  });

  it("at rest, after the first install", async () => {
    await stack.mustUp(network("1.0.0"));
    await site.traffic.allRegistered(30_000);
    assert.deepEqual(await names(POLICIES), ["issu.core.amf"]);
    await site.traffic.openWindow("rest");
    await refusedFor("1.0.0");
    const { code, output } = await stack.preview(network("1.0.0"), "--expect-no-changes");
    assert.equal(code, 0, output);
    await unharmed("rest");
  });

  it("in the middle of a campaign, both versions; the old one goes when it is its turn", async () => {
    await site.traffic.openWindow("campaign");
    const up = await stack.startUp(network("1.1.0"));
    await until(
      "the soak at 50 %",
      async () =>
        (await seen.journal())?.stages.find(({ name }) => name === "gray-50")?.soakingSince !== undefined,
      60_000,
    );
    await refusedFor("1.0.0", "1.1.0");
    const { code, output } = await up.ended;
    assert.equal(code, 0, output);
    assert.deepEqual(
      (await seen.deployments()).map(({ version }) => version),
      ["1.1.0"],
    );
    await refusedFor("1.1.0");
    await unharmed("campaign");
  });

  it("while a campaign is held, and after it went back", async () => {
    await site.traffic.openWindow("held");
    await stack.mustUp(network("1.2.0", { ratios: [50], holdAt: 50, soak: "1s" }));
    await refusedFor("1.1.0", "1.2.0");
    await stack.mustUp(network("1.1.0", { soak: "1s" }));
    assert.deepEqual(
      (await seen.deployments()).map(({ version }) => version),
      ["1.1.0"],
    );
    await refusedFor("1.1.0");
    await unharmed("held");
  });

  it("when Pulumi's guard was taken out of the state, destroy is refused by the cluster", async () => {
    await site.traffic.openWindow("state");
    const before = (await seen.deployments())[0];
    const urns = [...(await stack.stack.exportState()).matchAll(/"urn": "([^"]+)"/g)].map(([, urn]) => urn);
    const guard = urns.find((urn) => urn?.includes("issu:index:VersionGuard")) ?? assert.fail("no guard");
    const removed = await stack.stack.run([
      "state",
      "delete",
      guard,
      "--yes",
      "--force",
      "--target-dependents",
      "--stack",
      "protected",
    ]);
    assert.equal(removed.code, 0, removed.output);
    const { code, output } = await stack.stack.destroy("--continue-on-error");
    assert.notEqual(code, 0, output);
    assert.match(output, /ValidatingAdmissionPolicy 'issu\.core\.amf'/);
    assert.match(output, /runs 1\.1\.0 of network function core\/amf and is in service/);
    assert.deepEqual((await seen.deployments())[0], before);
    await stack.mustUp(network("1.1.0", { soak: "1s" }));
    assert.deepEqual((await seen.deployments())[0], before);
    await unharmed("state");
  });

  it("an administrator's hand that removes the policy is seen and mended by the next up", async () => {
    for (const path of [BINDINGS, POLICIES]) await seen.api.delete(`${path}/issu.core.amf`);
    await until(
      "it to be out of force",
      async () => (await answerTo("delete", await workloadOf("1.1.0"))) === "done",
    );
    const { output } = await stack.preview(network("1.1.0", { soak: "1s" }));
    assert.match(output, /see that the cluster refuses/);
    await stack.mustUp(network("1.1.0", { soak: "1s" }));
    await refusedFor("1.1.0");
  });

  it("an ended service leaves nothing of it behind", async () => {
    const open = { ...network("1.1.0", { soak: "1s" }), deletionProtection: false };
    await stack.mustUp(open);
    const { code, output } = await stack.stack.destroy();
    assert.equal(code, 0, output);
    assert.deepEqual(await seen.deployments(), []);
    assert.deepEqual(await names(POLICIES), []);
    assert.deepEqual(await names(BINDINGS), []);
  });
});
