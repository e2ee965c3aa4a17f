import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import type { Action, ActionContext, Target } from "pulumi-issu/contract";
import { annotations, labels } from "pulumi-issu/contract";
import { SnapshotKeeper } from "#sdk/campaign/snapshots/keeper.js";
import { listed } from "#sdk/campaign/snapshots/library.js";
import { take } from "#sdk/campaign/snapshots/take.js";
import { verify } from "#sdk/campaign/snapshots/verify.js";
import type { CnfInventory } from "#sdk/contract/cnf-inventory.js";
import { askToDrain } from "#sdk/drivers/kubernetes/actions/drain.js";
import { PATIENCE } from "#sdk/drivers/kubernetes/cnf-context.js";
import { cnfTarget, connect, KubernetesSnapshots, KubernetesStore } from "#sdk/drivers/kubernetes/index.js";
import type { Pod } from "#sdk/drivers/kubernetes/objects.js";
import { Api, type KubeObject, until } from "../../lab/cluster/api.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { writesSince } from "../support/audit.ts";
import { storeSuite } from "../support/store-suite.ts";
import { StubBalancer } from "../support/stub-balancer.ts";

const NAMESPACE = "core";
const WORKLOAD = "amf-gsu-1-0-0";

describe("Kubernetes driver on a real control plane", () => {
  let lab: Lab;
  let api: Api;
  let balancer: StubBalancer;
  let target: Target<CnfInventory>;
  let epoch = 1;

  before(async function () {
    this.timeout(120_000);
    lab = await startLab({ name: "test-driver", nodes: 3, cnf: false, traffic: false });
    api = new Api(lab.kubeconfigPath);
    balancer = new StubBalancer(lab.kubeconfigPath, NAMESPACE, "amf");
    target = open();
  });
  after(async () => {
    await balancer?.stop();
    api?.close();
    await lab?.stop();
  });

  const open = (patience = {}) =>
    cnfTarget(connect({ kubeconfig: lab.operatorKubeconfigPath, namespace: NAMESPACE }), {
      name: "amf",
      namespace: NAMESPACE,
      patience: { unschedulableMs: 1_000, silenceMs: 1_000, ...patience },
    });

  const context = (more: Partial<ActionContext> = {}): ActionContext => ({
    signal: new AbortController().signal,
    epoch,
    deadline: Date.now() + 20_000,
    progress: () => undefined,
    ...more,
  });
  const perform = (action: Action, more: Partial<ActionContext> = {}) =>
    target.perform(action, context(more));
  const scale = (replicas: number, from: number, awaitServing = false): Action => ({
    action: "scale",
    object: `deployment/${WORKLOAD}`,
    args: { replicas, from, awaitServing },
  });
  const split = (args: Action["args"]): Action => ({
    action: "split",
    object: `split/${NAMESPACE}/amf`,
    args: { admission: "by-ratio", pinned: [], ...args },
  });
  const left = { version: "1.0.0", workloads: [WORKLOAD] };
  const pods = async () =>
    (await api.list(
      `/api/v1/namespaces/${NAMESPACE}/pods?labelSelector=${labels.workload}%3D${WORKLOAD}`,
    )) as readonly (KubeObject & {
      metadata: { annotations?: Record<string, string>; deletionTimestamp?: string };
    })[];
  const rejects = (work: Promise<unknown>, code: string, message = /./) =>
    assert.rejects(work, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });

  const deployment = (name = WORKLOAD, spec: object = {}): KubeObject => {
    const own = {
      [labels.cnf]: "amf",
      [labels.component]: "gsu",
      [labels.workload]: name,
      [labels.version]: "1.0.0",
    };
    return {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: {
        name,
        namespace: NAMESPACE,
        labels: own,
        annotations: { [annotations.serviceType]: "load-sharing" },
      },
      spec: {
        selector: { matchLabels: { [labels.workload]: name } },
        template: {
          metadata: { labels: own },
          spec: {
            containers: [
              {
                name: "nf",
                image: "nf:1.0.0",
                resources: { requests: { cpu: "100m" } },
                envFrom: [{ configMapRef: { name: "amf-config" } }],
                ...spec,
              },
            ],
            terminationGracePeriodSeconds: 1,
          },
        },
      },
    };
  };

  it("an empty cluster: an empty inventory, and nothing is written", async () => {
    const since = Date.now();
    const began = performance.now();
    const inventory = await target.observe();
    const took = performance.now() - began;
    assert.match(inventory.kubernetesVersion, /^1\.\d+\.\d+$/);
    assert.deepEqual([inventory.workloads, inventory.autoscalers, inventory.split], [[], [], undefined]);
    assert.ok((inventory.spareInstances ?? 0) > 0);
    assert.equal(await target.carries(WORKLOAD), false);
    const elsewhere = await cnfTarget(connect({ kubeconfig: lab.kubeconfigPath }), {
      name: "amf",
      namespace: "nowhere",
    }).observe();
    assert.deepEqual(elsewhere.workloads, []);
    assert.deepEqual(await writesSince(lab.auditLogPath, since), []);
    assert.ok(took < 3_000, `took ${took} ms`);
  });

  it("a cluster that isn't there, and credentials that don't count", async () => {
    const text = (server: string) =>
      JSON.stringify({
        clusters: [{ name: "c", cluster: { server, "insecure-skip-tls-verify": true } }],
        users: [{ name: "u", user: { token: "secret-token" } }],
        contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
        "current-context": "x",
      });
    const at = (kubeconfig: string) =>
      cnfTarget(connect({ kubeconfig }), { name: "amf", namespace: NAMESPACE });
    await rejects(at(text("https://127.0.0.1:1")).observe(), "UNREACHABLE", /127\.0\.0\.1:1/);
    const { clusters } = JSON.parse(
      await (await import("node:fs/promises")).readFile(lab.kubeconfigPath, "utf8"),
    );
    await rejects(at(text(clusters[0].cluster.server)).observe(), "UNAUTHORIZED", /^(?!.*secret-token)/s);
    assert.equal(await at(text("https://127.0.0.1:1")).carries(WORKLOAD), undefined);
  });

  describe("store", () => {
    const store = (namespace = NAMESPACE) =>
      new KubernetesStore(connect({ kubeconfig: lab.operatorKubeconfigPath, namespace }));
    const key = "cnf/core/amf";

    storeSuite(() => ({
      open: () => store(),
      loseLease: (of) =>
        api
          .delete(
            `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/issu-journal-cnf-${of.split("/").at(-1)}`,
          )
          .then(() => undefined),
      coarseMs: 3_000,
    }));

    it("reading writes nothing", async () => {
      const since = Date.now();
      await store().read(key);
      await store().holder(key);
      await store().list();
      assert.deepEqual(await writesSince(lab.auditLogPath, since), []);
    });

    it("a namespace that isn't there", () =>
      rejects(
        new KubernetesStore(connect({ kubeconfig: lab.kubeconfigPath, namespace: "nowhere" })).write(
          key,
          "{}",
          undefined,
        ),
        "NO_NAMESPACE",
        /nowhere/,
      ));
  });

  describe("actions", () => {
    before(async () => {
      await api.create({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "amf-config", namespace: NAMESPACE },
        data: { plmn: "00101" },
      });
      await api.create(deployment());
      await api.create({
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: "amf", namespace: NAMESPACE },
        spec: { maxUnavailable: 1, selector: { matchLabels: { [labels.cnf]: "amf" } } },
      });
      await api.create({
        apiVersion: "autoscaling/v2",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "amf-gsu", namespace: NAMESPACE },
        spec: {
          scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: WORKLOAD },
          minReplicas: 1,
          maxReplicas: 20,
        },
      });
    });

    it("suspends an autoscaler, once, and restores it to another workload", async () => {
      const suspend = {
        action: "suspend-autoscaler",
        object: "hpa/amf-gsu",
        args: { workload: WORKLOAD, replicas: 4 },
      };
      await perform(suspend);
      assert.match((await perform(suspend)).detail, /already/);
      assert.deepEqual((await target.observe()).autoscalers, [
        { name: "amf-gsu", workload: WORKLOAD, suspended: true, replicas: 4 },
      ]);
      const restore = { action: "restore-autoscaler", object: "hpa/amf-gsu", args: { workload: WORKLOAD } };
      await rejects(perform(restore, { epoch: 0 }), "STALE_EPOCH");
      await perform(restore);
      assert.match((await perform(restore)).detail, /left alone/);
      assert.deepEqual((await target.observe()).autoscalers, [
        { name: "amf-gsu", workload: WORKLOAD, suspended: false },
      ]);
      assert.match((await perform({ ...restore, object: "hpa/none" })).detail, /nothing to do/);
      await perform(suspend);
    });

    it("scales up and waits until all are Ready", async () => {
      const lines: string[] = [];
      const { detail } = await perform(scale(4, 1), { progress: (line) => lines.push(line) });
      assert.match(detail, /4 of 4/);
      assert.match(lines.at(-1) ?? "", /4 of 4 Ready/);
      const { workloads, bootMs } = await target.observe();
      assert.equal(workloads[0]?.replicas, 4);
      assert.equal(workloads[0]?.component, "gsu");
      assert.ok(bootMs !== undefined);
      assert.match((await perform(scale(4, 1))).detail, /was 4/);
    });

    it("without a load balancer: says so", async () => {
      await rejects(perform(split({ left, ratio: 0 })), "NO_LOAD_BALANCER", /subscribersplit\/amf/);
      await rejects(perform(scale(4, 4, true)), "NO_LOAD_BALANCER");
      await rejects(perform(scale(0, 4)), "WOULD_LOSE_SESSIONS", /has not reported/);
      assert.equal(await target.carries(WORKLOAD), undefined);
      balancer.start();
    });

    it("writes the split once, waits until it is obeyed, and takes away a side that is left out", async () => {
      await perform(split({ left, right: { version: "1.1.0", workloads: ["new"] }, ratio: 50 }));
      const since = Date.now();
      await perform(split({ left, right: { version: "1.1.0", workloads: ["new"] }, ratio: 50 }));
      assert.deepEqual(await writesSince(lab.auditLogPath, since), []);
      assert.equal((await target.observe()).split?.ratio, 50);
      await perform(split({ left, ratio: 0 }));
      const observed = (await target.observe()).split;
      assert.equal(observed?.right, undefined);
      assert.deepEqual(observed?.carried, { left: 0, right: 0, moving: 0 });
      await perform(scale(4, 4, true));
    });

    it("turns a stale writer away", async () => {
      epoch = 5;
      await perform(split({ left, ratio: 0 }));
      await perform(scale(4, 4));
      epoch = 4;
      await rejects(perform(split({ left, ratio: 10 })), "STALE_EPOCH", /epoch 5/);
      await rejects(perform(scale(5, 4)), "STALE_EPOCH");
      epoch = 5;
      assert.equal((await target.observe()).workloads[0]?.replicas, 4);
    });

    it("whoever takes over shuts the one before out of everything, before touching any of it", async () => {
      const traces = await target.traces();
      assert.equal(traces.epoch, 5);
      assert.deepEqual(traces.underway, ["autoscaler amf-gsu is suspended"]);
      await target.fence(6);
      assert.equal((await target.traces()).epoch, 6);
      await target.fence(6);
      await rejects(target.fence(5), "STALE_EPOCH");
      const since = Date.now();
      assert.equal(epoch, 5);
      const restore = { action: "restore-autoscaler", object: "hpa/amf-gsu", args: { workload: WORKLOAD } };
      const dial = {
        action: "dial-test",
        object: `split/${NAMESPACE}/amf`,
        args: { subscribers: ["imsi-001010000000001"], side: "left", withinMs: 5_000 },
      };
      for (const action of [split({ left, ratio: 10 }), scale(5, 4), scale(3, 4), restore, dial]) {
        await rejects(perform(action), "STALE_EPOCH");
      }
      const [pod] = (await pods()) as unknown as Pod[];
      assert.ok(pod);
      const { api: asOperator } = connect({ kubeconfig: lab.operatorKubeconfigPath });
      const cnf = { api: asOperator, name: "amf", namespace: NAMESPACE, patience: PATIENCE };
      const limits = { deadline: Date.now() + 5_000 };
      await rejects(askToDrain(cnf, pod, 5, limits), "STALE_EPOCH");
      const accepted = (await writesSince(lab.auditLogPath, since)).filter(
        ({ responseStatus }) => (responseStatus?.code ?? 0) < 300,
      );
      assert.deepEqual(accepted, []);
      // Without our own looking first: the API server refuses a split of an earlier epoch itself.
      await assert.rejects(
        api.patch(`/apis/pulumi-issu.dev/v1alpha1/namespaces/${NAMESPACE}/subscribersplits/amf`, {
          spec: { epoch: 5 },
        }),
        /stale epoch/,
      );
      epoch = 6;
      await perform(split({ left, ratio: 0 }));
      await perform(scale(4, 4));
    });

    it("drains those with the fewest sessions, and none is lost", async () => {
      const names = (await pods()).map((pod) => pod.metadata.name).sort();
      names.forEach((name, index) => {
        balancer.sessions.set(name, 100 * (index + 1));
      });
      await perform(scale(2, 4));
      const after = (await pods()).map((pod) => pod.metadata.name).sort();
      assert.deepEqual(after, names.slice(2));
      assert.equal(balancer.lost, 0);
      assert.equal(
        [...balancer.sessions.values()].reduce((a, b) => a + b),
        1000,
      );
      assert.equal(await target.carries(WORKLOAD), true);
    });

    it("stopped in the middle of a drain: goes on with the same instances, or takes the request back", async () => {
      await perform(scale(3, 2));
      await balancer.stop();
      for (const pod of await pods()) balancer.sessions.set(pod.metadata.name, 10);
      const stop = new AbortController();
      const draining = perform(scale(2, 3), { signal: stop.signal });
      const asked = await until("a pod to be asked", 5_000, async () =>
        (await pods()).find((pod) => pod.metadata.annotations?.[annotations.drain] !== undefined),
      );
      stop.abort();
      await rejects(draining, "ABORTED");
      assert.equal((await target.observe()).workloads[0]?.draining, 1);
      balancer.start();
      await perform(scale(2, 3));
      assert.ok(!(await pods()).some((pod) => pod.metadata.name === asked.metadata.name));
      assert.equal(balancer.lost, 0);

      const [pod] = await pods();
      const path = `/api/v1/namespaces/${NAMESPACE}/pods/${pod?.metadata.name}`;
      await api.patch(path, { metadata: { annotations: { [annotations.drain]: "3" } } });
      await perform(scale(3, 2, true));
      assert.ok((await pods()).every((of) => of.metadata.annotations?.[annotations.drain] === undefined));
    });

    it("does not take the last instances from subscribers who have nowhere to go", async () => {
      await rejects(perform(scale(0, 3)), "WOULD_LOSE_SESSIONS", /sessions/);
      const end = scale(0, 3);
      await rejects(
        perform({ ...end, args: { ...end.args, mayLose: true } }),
        "WOULD_LOSE_SESSIONS",
        /still sends subscribers to/,
      );
      assert.equal((await pods()).length, 3);
      balancer.sessions.clear();
      await until("an empty report", 5_000, async () =>
        (await target.carries(WORKLOAD)) === false ? true : undefined,
      );
      await perform(scale(0, 3));
      assert.equal((await pods()).length, 0);
      await perform(scale(2, 0, true));
    });

    it("goes on from a number that someone else set, and says so", async () => {
      assert.match((await perform(scale(3, 7, true))).detail, /someone else had set 2/);
    });

    it("a cluster that is full, and a pod that never starts", async () => {
      await api.create(deployment("amf-huge", { resources: { requests: { cpu: "4000" } } }));
      const huge = {
        action: "scale",
        object: "deployment/amf-huge",
        args: { replicas: 1, from: 1, awaitServing: false },
      };
      await rejects(perform(huge), "UNSCHEDULABLE", /no node takes pod/);
      const patient = open({ unschedulableMs: 60_000 });
      await rejects(
        patient.perform(huge, context({ deadline: Date.now() + 1_000 })),
        "TIMEOUT",
        /unschedulable/,
      );
      await api.delete(`/apis/apps/v1/namespaces/${NAMESPACE}/deployments/amf-huge`);
      await rejects(perform({ ...huge, object: "deployment/none" }), "NOT_FOUND", /pulumi up/);
    });

    it("dial test: passes, and fails with each procedure and cause, identities masked", async () => {
      const dial = {
        action: "dial-test",
        object: `split/${NAMESPACE}/amf`,
        args: {
          subscribers: ["imsi-001010000000001", "imsi-001010000000002"],
          side: "right",
          withinMs: 5_000,
        },
      };
      assert.match((await perform(dial)).detail, /2 designated subscribers passed 4/);
      balancer.dial = (subscriber, procedure, side) => ({
        passed: procedure !== "paging",
        ...(procedure === "paging" ? { cause: "5GMM cause 22" } : {}),
        servedBy: "pod",
        side: subscriber.endsWith("2") ? "left" : side,
        durationMs: 5,
      });
      await assert.rejects(perform(dial), (error: Error & { code?: string }) => {
        assert.equal(error.code, "DIAL_TEST_FAILED");
        assert.match(error.message, /imsi-00101\*{6}0001 paging: 5GMM cause 22/);
        assert.match(error.message, /0002 registration: served by the left side/);
        assert.doesNotMatch(error.message, /00101000/);
        return true;
      });
      assert.equal(
        (await api.list(`/apis/pulumi-issu.dev/v1alpha1/namespaces/${NAMESPACE}/dialtests`)).length,
        1,
      );
    });

    it("snapshot: complete, in a Secret that nobody changes, ten kept, put back", async () => {
      const store = new KubernetesSnapshots(
        connect({ kubeconfig: lab.operatorKubeconfigPath, namespace: NAMESPACE }),
      );
      const keeper = new SnapshotKeeper({ store, recipients: [], keep: { count: 10 } });
      const snap = () =>
        take({
          store,
          target: target as Required<typeof target>,
          action: {
            action: "snapshot",
            object: `cnf/${NAMESPACE}/amf`,
            args: { workloads: [WORKLOAD], label: "gray-50", data: [] },
          },
          context: context(),
          recipients: [],
          of: { campaign: "3", stage: "gray-50", releases: { to: { version: "1.1.0", release: "1.1.0-x" } } },
        });
      const first = await snap();
      const secret = await api.get<KubeObject & { data: Record<string, string>; immutable: boolean }>(
        `/api/v1/namespaces/${NAMESPACE}/secrets/issu-snapshot-amf-${first.id}`,
      );
      assert.equal(secret.immutable, true);
      const part = (name: string) =>
        JSON.parse(gunzipSync(Buffer.from(secret.data[name] ?? "", "base64")).toString());
      const saved = [...part("manifests.json"), ...part("configmaps.json")] as KubeObject[];
      assert.deepEqual(
        saved.map((of) => `${of.kind}/${of.metadata.name}`),
        [
          `Deployment/${WORKLOAD}`,
          "HorizontalPodAutoscaler/amf-gsu",
          "PodDisruptionBudget/amf",
          "SubscriberSplit/amf",
          "ConfigMap/amf-config",
        ],
      );
      assert.ok(saved.every((of) => of.status === undefined && of.metadata.managedFields === undefined));
      assert.deepEqual(part("versions.json").components[0].images, { nf: "nf:1.0.0" });
      assert.deepEqual((await verify(store, first, [])).note.damage, {});
      for (let i = 0; i < 11; i++) {
        await snap();
        await keeper.clear(target.id, []);
      }
      const kept = await listed(store, target.id);
      assert.equal(kept.length, 10);
      assert.ok(!kept.some(({ id }) => id === first.id));
      const map = `/api/v1/namespaces/${NAMESPACE}/configmaps/amf-config`;
      const before = await api.get<KubeObject & { data: object }>(map);
      await api.patch(map, { data: { "by-mistake": "x" } });
      const [latest] = kept;
      const config = latest?.parts.find(({ name }) => name === "configmaps.json") ?? assert.fail();
      const { detail } = (await target.putBack?.(
        { ...config, open: () => store.get({ target: target.id, id: latest?.id ?? "" }, config.name) },
        context(),
      )) ?? { detail: "" };
      assert.equal(detail, "ConfigMap/amf-config put back");
      assert.deepEqual((await api.get<KubeObject & { data: object }>(map)).data, before.data);
    });

    it("the API server away for a moment: goes on", async () => {
      const scaling = perform(scale(5, 3, true));
      await lab.fault("apiserver-stop", { seconds: 2 });
      assert.match((await scaling).detail, /5 of 5/);
    });
  });
});
