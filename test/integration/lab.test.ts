/**
 * The lab: a real control plane that comes up, serves pods on addresses of its own, stands beside another, and leaves
 * nothing behind.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AppsV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
} from "@kubernetes/client-node";
import { type Lab, LabRunningError, NoLabError, openLab, startLab, stopLab } from "../../lab/lab.ts";
import { isPortFree } from "../../lab/network.ts";
import { identify, ProcessStartError, ProcessTable } from "../../lab/processes.ts";
import { readRecord } from "../../lab/record.ts";
import { until } from "../support/until.ts";

const VERSION = "pulumi-issu.dev/version";

/** A control plane alone, with few nodes: what these tests are about. */
const small = { nodes: 3, cnf: false } as const;

function client(path: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(path);
  return config;
}

async function deploy(lab: Lab, name: string, version: string, replicas = 2): Promise<void> {
  const labels = { app: name, [VERSION]: version };
  // As the operator: its rights suffice for what a campaign creates.
  await client(lab.operatorKubeconfigPath)
    .makeApiClient(AppsV1Api)
    .createNamespacedDeployment({
      namespace: lab.namespace,
      body: {
        metadata: { name },
        spec: {
          replicas,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels },
            spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "nf", image: `amf:${version}` }] },
          },
        },
      },
    });
}

async function pods(lab: Lab, name: string) {
  const api = client(lab.kubeconfigPath).makeApiClient(CoreV1Api);
  const { items } = await api.listNamespacedPod({ namespace: lab.namespace, labelSelector: `app=${name}` });
  return items.map((pod) => ({
    name: pod.metadata?.name ?? "",
    node: pod.spec?.nodeName,
    ip: pod.status?.podIP ?? "",
    ready: pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false,
  }));
}

async function untilReady(lab: Lab, name: string, count: number) {
  await until(`${count} pods of ${name} ready`, async () => {
    const all = await pods(lab, name);
    return all.length === count && all.every((pod) => pod.ready);
  });
  return pods(lab, name);
}

/** Every port of a lab that something still listens on. */
async function busyPorts(ports: readonly number[]): Promise<readonly number[]> {
  const busy: number[] = [];
  for (const port of ports) if (!(await isPortFree(port))) busy.push(port);
  return busy;
}

function portsOf(lab: Lab): readonly number[] {
  const record = readRecord(lab.dir);
  assert.ok(record);
  return Object.values(record.cluster.ports);
}

describe("lab", function () {
  this.timeout(180_000);
  let root: string;

  before(() => {
    root = mkdtempSync(join(tmpdir(), "lab-test-"));
  });

  after(async () => {
    for (const name of ["one", "two", "broken"]) await stopLab(name, root);
    rmSync(root, { recursive: true, force: true });
  });

  describe("one", () => {
    let lab: Lab;

    before(async () => {
      lab = await startLab({ ...small, name: "one", root });
    });

    after(async () => {
      await lab.stop();
    });

    it("says that it is up, with every process and node", async () => {
      const status = await lab.status();
      assert.equal(status.state, "up", status.problems.join("; "));
      assert.deepEqual(status.nodes, { total: 3, ready: 3 });
      assert.deepEqual(status.processes.map((p) => p.name).sort(), [
        "api-proxy",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
      ]);
      assert.ok(!JSON.stringify(status).includes("PRIVATE KEY"));
    });

    it("keeps its keys and kubeconfigs to their owner", () => {
      for (const file of [lab.kubeconfigPath, lab.operatorKubeconfigPath, join(lab.dir, "lab.json")]) {
        assert.equal(statSync(file).mode & 0o077, 0, file);
      }
      for (const file of readdirSync(join(lab.dir, "pki"))) {
        assert.equal(statSync(join(lab.dir, "pki", file)).mode & 0o077, 0, file);
      }
    });

    it("spreads nodes over failure domains", async () => {
      const { items } = await client(lab.kubeconfigPath).makeApiClient(CoreV1Api).listNode();
      const zones = new Set(items.map((node) => node.metadata?.labels?.["topology.kubernetes.io/zone"]));
      assert.equal(zones.size, 3);
    });

    it("makes a Deployment's pods ready, each on a loopback address of the lab's own that can be listened on", async () => {
      await deploy(lab, "amf", "1.0.0", 3);
      const ready = await untilReady(lab, "amf", 3);
      const prefix = lab.podCidr.split(".").slice(0, 2).join(".");
      assert.equal(new Set(ready.map((pod) => pod.ip)).size, 3);
      for (const { ip } of ready) {
        assert.ok(ip.startsWith(`${prefix}.`), ip);
        await new Promise<void>((resolve, reject) => {
          const server = createServer().once("error", reject);
          server.listen({ host: ip, port: 0 }, () => server.close(() => resolve()));
        });
      }
    });

    it("gives the operator the rights of docs/rbac.yaml and no more", async () => {
      const api = client(lab.operatorKubeconfigPath).makeApiClient(AuthorizationV1Api);
      const may = async (verb: string, resource: string, group = "", namespace = lab.namespace) => {
        const review = await api.createSelfSubjectAccessReview({
          body: { spec: { resourceAttributes: { verb, resource, group, namespace } } },
        });
        return review.status?.allowed;
      };
      assert.equal(await may("patch", "pods"), true);
      assert.equal(await may("create", "subscribersplits", "pulumi-issu.dev"), true);
      assert.equal(await may("delete", "pods"), false);
      assert.equal(await may("create", "deployments", "apps", "kube-system"), false);
      assert.equal(await may("list", "secrets", "", "kube-system"), false);
    });

    it("has the contract's definitions, with the fence against stale writers", async () => {
      const api = client(lab.operatorKubeconfigPath).makeApiClient(CustomObjectsApi);
      const where = {
        group: "pulumi-issu.dev",
        version: "v1alpha1",
        namespace: lab.namespace,
        plural: "subscribersplits",
      };
      const split = (epoch: number, resourceVersion?: string) => ({
        apiVersion: "pulumi-issu.dev/v1alpha1",
        kind: "SubscriberSplit",
        metadata: { name: "amf", ...(resourceVersion ? { resourceVersion } : {}) },
        spec: { ratio: 0, admission: "by-ratio", pinned: [], epoch },
      });
      const made = await api.createNamespacedCustomObject({ ...where, body: split(2) });
      await assert.rejects(
        api.replaceNamespacedCustomObject({
          ...where,
          name: "amf",
          body: split(1, made.metadata.resourceVersion),
        }),
        /stale epoch/,
      );
    });

    it("writes down who asked what", async () => {
      await until("the operator's request is in the audit log", () =>
        readFileSync(lab.auditLogPath, "utf8")
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line))
          .some(
            (event) =>
              event.user.username === "issu-operator" &&
              event.verb === "create" &&
              event.objectRef?.resource === "deployments",
          ),
      );
    });

    it("is returned when it is asked for again, and refused when it differs", async () => {
      const again = await startLab({ ...small, name: "one", root });
      assert.equal(again.podCidr, lab.podCidr);
      await assert.rejects(startLab({ ...small, nodes: 4, name: "one", root }), (error: Error) => {
        assert.ok(error instanceof LabRunningError);
        assert.match(error.message, /nodes 3, not 4.*down/);
        return true;
      });
    });

    it("keeps a version's pods from becoming ready until the fault is cleared", async () => {
      await lab.fault("pods-never-ready", { version: "6.6.6" });
      await deploy(lab, "bad", "6.6.6");
      await deploy(lab, "good", "6.6.7");
      await untilReady(lab, "good", 2);
      assert.deepEqual(
        (await pods(lab, "bad")).map((pod) => pod.ready),
        [false, false],
      );
      await lab.clearFault("pods-never-ready");
      await untilReady(lab, "bad", 2);
    });

    it("loses a node with what runs on it, and gets it back", async () => {
      const [pod] = await untilReady(lab, "amf", 3);
      assert.ok(pod?.node);
      await lab.fault("node-down", { node: pod.node });
      const moved = await untilReady(lab, "amf", 3);
      assert.ok(moved.every(({ node }) => node !== pod.node));
      await lab.clearFaults();
      assert.deepEqual((await lab.status()).nodes, { total: 3, ready: 3 });
    });

    it("loses its API server for a while, and gets it back by itself", async () => {
      await lab.fault("apiserver-stop", { seconds: 1 });
      assert.equal((await lab.status()).state, "degraded");
      await until("the API server is back", async () => (await lab.status()).state === "up", 60_000);
      await until("the fault is over", () => lab.faults().length === 0);
    });

    it("names what is wrong with a fault", async () => {
      await assert.rejects(lab.fault("slow-boot", { ms: "x", speed: 1 }), (error: Error) => {
        assert.match(error.message, /speed: unknown/);
        assert.match(error.message, /version: missing/);
        assert.match(error.message, /ms: got "x"/);
        return true;
      });
      await assert.rejects(lab.fault("earthquake"), /apiserver-pause/);
    });

    it("is as new after a reset", async () => {
      await lab.reset();
      assert.deepEqual((await lab.status()).pods, { total: 0, ready: 0 });
      const api = client(lab.operatorKubeconfigPath).makeApiClient(CustomObjectsApi);
      const splits = await api.listNamespacedCustomObject({
        group: "pulumi-issu.dev",
        version: "v1alpha1",
        namespace: lab.namespace,
        plural: "subscribersplits",
      });
      assert.deepEqual(splits.items, []);
    });

    it("stands beside another lab", async () => {
      const two = await startLab({ ...small, name: "two", root });
      try {
        assert.notEqual(two.podCidr, lab.podCidr);
        await Promise.all([deploy(lab, "smf", "1.0.0"), deploy(two, "smf", "1.0.0")]);
        const [here, there] = await Promise.all([untilReady(lab, "smf", 2), untilReady(two, "smf", 2)]);
        const shared = here.filter(({ ip }) => there.some((pod) => pod.ip === ip));
        assert.deepEqual(shared, []);
      } finally {
        await two.stop();
      }
      assert.equal((await lab.status()).state, "up");
    });
  });

  it("leaves no process and no port when it is taken down", async () => {
    const lab = await startLab({ ...small, name: "one", root });
    const ports = portsOf(lab);
    const pids = lab.processes.list().map((p) => p.pid);
    assert.equal((await busyPorts(ports)).length, ports.length);
    await lab.stop();
    assert.deepEqual(pids.filter(identify), []);
    assert.deepEqual(await busyPorts(ports), []);
    assert.throws(() => openLab("one", root), NoLabError);
    assert.ok(!existsSync(join(lab.dir, "pki")), "keys are gone");
    assert.equal(await stopLab("one", root), false);
  });

  it("cleans what a crashed lab left before it comes up again", async () => {
    const crashed = await startLab({ ...small, name: "one", root });
    const old = crashed.processes.list();
    crashed.processes.kill("kube-apiserver", "SIGKILL");
    crashed.processes.kill("kwok", "SIGKILL");
    await until("they are dead", () => crashed.processes.list().filter((p) => !p.running).length === 2);
    assert.equal((await crashed.status()).state, "crashed");
    const messages: string[] = [];
    const lab = await startLab({
      ...small,
      name: "one",
      root,
      onProgress: (message) => messages.push(message),
    });
    assert.match(messages.join("\n"), /crashed lab/);
    assert.deepEqual(
      old.filter(({ pid }) => identify(pid)).map((p) => p.name),
      [],
    );
    assert.equal((await lab.status()).state, "up");
    await lab.stop();
  });

  it("never ends a process that has merely been given the id of one of its own", async () => {
    const dir = join(root, "reused");
    const table = new ProcessTable(dir);
    const sleep = { command: "sleep", args: ["60"], ready: async () => {} };
    const { pid } = await table.start({ name: "bystander", ...sleep });
    const file = join(dir, "processes.json");
    const [record] = JSON.parse(readFileSync(file, "utf8"));
    const { writeJson } = await import("../../lab/files.ts");
    writeJson(file, [{ ...record, startTicks: String(Number(record.startTicks) - 1) }]);
    await table.stopAll();
    assert.ok(identify(pid), "the bystander lives");
    writeJson(file, [record]);
    await table.stopAll();
    assert.equal(identify(pid), undefined);
  });

  it("shows the end of the log of a daemon that dies while it starts", async () => {
    const table = new ProcessTable(join(root, "dying"));
    await assert.rejects(
      table.start({
        name: "unlucky",
        command: "sh",
        args: ["-c", "echo no such disk >&2; exit 3"],
        ready: (signal) => new Promise((_, reject) => signal.addEventListener("abort", reject)),
      }),
      (error: Error) => {
        assert.ok(error instanceof ProcessStartError);
        assert.match(error.message, /unlucky ended \(exit code 3\) before it served[\s\S]*no such disk/);
        return true;
      },
    );
    assert.deepEqual(table.list(), []);
  });

  it("refuses options that make no sense, all at once, and starts nothing", async () => {
    await assert.rejects(
      startLab({ name: "broken", root, nodes: 0, subscribers: 5, calls: 9 }),
      (error: Error) => {
        assert.match(error.message, /nodes: got 0/);
        assert.match(error.message, /calls: got 9/);
        return true;
      },
    );
    await assert.rejects(startLab({ name: "../x", root }), /lab name/);
    assert.ok(!existsSync(join(root, "broken")));
  });
});
