/** Campaigns that take the control plane along: drivers, journal and snapshots; members on loopback, machines of the lab. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { Probe } from "#sdk/cli/probe.js";
import { openSite } from "#sdk/cli/site.js";
import { EtcdMembers } from "#sdk/drivers/etcd/index.js";
import type { CaasSpec } from "#sdk/policy/caas-spec.js";
import { caasStages } from "#sdk/policy/caas-stages.js";
import { Sessions } from "#sdk/provider/sessions.js";
import type { DeclaredInputs } from "#sdk/provider/stage-inputs.js";
import { Machines } from "../../lab/machines/daemon.ts";
import { Authority, StubMembers } from "../support/stub-members.ts";
import { StubNodes } from "../support/stub-nodes.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const MEMBERS = { "cp-1": "127.0.0.2", "cp-2": "127.0.0.3", "cp-3": "127.0.0.4" };
const NODES = ["node-1", "node-2"];
const STAGES = caasStages({
  pools: [{ name: "workers" }],
  controlPlane: {},
} as never as CaasSpec);

describe("a campaign that takes the control plane along", function () {
  this.timeout(240_000);
  let cluster: StubNodes;
  let plane: StubMembers;
  let machines: Machines;
  let dir: string;
  let logDir: string | undefined;
  let lines: string[];

  beforeEach(async () => {
    lines = [];
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-members-"));
    logDir = process.env.ISSU_LOG_DIR;
    process.env.ISSU_LOG_DIR = path.join(dir, "log");
    const web = { name: "web", replicas: 3, minAvailable: 2 };
    cluster = await new StubNodes(NODES, OLD, [web], MEMBERS).start();
    plane = await new StubMembers(cluster, MEMBERS, OLD).start();
    const ids = [...NODES, ...Object.keys(MEMBERS)];
    machines = await Machines.start(
      {
        machines: [
          ...ids.map((id) => ({ id, assetTag: "workers", labels: {}, release: OLD })),
          { id: "spare-1", assetTag: "workers", labels: {} },
        ],
        port: 0,
        credentials: { userName: "u", password: "p" },
        scale: 0.0001,
        log: () => undefined,
      },
      plane,
    );
  });

  afterEach(async () => {
    if (logDir === undefined) delete process.env.ISSU_LOG_DIR;
    else process.env.ISSU_LOG_DIR = logDir;
    await machines.stop();
    await plane.stop();
    await cluster.stop();
    await fs.rm(dir, { recursive: true });
  });

  const inputs = (version: string, at: object = {}, more: object = {}) =>
    ({
      target: {
        kind: "caas",
        name: "edge",
        namespace: "core",
        kubeconfig: cluster.kubeconfig,
        journal: `file://${dir}/journal`,
        ...at,
        at: {
          machines: { url: `http://127.0.0.1:${machines.port}`, username: "u", password: "p" },
          controlPlane: {
            apiPort: plane.apiPort,
            etcd: { port: plane.etcdPort, ca: plane.authority.ca, ...plane.client },
            ...("at" in at ? (at.at as object) : {}),
          },
        },
      },
      spec: {
        name: "edge",
        version,
        images: Object.fromEntries(
          [OLD, NEW, "1.34.9"].map((v) => [v, { url: `https://images.example/caas-${v}.img` }]),
        ),
        pools: [{ name: "workers", selector: { role: "worker" }, soak: "0s" }],
        controlPlane: { soak: "300ms" },
        ...more,
      },
      upgrade: { snapshot: { store: `file://${dir}/snapshots`, encrypt: "none" } },
    }) as unknown as DeclaredInputs;

  async function up(version: string, at: object = {}, more: object = {}): Promise<string[]> {
    const sessions = new Sessions();
    const { session, problems } = await sessions.get(inputs(version, at, more));
    if (!session) throw new Error(problems.map((one) => `${one.path}: ${one.message}`).join("\n"));
    const reporter = { tick: (line: string) => lines.push(line), say: () => undefined };
    const states: string[] = [];
    try {
      for (const stage of STAGES) states.push((await session.runStage(stage, reporter)).state);
    } finally {
      await session.close();
      await sessions.settle();
    }
    return states;
  }

  /** @param whole with how machines and members are reached. */
  async function status(whole: boolean) {
    const kubeconfig = path.join(dir, "kubeconfig");
    const at = path.join(dir, "at.json");
    await fs.writeFile(kubeconfig, cluster.kubeconfig);
    await fs.writeFile(at, JSON.stringify(inputs(NEW).target.at));
    const site = await openSite(
      { kubeconfig, journal: `file://${dir}/journal`, ...(whole ? { at } : {}) },
      "caas/core/edge",
    );
    return new Probe(site, "caas/core/edge", 0).look(false);
  }

  const kubelets = () => [...cluster.nodes.keys()].sort().map((name) => cluster.kubelet(name));
  const five = (version: string) => Array.from({ length: 5 }, () => `v${version}`);
  const nobodyCordoned = () =>
    [...cluster.nodes.values()].every(({ spec }) => spec.unschedulable === undefined);

  it("saves etcd, takes members one by one and the leader last, then the nodes, under an API that fails for seconds", async () => {
    let until = 0;
    let met = 0;
    cluster.trouble = () => {
      if (Date.now() >= until) return undefined;
      const kinds = ["reset", 503, undefined, 429] as const;
      return kinds[met++ % kinds.length];
    };
    const down = plane.down.bind(plane);
    plane.down = async (name) => {
      until = Date.now() + 1_000;
      await down(name);
    };
    const states = await up(NEW);
    assert.deepEqual(states, ["done", "done", "done", "done", "skipped", "done"]);
    assert.ok(met > 10, `${met} requests met trouble`);
    assert.deepEqual(plane.wrongs, []);
    assert.deepEqual(plane.booted, ["cp-2", "cp-3", "cp-1"]);
    assert.equal(plane.handOvers.length, 1);
    assert.match(plane.handOvers[0] ?? "", /^cp-1 -> cp-[23]$/);
    assert.deepEqual(kubelets(), five(NEW));
    assert.ok(nobodyCordoned());
    const files = await fs.readdir(path.join(dir, "snapshots"), { recursive: true });
    const saved = files.find((one) => one.endsWith("etcd.db.part"));
    assert.ok(saved, files.join());
    const bytes = await fs.readFile(path.join(dir, "snapshots", saved));
    assert.ok(bytes.subarray(0, plane.content.length).equals(plane.content));
    assert.deepEqual(new Set(await up(NEW)), new Set(["idle"]));
    const { rows = [] } = await status(true);
    const shown = new Map(rows.map(({ object, state }) => [object, state]));
    assert.equal(shown.get("control plane"), "3 of 3 well");
    assert.equal(shown.get("pool workers"), `2 of 2 at ${NEW}`);
    assert.equal(shown.get("node cp-1"), "ready");
    const without = await status(false);
    assert.ok(without.rows?.some(({ object }) => object === "pool workers"));
    assert.ok(!without.rows?.some(({ object }) => object === "control plane"));
  });

  it("moves leadership off again after an election, and goes back when a member does not come up", async () => {
    let elections = 0;
    plane.asked = () => {
      // The step that boots cp-2 has begun, and asks once more.
      if (elections > 0 || !/re-image cp-2/.test(lines.at(-1) ?? "")) return;
      elections += 1;
      plane.leader = plane.named("cp-2").id;
    };
    machines.fault("wrong-version", { machine: "cp-3" });
    await assert.rejects(up(NEW), (error: Error) => {
      assert.match(error.message, /control-plane failed: cp-3 came back with 1\.33\.6, not 1\.34\.2/);
      assert.match(error.message, /was rolled back in .*1\.33\.6 serves alone/);
      return true;
    });
    assert.equal(elections, 1);
    assert.ok(plane.handOvers.some((one) => one.startsWith("cp-2 ->")));
    assert.deepEqual(plane.wrongs, []);
    assert.deepEqual(kubelets(), five(OLD));
    assert.deepEqual(plane.booted.slice(0, 2), ["cp-2", "cp-3"]);
    assert.equal(plane.booted.at(-1), "cp-2");
    assert.ok(!plane.booted.includes("cp-1"));
    assert.ok(nobodyCordoned());
  });

  it("takes the control plane back after the nodes when a wave of nodes fails", async () => {
    machines.fault("wrong-version", { machine: "node-2" });
    await assert.rejects(up(NEW), /pool-workers failed: node-2 came back with 1\.33\.6.*was rolled back/s);
    assert.deepEqual(kubelets(), five(OLD));
    assert.deepEqual(plane.wrongs, []);
    assert.deepEqual(plane.booted, ["cp-2", "cp-3", "cp-1", "cp-1", "cp-3", "cp-2"]);
    assert.ok(plane.members.every(({ version }) => version === OLD));
  });

  it("touches nothing while another member is not well", async () => {
    plane.asked = () => {
      if (lines.some((line) => /drain cp-2/.test(line))) plane.named("cp-3").behind = 5_000;
    };
    const sessions = new Sessions();
    const { session } = await sessions.get(inputs(NEW));
    assert.ok(session);
    const reporter = {
      tick: (line: string) => {
        lines.push(line);
        if (/waiting for cp-3: its etcd is \d+ entries behind/.test(line)) session.stop("seen");
      },
      say: () => undefined,
    };
    await session.runStage("preflight", reporter);
    await session.runStage("snapshot", reporter);
    await assert.rejects(session.runStage("control-plane", reporter), /stopped: seen/);
    assert.deepEqual(plane.booted, []);
    plane.asked = () => undefined;
    plane.named("cp-3").behind = 0;
    await assert.rejects(up("1.34.9"), /A campaign to 1\.34\.2 is open/);
    assert.ok((await up(OLD)).includes("done"));
    assert.ok(nobodyCordoned());
    assert.deepEqual(plane.booted, []);
  });

  it("begins nothing with a snapshot that is damaged", async () => {
    plane.damaged = true;
    await assert.rejects(
      up(NEW),
      /snapshot failed: etcd at 127\.0\.0\.\d: the snapshot's checksum is not that of what came/,
    );
    assert.deepEqual(plane.booted, []);
  });

  it("names all that is wrong before anything is touched", async () => {
    plane.named("cp-2").errors = ["memberID:7 alarm:NOSPACE "];
    plane.named("cp-3").metrics = [
      "# TYPE apiserver_requested_deprecated_apis gauge",
      'apiserver_requested_deprecated_apis{group="example.io",removed_release="1.34",resource="things",subresource="",version="v1beta1"} 1',
      'apiserver_requested_deprecated_apis{group="",removed_release="",resource="componentstatuses",subresource="",version="v1"} 1',
    ].join("\n");
    await assert.rejects(up(NEW), (error: Error) => {
      assert.match(error.message, /refused, nothing was touched/);
      assert.match(error.message, /cp-2: its etcd reports memberID:7 alarm:NOSPACE/);
      assert.match(error.message, /example\.io\/v1beta1 things \(gone in 1\.34\)/);
      assert.doesNotMatch(error.message, /componentstatuses/);
      return true;
    });
    const stranger = new Authority();
    await assert.rejects(
      up(NEW, { at: { etcd: { port: plane.etcdPort, ca: stranger.ca, ...plane.client } } }),
      /cp-1: its etcd does not answer.*shows a certificate that is not trusted/,
    );
    await assert.rejects(
      up(NEW, { at: { etcd: { port: plane.etcdPort, ca: plane.authority.ca, ...stranger.sign("x") } } }),
      /cp-1: its etcd does not answer/,
    );
    assert.deepEqual(plane.booted, []);
  });

  it("refuses a journal in the etcd that is upgraded, and keys that are none, without showing them", async () => {
    await assert.rejects(
      up(NEW, { journal: "kubernetes://core" }),
      /journal: Got "kubernetes:\/\/core"\. Expected a place outside of this cluster/,
    );
    await assert.rejects(
      up(NEW, {
        at: { etcd: { ca: "pass-word-1", certificate: plane.client.certificate, key: "pass-word-2" } },
      }),
      (error: Error) => {
        assert.match(error.message, /controlPlane\.etcd\.ca: .*as PEM/);
        assert.match(error.message, /controlPlane\.etcd\.key: /);
        assert.doesNotMatch(error.message, /pass-word/);
        return true;
      },
    );
  });

  it("asks etcd for what it needs, and says what went wrong", async () => {
    const etcd = new EtcdMembers({ port: plane.etcdPort, ca: plane.authority.ca, ...plane.client });
    const state = await etcd.state(MEMBERS["cp-2"]);
    assert.equal(state.id, plane.named("cp-2").id);
    assert.equal(state.follows, plane.leader);
    const follower = plane.named("cp-2");
    await assert.rejects(
      etcd.moveLeader(follower.address, follower.id),
      /transfer-leadership: etcdserver: not leader/,
    );
    assert.equal((await etcd.members(MEMBERS["cp-1"])).length, 3);
    await plane.down("cp-3");
    await assert.rejects(etcd.state(MEMBERS["cp-3"]), /etcd at 127\.0\.0\.4:\d+ can't be reached/);
  });
});
