/**
 * What serves is not deleted or scaled down behind the campaign's back, whoever asks: the admission policy on a real API
 * server, decided from the split as it stands.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { load, loadAll } from "js-yaml";
import type { Action, Target } from "pulumi-issu/contract";
import { labels } from "pulumi-issu/contract";
import { protectionText } from "#sdk/cli/command-protection.js";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import { cnfTarget, connect } from "#sdk/drivers/kubernetes/index.js";
import { Api, type KubeObject, until } from "../../lab/cluster/api.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { StubBalancer } from "../support/stub-balancer.ts";

const OLD = "amf-gsu-1-0-0";
const NEW = "amf-gsu-1-1-0";
const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";
const HPA = "system:serviceaccount:kube-system:horizontal-pod-autoscaler";

describe("protection of what serves (admission policy)", () => {
  let lab: Lab;
  let admin: Api;
  let balancer: StubBalancer;
  let target: Target<CnfInventory>;
  let epoch = 1;

  before(async function () {
    this.timeout(120_000);
    lab = await startLab({ name: "test-protection", nodes: 2, cnf: false, traffic: false });
    admin = new Api(lab.kubeconfigPath);
    adminConfig = load(await fs.readFile(lab.kubeconfigPath, "utf8")) as typeof adminConfig;
    balancer = new StubBalancer(lab.kubeconfigPath, "core", "amf");
    target = cnfTarget(connect({ kubeconfig: lab.operatorKubeconfigPath, namespace: "core" }), {
      name: "amf",
      namespace: "core",
    });
    for (const name of [OLD, NEW]) await admin.create(deployment(name, "core"));
    await Promise.all(
      [OLD, NEW].map((name) =>
        until(`pods of ${name}`, 20_000, async () => ((await podsOf(name)).length === 2 ? true : undefined)),
      ),
    );
    balancer.start();
  });
  after(async () => {
    await balancer?.stop();
    admin?.close();
    await lab?.stop();
  });

  const deployment = (name: string, namespace: string): KubeObject => {
    const own = {
      [labels.cnf]: "amf",
      [labels.component]: "gsu",
      [labels.workload]: name,
      [labels.version]: name.slice(-5).replaceAll("-", "."),
    };
    return {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace, labels: own },
      spec: {
        replicas: 2,
        selector: { matchLabels: { [labels.workload]: name } },
        template: {
          metadata: { labels: own },
          spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "nf", image: "nf:1" }] },
        },
      },
    };
  };
  const podsOf = (name: string) =>
    admin.list(`/api/v1/namespaces/core/pods?labelSelector=${labels.workload}%3D${name}`);
  const at = (name: string, sub = "") => `/apis/apps/v1/namespaces/core/deployments/${name}${sub}`;
  const perform = (action: string, args: Action["args"] = {}, object = "split/core/amf") =>
    target.perform(
      { action, object, args },
      {
        signal: new AbortController().signal,
        epoch,
        deadline: Date.now() + 20_000,
        progress: () => undefined,
      },
    );
  const split = (args: Action["args"]) => perform("split", { admission: "by-ratio", pinned: [], ...args });
  const left = { version: "1.0.0", workloads: [OLD] };
  const right = { version: "1.1.0", workloads: [NEW] };
  const scale = (name: string, replicas: number, from: number) =>
    perform("scale", { replicas, from, awaitServing: false }, `deployment/${name}`);

  /** Ours among what the cluster has. */
  const installed = async (path: string) =>
    (await admin.list(path)).map(({ metadata }) => metadata.name).filter((name) => name.startsWith("issu"));
  const adminsOwn = () => connect({ kubeconfig: lab.kubeconfigPath }).api;
  /** What `kubectl` and every other client get, as the cluster's administrator; nothing is changed. */
  const asked = (path: string, method: "DELETE" | "PATCH", body?: object) => {
    const api = adminsOwn();
    return method === "DELETE" ? api.delete(path, { dryRun: true }) : api.merge(path, body);
  };
  let adminConfig: { users: { user: object }[] };
  const impersonating = (as: string): string => {
    const [user] = adminConfig.users;
    return JSON.stringify({ ...adminConfig, users: [{ ...user, user: { ...user?.user, as } }] });
  };
  /** As Kubernetes' autoscaler does it, under its name. */
  const autoscale = (replicas: number) => {
    const { api } = connect({ kubeconfig: impersonating(HPA) });
    // Whatever the Deployment's own controller wrote in between.
    return api.replace(at(OLD, "/scale"), {
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: OLD, namespace: "core" },
      spec: { replicas },
    });
  };
  const refused = (work: Promise<unknown>, message: RegExp) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, "PROTECTED", error.message);
      assert.match(error.message, message);
      return true;
    });
  /** The split that the policy decides from reaches the API server's cache a moment after it was written. */
  const allowed = (ask: () => Promise<unknown>) =>
    until("the cluster to allow it", 5_000, async () => {
      await ask();
      return true;
    });

  it("nothing serves: nothing is refused, and it says that nobody protects", async () => {
    const { protection, missingRights } = await target.observe();
    assert.deepEqual(protection, { by: "nobody", mayInstall: true });
    assert.deepEqual(missingRights, undefined);
    await asked(at(OLD), "DELETE");
  });

  it("is installed once, and relied upon only when a delete was refused", async () => {
    await split({ left, ratio: 0 });
    assert.deepEqual((await target.observe()).protection, { by: "nobody", mayInstall: true });
    const began = Date.now();
    const { detail } = await perform("protect");
    assert.match(detail, /policy issu\.core\.amf refuses .* as was tried/);
    assert.ok(Date.now() - began < 10_000);
    // All of it is in force by then, not only what was tried.
    await refused(asked(at(OLD, "/scale"), "PATCH", { spec: { replicas: 0 } }), /only its campaign/);
    assert.match((await perform("protect")).detail, /policy issu\.core\.amf refuses to delete what serves$/);
    assert.deepEqual((await target.observe()).protection, { by: "campaign", policy: "issu.core.amf" });
    const policy = await admin.get<{ status?: { typeChecking?: object } }>(`${POLICIES}/issu.core.amf`);
    assert.deepEqual(policy.status?.typeChecking ?? {}, {}, "the API server warns of its expressions");
  });

  it("at rest: neither the workload, its ReplicaSet, the split nor the namespace is deleted", async () => {
    await refused(asked(at(OLD), "DELETE"), /amf-gsu-1-0-0 runs 1\.0\.0 of network function core\/amf/);
    await refused(asked("/apis/apps/v1/namespaces/core/deployments", "DELETE"), /amf-gsu-1-0-0 runs 1\.0\.0/);
    await refused(
      asked("/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits/amf", "DELETE"),
      /subscribersplit core\/amf/,
    );
    await refused(
      asked("/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits", "DELETE"),
      /subscribersplit core\/amf/,
    );
    await refused(asked("/api/v1/namespaces/core", "DELETE"), /in service in this namespace/);
    const [replicaSet] = await admin.list(
      `/apis/apps/v1/namespaces/core/replicasets?labelSelector=${labels.workload}%3D${OLD}`,
    );
    await refused(
      asked(`/apis/apps/v1/namespaces/core/replicasets/${replicaSet?.metadata.name}`, "DELETE"),
      /holds all instances/,
    );
    // Nothing of others: another namespace, another workload, and pods, which nodes and drains must be able to take.
    await asked(at(NEW), "DELETE");
    const [pod] = await podsOf(OLD);
    await asked(`/api/v1/namespaces/core/pods/${pod?.metadata.name}`, "DELETE");
    await asked("/api/v1/namespaces/default", "DELETE").catch((error: Error) =>
      assert.doesNotMatch(error.message, /issu/),
    );
  });

  it("keeps the label by which it is protected", async () => {
    for (const value of [null, "smf"])
      await refused(
        asked(at(OLD), "PATCH", { metadata: { labels: { [labels.cnf]: value } } }),
        /its label pulumi-issu\.dev\/cnf stays as it is/,
      );
    // A ReplicaSet may lose its own, and is held all the same.
    const sets = `/apis/apps/v1/namespaces/core/replicasets`;
    const [set] = await admin.list(`${sets}?labelSelector=${labels.workload}%3D${OLD}`);
    const relabel = (value: string | null) =>
      asked(`${sets}/${set?.metadata.name}`, "PATCH", { metadata: { labels: { [labels.cnf]: value } } });
    await relabel(null);
    await refused(asked(`${sets}/${set?.metadata.name}`, "DELETE"), /holds all instances/);
    await relabel("amf");
    // What doesn't serve is nobody's business.
    await asked(at(NEW), "PATCH", { metadata: { labels: { [labels.cnf]: "smf" } } });
    await asked(at(NEW), "PATCH", { metadata: { labels: { [labels.cnf]: "amf" } } });
  });

  it("is whole or not there: what binds it to all but the workloads may be gone alone", async () => {
    const rest = `${BINDINGS}/issu-rest.core.amf`;
    await admin.delete(rest);
    assert.deepEqual((await target.observe()).protection, { by: "nobody", mayInstall: true });
    await perform("protect");
    const sets = "/apis/apps/v1/namespaces/core/replicasets";
    const [set] = await admin.list(`${sets}?labelSelector=${labels.workload}%3D${OLD}`);
    await until("it to be in force again", 5_000, () =>
      asked(`${sets}/${set?.metadata.name}`, "DELETE").then(
        () => undefined,
        () => true as const,
      ),
    );
    assert.deepEqual((await target.observe()).protection, { by: "campaign", policy: "issu.core.amf" });
  });

  it("is not scaled down by hand or by another tool; up it is, and an autoscaler works at rest", async () => {
    await refused(
      asked(at(OLD), "PATCH", { spec: { replicas: 1 } }),
      /only its campaign lowers the number of its instances/,
    );
    await refused(asked(at(OLD, "/scale"), "PATCH", { spec: { replicas: 0 } }), /only its campaign/);
    await refused(autoscale(0), /only its campaign/);
    await asked(at(OLD, "/scale"), "PATCH", { spec: { replicas: 3 } });
    await autoscale(2);
    // Other changes of it are none of this policy's business.
    await asked(at(OLD), "PATCH", { metadata: { annotations: { note: "x" } } });
    await scale(OLD, 3, 2);
    await scale(OLD, 2, 3);
  });

  it("between two versions: the new one is free until somebody is sent there", async () => {
    await split({ left, right, ratio: 0 });
    await refused(asked(at(OLD), "DELETE"), /1\.0\.0/);
    await allowed(() => asked(at(NEW), "DELETE"));
    await refused(autoscale(1), /only its campaign/);
    await split({ left, right, ratio: 0, pinned: [{ subscriber: "imsi-001010000000001", side: "right" }] });
    await until("the pinned subscriber to protect it", 5_000, async () =>
      asked(at(NEW), "DELETE").then(
        () => undefined,
        (error: Error) => (/runs 1\.1\.0/.test(error.message) ? true : undefined),
      ),
    );
    await split({ left, right, ratio: 100 });
    for (const name of [OLD, NEW]) await refused(asked(at(name), "DELETE"), /is in service/);
    await scale(OLD, 1, 2);
  });

  it("after promotion: the old one is free, unless somebody is there still", async () => {
    const [pod] = await podsOf(OLD);
    balancer.sessions.set(String(pod?.metadata.name), 7);
    await split({ left: right, ratio: 0 });
    await until("the report to say so", 5_000, async () =>
      asked(at(OLD), "DELETE").then(
        () => undefined,
        (error: Error) => (/runs an earlier version/.test(error.message) ? true : undefined),
      ),
    );
    balancer.sessions.clear();
    await allowed(() => asked(at(OLD), "DELETE"));
    await refused(asked(at(NEW), "DELETE"), /1\.1\.0/);
  });

  it("the end of the service: nothing is refused any more, also while the policy is there, then it is removed", async () => {
    const [pod] = await podsOf(NEW);
    balancer.sessions.set(String(pod?.metadata.name), 7);
    await split({ ratio: 0 });
    await allowed(() => asked(at(NEW), "DELETE"));
    await allowed(() =>
      asked("/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits/amf", "DELETE"),
    );
    epoch = 0;
    await assert.rejects(perform("unprotect"), { code: "STALE_EPOCH" });
    epoch = 2;
    assert.match((await perform("unprotect")).detail, /is removed/);
    assert.match((await perform("unprotect")).detail, /no policy of a campaign/);
    assert.deepEqual(await installed(POLICIES), []);
    assert.deepEqual(await installed(BINDINGS), []);
    balancer.sessions.clear();
  });

  describe("by an administrator, for whole namespaces", () => {
    before(async () => {
      await admin.delete("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/issu-protection");
      for (const object of loadAll(await protectionText(["core"], "yaml")) as KubeObject[])
        await adminsOwn().create(object.kind?.endsWith("Policy") ? POLICIES : BINDINGS, object);
    });

    it("is seen before anything serves; without it the campaign says what it lacks", async () => {
      await until("the sign", 10_000, async () =>
        (await target.observe()).protection?.by === "administrator" ? true : undefined,
      );
      assert.deepEqual((await target.observe()).protection, {
        by: "administrator",
        policy: "issu-protection-sign",
      });
    });

    it("protects in the same way, and the campaign installs and removes nothing", async () => {
      await split({ left, ratio: 0 });
      await until("it to protect", 5_000, async () =>
        (await target.observe()).protection?.policy === "issu-protection" ? true : undefined,
      );
      assert.match((await perform("protect")).detail, /the administrator's policy issu-protection/);
      await refused(asked(at(OLD), "DELETE"), /policy 'issu-protection'|1\.0\.0/i);
      await refused(asked("/api/v1/namespaces/core", "DELETE"), /in service in this namespace/);
      await refused(
        asked("/apis/pulumi-issu.dev/v1alpha1/namespaces/core/subscribersplits/amf", "DELETE"),
        /subscribersplit core\/amf/,
      );
      assert.deepEqual(await installed(POLICIES), ["issu-protection", "issu-protection-sign"]);
      await split({ ratio: 0 });
      assert.match((await perform("unprotect")).detail, /no right to remove it/);
      await allowed(() => asked(at(OLD), "DELETE"));
    });

    it("taken away again, nobody protects and we may not install: told as that", async () => {
      for (const path of [BINDINGS, POLICIES])
        for (const name of await installed(path)) await admin.delete(`${path}/${name}`);
      await until("it to be out of force", 10_000, async () =>
        (await target.observe()).protection?.by === "nobody" ? true : undefined,
      );
      assert.deepEqual((await target.observe()).protection, { by: "nobody", mayInstall: false });
      await split({ left, ratio: 0 });
      await assert.rejects(perform("protect"), { code: "NOT_PROTECTED", message: /issu protection core/ });
    });
  });
});
