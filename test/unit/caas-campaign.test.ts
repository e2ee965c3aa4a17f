/** Campaigns of a cluster as the provider runs them: kind, session, journal, drivers; machines of the lab, a cluster in memory. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { kinds } from "#sdk/kinds/index.js";
import type { CaasSpec } from "#sdk/policy/caas-spec.js";
import { caasStages } from "#sdk/policy/caas-stages.js";
import { Sessions } from "#sdk/provider/sessions.js";
import type { DeclaredInputs } from "#sdk/provider/stage-inputs.js";
import { Machines } from "../../lab/machines/daemon.ts";
import { StubNodes } from "../support/stub-nodes.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const NODES = ["node-1", "node-2", "node-3"];
const quiet = { tick: () => undefined, say: () => undefined };

describe("a campaign on a CaaS cluster", function () {
  this.timeout(120_000);
  let cluster: StubNodes;
  let machines: Machines;
  let dir: string;
  let logDir: string | undefined;

  beforeEach(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-caas-"));
    logDir = process.env.ISSU_LOG_DIR;
    process.env.ISSU_LOG_DIR = path.join(dir, "log");
    cluster = await new StubNodes(NODES, OLD, [{ name: "web", replicas: 5, minAvailable: 4 }]).start();
    machines = await Machines.start(
      {
        machines: [
          ...NODES.map((id) => ({ id, assetTag: "workers", labels: {}, release: OLD })),
          { id: "spare-1", assetTag: "workers", labels: {} },
        ],
        port: 0,
        credentials: { userName: "u", password: "p" },
        scale: 0.0001,
        log: () => undefined,
      },
      cluster,
    );
  });

  afterEach(async () => {
    if (logDir === undefined) delete process.env.ISSU_LOG_DIR;
    else process.env.ISSU_LOG_DIR = logDir;
    await machines.stop();
    await cluster.stop();
    await fs.rm(dir, { recursive: true });
  });

  const inputs = (version: string, more: object = {}) =>
    ({
      target: {
        kind: "caas",
        name: "edge",
        namespace: "core",
        kubeconfig: cluster.kubeconfig,
        at: { machines: { url: `http://127.0.0.1:${machines.port}`, username: "u", password: "p" } },
        journal: `file://${dir}/journal`,
      },
      spec: {
        name: "edge",
        version,
        images: Object.fromEntries(
          [OLD, NEW].map((v) => [v, { url: `https://images.example/caas-${v}.img` }]),
        ),
        pools: [{ name: "workers", selector: { role: "worker" }, soak: "0s" }],
        ...more,
      },
      upgrade: { snapshot: { store: `file://${dir}/snapshots`, encrypt: "none" } },
    }) as unknown as DeclaredInputs;

  async function up(version: string, more: object = {}): Promise<string[]> {
    const sessions = new Sessions();
    const { session, problems } = await sessions.get(inputs(version, more));
    assert.deepEqual(problems, []);
    assert.ok(session);
    const states: string[] = [];
    try {
      for (const stage of caasStages({ pools: [{ name: "workers" }] } as never as CaasSpec))
        states.push((await session.runStage(stage, quiet)).state);
    } finally {
      await session.close();
      await sessions.settle();
    }
    return states;
  }

  const kubelets = () => [...cluster.nodes.keys()].sort().map((name) => cluster.kubelet(name));
  const nobodyCordoned = () =>
    [...cluster.nodes.values()].every(({ spec }) => spec.unschedulable === undefined);

  it("runs to its end, has nothing to do after, and goes back like any other", async () => {
    assert.deepEqual(await up(NEW), ["done", "done", "done", "done"]);
    assert.deepEqual(kubelets(), [`v${NEW}`, `v${NEW}`, `v${NEW}`]);
    assert.deepEqual(await up(NEW), ["idle", "idle", "idle", "idle"]);
    assert.deepEqual(await up(OLD), ["done", "done", "done", "done"]);
    assert.deepEqual(kubelets(), [`v${OLD}`, `v${OLD}`, `v${OLD}`]);
    assert.ok(nobodyCordoned());
    assert.ok((cluster.fewest.get("web") ?? 0) >= 4);
  });

  it("takes itself back when a node comes back with another version", async () => {
    machines.fault("disk-full", { machine: "node-2" });
    await assert.rejects(up(NEW), (error: Error) => {
      assert.match(
        error.message,
        /node-2 came back with 1\.33\.6, not 1\.34\.2 \(its machine says: .*no space left/,
      );
      assert.match(error.message, /was rolled back in .*1\.33\.6 serves alone/);
      return true;
    });
    assert.deepEqual(kubelets(), [`v${OLD}`, `v${OLD}`, `v${OLD}`]);
    assert.ok(nobodyCordoned());
    assert.equal(machines.machines.get("spare-1")?.power, "Off");
    await assert.rejects(up(NEW), /is quarantined/);
    assert.deepEqual(await up(OLD), ["idle", "idle", "idle", "idle"]);
  });

  it("refuses before anything is touched, with every blocker", async () => {
    cluster.budgets.get("web").spec.minAvailable = 5;
    await cluster.ready("node-1", true);
    const hour = (new Date().getUTCHours() + 3) % 24;
    const window = { from: `${hour}:00`, to: `${hour}:30`, timeZone: "UTC" };
    await assert.rejects(up(NEW, { window }), (error: Error) => {
      assert.match(error.message, /refused, nothing was touched/);
      assert.match(error.message, /never lets one of its 5 pods go/);
      assert.match(error.message, /outside the maintenance window/);
      return true;
    });
    assert.equal(cluster.answered.filter((one) => /^(PATCH|DELETE|POST .*eviction)/.test(one)).length, 0);
  });

  it("rests when the window closes half-way, goes on inside the next one, and returns outside of any", async () => {
    // By the cluster's clock it is 01:00 in the morning.
    const midnight = new Date().setUTCHours(0, 0, 0, 0);
    const at = (hours: number) => {
      cluster.aheadMs = midnight + hours * 3_600_000 - Date.now();
    };
    const window = { from: "01:00", to: "03:00", timeZone: "UTC" };
    const { up: comesUp } = cluster;
    cluster.up = async (name, version) => {
      await comesUp.call(cluster, name, version);
      if (name === "node-1") at(4);
    };
    at(1);
    assert.deepEqual(await up(NEW, { window }), ["done", "done", "held", "held"]);
    const newer = () => kubelets().filter((one) => one === `v${NEW}`).length;
    // The spare machine has the new release too.
    assert.equal(newer(), 2);
    assert.deepEqual(await up(NEW, { window }), ["held", "held", "held", "held"]);
    assert.equal(newer(), 2);
    cluster.up = comesUp;
    at(25.5);
    assert.equal((await up(NEW, { window })).at(-1), "done");
    assert.deepEqual(kubelets(), [`v${NEW}`, `v${NEW}`, `v${NEW}`]);
    cluster.up = async (name, version) => {
      await comesUp.call(cluster, name, version);
      if (name === "node-1") at(28);
    };
    assert.deepEqual(await up(OLD, { window }), ["done", "done", "held", "held"]);
    await up(NEW, { window });
    assert.deepEqual(kubelets(), [`v${NEW}`, `v${NEW}`, `v${NEW}`]);
    assert.ok(nobodyCordoned());
    assert.ok((cluster.fewest.get("web") ?? 0) >= 4);
  });

  it("knows a cluster from what it shows, for a journal that begins anew", async () => {
    const address = inputs(NEW).target;
    const { target } = await (kinds.caas as NonNullable<typeof kinds.caas>).connect(address);
    const shown = kinds.caas?.shown(await target.observe(), address);
    assert.equal(shown?.serving?.version, OLD);
    assert.equal(shown?.coming, undefined);
  });
});
