/** Members of a control plane on their machines: what runs there through boots, ends and faults. The programs are stand-ins. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterRecord } from "../../lab/cluster/index.ts";
import { createPki, type Pki } from "../../lab/cluster/pki.ts";
import { MembersHost } from "../../lab/control-plane/host.ts";
import { type Member, memberNode, members, memberTable } from "../../lab/control-plane/members.ts";
import { KeptPrograms } from "../../lab/control-plane/programs-kept.ts";
import type { MachineFault } from "../../lab/machines/faults.ts";
import type { NodeHost } from "../../lab/machines/machine.ts";
import { until } from "../support/until.ts";

const OLD = "1.33.13";
const NEW = "1.34.2";
const NAMES = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

describe("a member of the control plane", function () {
  this.timeout(60_000);
  const [member] = members(1, "127.9.0.0/16") as readonly [Member];
  let dir: string;
  let pki: Pki;
  let cluster: ClusterRecord;
  let kept: KeptPrograms;

  /** It says what it was started with, and runs until it is ended. */
  function program(name: string, release = ""): string {
    const file = join(dir, `${name}${release}`);
    writeFileSync(file, `#!/bin/sh\necho "${release} $@" >> "${dir}/${name}.starts"\nexec sleep 600\n`);
    chmodSync(file, 0o755);
    return file;
  }
  const starts = (name: string): readonly string[] => {
    const file = join(dir, `${name}.starts`);
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  };
  const table = () => memberTable(dir, member);
  const running = () =>
    table()
      .list()
      .filter((one) => one.running)
      .map(({ name }) => name)
      .sort();
  const allRun = () => until("all programs to run", () => NAMES.every((name) => starts(name).length > 0));

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), "lab-members-"));
    pki = await createPki(join(dir, "pki"), [member.address]);
    const servers = (release: string) => ({
      kubeApiserver: program("kube-apiserver", release),
      kubeControllerManager: program("kube-controller-manager", release),
      kubeScheduler: program("kube-scheduler", release),
    });
    cluster = {
      dir,
      programs: { etcd: program("etcd"), kwok: "kwok", ...servers(NEW) },
      ports: {
        apiserver: 1,
        etcdClient: 1,
        etcdPeer: 1,
        controllerManager: 1,
        scheduler: 1,
        apiProxy: 1,
      },
      podCidr: "127.9.0.0/16",
      namespace: "core",
      controlPlane: {
        members: [member],
        release: OLD,
        programs: { [OLD]: servers(OLD), [NEW]: servers(NEW) },
      },
    };
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  beforeEach(() => {
    for (const name of NAMES) rmSync(join(dir, `${name}.starts`), { force: true });
    kept = new KeptPrograms(cluster, pki, member, () => undefined);
  });
  afterEach(() => kept.stop(true));

  it("runs the programs of the release that is booted, on the same data", async () => {
    kept.start(OLD);
    await allRun();
    assert.deepEqual(running(), NAMES);
    await kept.stop(false);
    assert.deepEqual(running(), []);
    kept.start(NEW);
    await until("the new API server", () => starts("kube-apiserver").length === 2);
    const [before = "", after = ""] = starts("kube-apiserver");
    assert.match(before, /^1\.33\.13 .*--bind-address=127\.9\.255\.11/);
    assert.match(after, /^1\.34\.2 /);
    const data = starts("etcd").map((line) => /--data-dir=(\S+)/.exec(line)?.[1]);
    assert.equal(new Set(data).size, 1);
    assert.match(starts("kube-controller-manager")[0] ?? "", /--leader-elect=true/);
  });

  it("refuses a release that the lab has no programs of", () => {
    assert.throws(() => kept.start("1.35.0"), /got 1\.35\.0, expected .*1\.33\.13, 1\.34\.2/);
    assert.deepEqual(running(), []);
  });

  it("starts again what ends by itself, and nothing after it was stopped", async () => {
    kept.start(OLD);
    await allRun();
    table().kill("kube-scheduler", "SIGKILL");
    await until("another scheduler", () => starts("kube-scheduler").length === 2);
    await kept.stop(true);
    assert.deepEqual(running(), []);
  });

  it("has the API server of one release get nowhere while that fault acts", async () => {
    const fault = (how: string): MachineFault => ({
      name: "apiserver-unready",
      params: { machine: member.id, release: NEW, how },
      since: new Date().toISOString(),
    });
    kept.setFaults([fault("hang")]);
    kept.start(OLD);
    await allRun();
    assert.match(starts("kube-apiserver").at(-1) ?? "", /--etcd-servers=https:\/\/127\.9\.255\.11:2379/);
    await kept.stop(true);
    kept.start(NEW);
    await until("the new API server", () => /--etcd-servers=https:\/\/127\.0\.0\.1:1\b/.test(last()));
    kept.setFaults([fault("crash")]);
    await until("it to be started anew", () => /--flag-of-the-former-release/.test(last()));
    kept.setFaults([]);
    await until(
      "it to be as it should",
      () => /--etcd-servers=https:\/\/127\.9/.test(last()) && !/former/.test(last()),
    );
    function last() {
      return starts("kube-apiserver").at(-1) ?? "";
    }
  });

  it("has etcd end when its disk is full, and run again when it is not", async () => {
    kept.start(OLD);
    await allRun();
    const limitOf = () => {
      const pid = table()
        .list()
        .find(({ name }) => name === "etcd")?.pid;
      return /^Max file size\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
    };
    assert.equal(limitOf(), "unlimited");
    const since = new Date().toISOString();
    kept.setFaults([{ name: "etcd-disk-full", params: { machine: member.id }, since }]);
    await until("the limit", () => limitOf() === "0");
    kept.setFaults([]);
    await until("no limit any more", () => limitOf() === "unlimited");
  });

  it("has etcd stand still again and again while its disk is slow", async () => {
    kept.start(OLD);
    await allRun();
    const state = () => {
      const pid = table()
        .list()
        .find(({ name }) => name === "etcd")?.pid;
      return /^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    };
    const params = { machine: member.id, stallMs: 100, everyMs: 200 };
    kept.setFaults([{ name: "etcd-disk-slow", params, since: "now" }]);
    await until("it to stand still", () => state() === "T");
    await until("it to go on", () => state() === "S");
    await until("it to stand still again", () => state() === "T");
    kept.setFaults([]);
    await until("it to go on for good", () => state() === "S");
  });

  it("has a node that says so", () => {
    const node = memberNode(member, "v1.33.13", { "topology.kubernetes.io/zone": "zone-a" }) as unknown as {
      metadata: { name: string; labels: Record<string, string> };
      spec: unknown;
      status: { addresses: unknown[]; nodeInfo: Record<string, string> };
    };
    assert.equal(node.metadata.labels["node-role.kubernetes.io/control-plane"], "");
    assert.ok(!("node-role.kubernetes.io/worker" in node.metadata.labels));
    assert.deepEqual(node.spec, {
      taints: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }],
    });
    assert.deepEqual(node.status.addresses[0], { type: "InternalIP", address: "127.9.255.11" });
    assert.equal(node.status.nodeInfo.systemUUID, "cp-1");
    assert.equal(node.status.nodeInfo.kubeletVersion, "v1.33.13");
  });

  it("boots though nobody answers for its node, and says the last word when somebody does", async () => {
    const said: string[] = [];
    let answers = false;
    const say = async (what: string) => {
      if (!answers) throw new Error("no API");
      said.push(what);
    };
    const nodes: NodeHost = {
      down: () => say("down"),
      up: (_, version) => say(`up ${version}`),
      ready: () => say("ready"),
    };
    const others: NodeHost = { ...nodes, up: async (name) => void said.push(`other ${name}`) };
    const host = new MembersHost(new Map([[member.id, kept]]), nodes, others, () => undefined);
    await host.up("node-1", OLD, {});
    await host.up(member.id, OLD, {});
    await host.down(member.id, true);
    await host.up(member.id, NEW, {});
    await allRun();
    answers = true;
    await until("the node to be reported", () => said.length > 1);
    assert.deepEqual(said, ["other node-1", `up ${NEW}`]);
    host.leave();
  });
});
