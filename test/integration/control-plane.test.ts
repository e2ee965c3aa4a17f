/**
 * A control plane of three members walks from one release to the next, one member at a time, by plain Redfish calls, under a client
 * that never stops asking; and what becomes of it in trouble. With `PULUMI_ISSU_FULL=1`, since the older release may have to be built
 * once (ESC-23, 24).
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ProbeFigures } from "../../lab/api-probe/figures.ts";
import { Api } from "../../lab/cluster/api.ts";
import { type ControlAddress, control } from "../../lab/control.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { Members } from "../support/members.ts";
import { until } from "../support/until.ts";

const OLD = "1.33.13";
const NEW = "1.34.2";
const image = (release: string) => `https://images.example/caas-${release}.img`;
const IDS = ["cp-1", "cp-2", "cp-3"];

interface Node {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly nodeInfo: { readonly kubeletVersion: string; readonly systemUUID: string };
  };
}

describe("a control plane of three members", function () {
  this.timeout(900_000);
  let lab: Lab;
  let members: Members;
  let api: Api;

  before(async function () {
    if (process.env.PULUMI_ISSU_FULL !== "1") return this.skip();
    this.timeout(1_800_000);
    lab = await startLab({
      name: "test-members",
      nodes: 3,
      cnf: false,
      machines: { release: OLD, spares: 0 },
      controlPlane: { members: 3, release: OLD },
    });
    members = new Members(lab);
    api = new Api(lab.kubeconfigPath);
  });

  after(async function () {
    this.timeout(60_000);
    api?.close();
    await lab?.stop();
  });

  const node = (id: string) => api.get<Node>(`/api/v1/nodes/${id}`);
  const isReady = ({ status }: Node) =>
    status.conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
  const probe = () => lab.endpoints.apiProbe as ControlAddress;
  const watched = async (name: string, work: () => Promise<void>): Promise<ProbeFigures> => {
    await control(probe(), "POST", "/windows", { body: { name } });
    await work();
    const met = await control<ProbeFigures>(probe(), "POST", `/windows/${name}/close`);
    const { calls, firstTryFailures, failures, longestGapMs, watch, reasons } = met;
    console.log(
      `      ${name}: ${JSON.stringify({ calls, firstTryFailures, failures, longestGapMs, watch, reasons })}`,
    );
    return met;
  };
  const unharmed = ({ failures, watch, calls }: ProbeFigures) => {
    assert.ok(calls > 0);
    assert.equal(failures, 0, "calls failed for a client that tries for 5 s");
    assert.equal(watch.missed, 0, "the standing watch missed changes");
  };
  /** As its node says it, too. */
  const runs = async (id: string, release: string): Promise<void> => {
    await members.untilReady(id);
    assert.equal(await members.version(id), `v${release}`);
    await until(`node ${id} to say ${release}`, () =>
      retried(async () => {
        const seen = await node(id);
        return isReady(seen) && seen.status.nodeInfo.kubeletVersion === `v${release}`;
      }),
    );
  };

  it("has each member as a node of its own, on its machine", async () => {
    for (const { id, address } of members.plane.members) {
      const seen = await node(id);
      assert.ok(isReady(seen));
      assert.equal(seen.metadata.labels["node-role.kubernetes.io/control-plane"], "");
      assert.deepEqual(
        seen.spec.taints?.map(({ key, effect }) => `${key}:${effect}`),
        ["node-role.kubernetes.io/control-plane:NoSchedule"],
      );
      assert.equal(seen.status.addresses.find(({ type }) => type === "InternalIP")?.address, address);
      assert.equal(seen.status.nodeInfo.systemUUID, id);
      await runs(id, OLD);
    }
    assert.equal((await lab.status()).state, "up");
  });

  it("goes to the next release member by member, and no client that tries again notices", async () => {
    await api.create(deployment("steady", lab.namespace));
    await podsReady(api, lab.namespace, "steady", 2);
    let moved = 0;
    const met = await watched("upgrade", async () => {
      for (const [n, id] of IDS.entries()) {
        if (await members.moveLeaderFrom(id)) moved += 1;
        const { memberId, leader } = await members.etcd(id);
        assert.ok(leader !== undefined && leader !== memberId, `${id} is about to be rebooted as leader`);
        await members.bootImage(id, image(NEW));
        await runs(id, NEW);
        for (const [m, other] of IDS.entries())
          assert.equal(await members.version(other), `v${m <= n ? NEW : OLD}`);
        if (n === 0) {
          // Mixed: back to what is on the disk, and forward again.
          await members.bootFromDisk(id, OLD);
          await runs(id, OLD);
          await members.bootFromDisk(id, NEW);
          await runs(id, NEW);
        }
      }
    });
    unharmed(met);
    assert.ok(moved >= 1, "the leader was never in the way");
    // Whoever leads among controllers and schedulers now does the work.
    await api.patch(`/apis/apps/v1/namespaces/${lab.namespace}/deployments/steady`, {
      spec: { replicas: 4 },
    });
    await podsReady(api, lab.namespace, "steady", 4);
  });

  it("serves on when a member loses its power, and has it back", async () => {
    const met = await watched("power-lost", async () => {
      await members.moveLeaderFrom("cp-3");
      await lab.fault("power-lost", { machine: "cp-3" });
      await members.untilReady("cp-3", false);
      await lab.clearFaults();
      await runs("cp-3", NEW);
    });
    unharmed(met);
  });

  it("serves on while one API server never gets ready, and while one etcd finds no room", async () => {
    const met = await watched("sick member", async () => {
      await lab.fault("apiserver-unready", { machine: "cp-1", release: NEW });
      await members.untilReady("cp-1", false);
      await lab.clearFaults();
      await members.untilReady("cp-1");
      await members.moveLeaderFrom("cp-2");
      await lab.fault("etcd-disk-full", { machine: "cp-2" });
      await members.untilReady("cp-2", false);
      await lab.clearFaults();
      await members.untilReady("cp-2");
    });
    unharmed(met);
  });

  it("says of a boot that failed that it failed, and serves on", async () => {
    await lab.fault("boot-fails", { machine: "cp-1" });
    await members.moveLeaderFrom("cp-1");
    await assert.rejects(members.bootImage("cp-1", image(OLD)), /no boot device answers/);
    await members.untilReady("cp-1", false);
    await lab.clearFaults();
    await members.bootFromDisk("cp-1", NEW);
    await runs("cp-1", NEW);
  });
});

const deployment = (name: string, namespace: string) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, namespace },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "nf", image: "nf:1" }] },
    },
  },
});

/** A question whose connection broke is asked again, as every client of an API server does. */
const retried = (ask: () => Promise<boolean>): Promise<boolean> => ask().catch(() => false);

async function podsReady(api: Api, namespace: string, app: string, count: number): Promise<void> {
  await until(
    `${count} pods of ${app}`,
    () =>
      retried(async () => {
        const pods = await api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3D${app}`);
        const running = pods.filter((pod) => (pod.status as { phase?: string }).phase === "Running");
        return running.length === count;
      }),
    60_000,
  );
}
