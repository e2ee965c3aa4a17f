import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { Api } from "../../lab/cluster/api.ts";
import { control } from "../../lab/control.ts";
import type { Endpoint } from "../../lab/record.ts";
import { Observed } from "../support/observed.ts";
import { amf, openTestSite, root, type TestSite, type TestStack } from "../support/site.ts";
import { until } from "../support/until.ts";

describe("the life of a network function: first install, end, taking over (ESC-09, TEF-11)", function () {
  this.timeout(120_000);
  let site: TestSite;
  let observed: Observed;

  before(async () => {
    site = await openTestSite({ name: "test-life-cycle", subscribers: 1000, calls: 5 });
    observed = new Observed(site);
  });
  after(async () => {
    observed?.close();
    await site?.close();
  });

  /** Subscribers of a service that ended have noticed: designated ones don't come with what it knew of them. */
  const offAndOn = () => control(site.lab.endpoints.traffic as Endpoint, "POST", "/reset");
  const workloads = async () =>
    (await observed.deployments()).map(({ version, replicas }) => `${version}: ${replicas}`);

  describe("a first version that fails though subscribers have registered (ESC-09)", () => {
    let stack: TestStack;
    const wanted = (version: string) =>
      amf({
        version,
        upgrade: {
          gray: { ratios: [50, 100], soak: "1s" },
          dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"], within: "10s" },
        },
      });

    before(async () => {
      stack = await site.stack("first");
      await site.lab.fault("dial-test-failure", { version: "0.8.0" });
    });

    it("is taken back to nothing, and says so", async () => {
      const { code, output } = await stack.up(wanted("0.8.0"));
      assert.notEqual(code, 0);
      assert.match(output, /post-test failed.*was rolled back.*nothing serves, as before/s);
      const { spec } = await observed.split();
      assert.deepEqual([spec.left, spec.right], [undefined, undefined]);
      assert.deepEqual(await workloads(), ["0.8.0: 0"]);
    });

    it("makes room for a mended one", async () => {
      await site.lab.clearFaults();
      await offAndOn();
      await stack.mustUp(wanted("0.8.1"));
      assert.deepEqual(await workloads(), ["0.8.1: 4"]);
      await site.traffic.allRegistered(30_000);
    });

    it("destroy is refused while it serves, and says what to do", async () => {
      const { code, output } = await stack.stack.destroy();
      assert.notEqual(code, 0);
      assert.match(output, /carries subscribers.*deletionProtection to false.*pulumi up.*pulumi destroy/s);
      assert.deepEqual(await workloads(), ["0.8.1: 4"]);
      await site.traffic.allRegistered(5_000);
    });

    it("up after a refused destroy is clean, and nobody noticed", async () => {
      await site.traffic.openWindow("destroy");
      await stack.mustUp(wanted("0.8.1"));
      await stack.mustUp(wanted("0.8.1"), "--expect-no-changes");
      const figures = await site.traffic.closeWindow("destroy");
      assert.deepEqual([figures.sessionsLost, figures.proceduresFailed], [0, 0]);
    });

    it("without protection it is destroyed; the journal stays as history, nothing that runs", async () => {
      const open = { ...wanted("0.8.1"), deletionProtection: false };
      await stack.mustUp(open);
      const { code, output } = await stack.stack.destroy();
      assert.equal(code, 0, output);
      assert.deepEqual(await workloads(), []);
      await until("the pods to end", async () => (await observed.pods()).length === 0);
      const { spec } = await observed.split();
      assert.deepEqual([spec.left, spec.right], [undefined, undefined]);
    });

    it("a later install begins anew, with another version too", async () => {
      await offAndOn();
      await stack.mustUp(wanted("0.9.0"));
      assert.deepEqual(await workloads(), ["0.9.0: 4"]);
      await stack.mustUp({ ...wanted("0.9.0"), deletionProtection: false });
      assert.equal((await stack.stack.destroy()).code, 0);
    });
  });

  describe("a cluster that the same program makes: kubeconfig unknown at preview", () => {
    let stack: TestStack;
    const { namespace, components, upgrade } = amf();
    const wanted = (version: string) => ({ version, namespace, components, upgrade });

    before(async () => {
      await site.lab.reset();
      stack = await site.stack("unknown", "unknown", { KUBECONFIG: path.join(root, "no-such-kubeconfig") });
      await stack.stack.setConfig({ kubeconfigFile: site.lab.operatorKubeconfigPath });
    });

    it("preview shows the stages, and says why not their steps", async () => {
      const { code, output } = await stack.preview(wanted("1.0.0"));
      assert.equal(code, 0, output);
      assert.match(output, /amf-finalize/);
      assert.match(output, /known only once another resource of the program is there/);
    });

    it("up installs; the kubeconfig is in no output and in no state in the clear", async () => {
      const { output } = await stack.mustUp(wanted("1.0.0"));
      assert.deepEqual(await workloads(), ["1.0.0: 4"]);
      const key = JSON.parse(await fs.readFile(site.lab.operatorKubeconfigPath, "utf8")).users[0].user;
      const secret = String(key["client-key-data"] ?? key.token).slice(0, 40);
      assert.ok(!output.includes(secret));
      assert.ok(!(await stack.stack.exportState()).includes(secret));
    });

    it("an upgrade is planned at preview, since the kubeconfig is known now", async () => {
      await site.traffic.allRegistered(30_000);
      const { code, output } = await stack.preview(wanted("1.1.0"));
      assert.equal(code, 0, output);
      assert.match(output, /move subscribers to 1\.1\.0/);
    });
  });

  describe("taking over what already runs", () => {
    let stack: TestStack;
    let api: Api;
    const labels = {
      "pulumi-issu.dev/cnf": "amf",
      "pulumi-issu.dev/component": "gsu",
      "pulumi-issu.dev/workload": "legacy",
      "pulumi-issu.dev/version": "0.9.0",
    };
    const at = "namespaces/core";

    before(async () => {
      await site.lab.reset();
      api = new Api(site.lab.kubeconfigPath);
      stack = await site.stack("takeover");
      await api.create({
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "legacy", namespace: "core", labels },
        spec: {
          replicas: 4,
          selector: { matchLabels: { "pulumi-issu.dev/workload": "legacy" } },
          template: {
            metadata: { labels },
            spec: {
              terminationGracePeriodSeconds: 3,
              containers: [{ name: "gsu", image: "amf/gsu:0.9.0" }],
            },
          },
        },
      } as never);
      await until("the legacy instances", async () => (await observed.deployments())[0]?.ready === 4);
    });
    after(() => api?.close());

    it("needs a split that says what serves, and shows it to be copied", async () => {
      const { code, output } = await stack.preview(amf());
      assert.notEqual(code, 0);
      assert.match(output, /runs already \(legacy\).*SubscriberSplit.*spec\.left = /s);
    });

    it("then is an upgrade like any other", async () => {
      await api.create({
        apiVersion: "pulumi-issu.dev/v1alpha1",
        kind: "SubscriberSplit",
        metadata: { name: "amf", namespace: "core" },
        spec: {
          left: { version: "0.9.0", workloads: ["legacy"] },
          ratio: 0,
          admission: "by-ratio",
          pinned: [],
          epoch: 0,
        },
      } as never);
      await site.traffic.allRegistered(30_000);
      await site.traffic.openWindow("takeover");
      // Another MAJOR: the step has to be declared.
      const wanted = amf({ upgradesFrom: ">=0.9.0" });
      await stack.mustUp(wanted);
      const figures = await site.traffic.closeWindow("takeover");
      assert.deepEqual([figures.sessionsLost, figures.proceduresFailed], [0, 0]);
      assert.deepEqual((await workloads()).toSorted(), ["0.9.0: 0", "1.0.0: 4"]);
      assert.ok((await api.get<object>(`/apis/apps/v1/${at}/deployments/legacy`)) !== undefined);
      await stack.mustUp(wanted, "--expect-no-changes");
    });
  });
});
