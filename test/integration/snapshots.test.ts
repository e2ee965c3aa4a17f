/**
 * Records of the simulated network function saved, lost for real and put back, with its subscribers on it and without a control
 * plane: the lab's side of `DataTransfer` behind a stub of the API (ESC-14, ESC-24).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { ActionContext, DataTransferSpec, DataTransferStatus } from "pulumi-issu/contract";
import { FileSnapshots } from "#sdk/campaign/snapshots/file-snapshots.js";
import { find } from "#sdk/campaign/snapshots/library.js";
import { contentOf } from "#sdk/campaign/snapshots/read-part.js";
import { take } from "#sdk/campaign/snapshots/take.js";
import { verify } from "#sdk/campaign/snapshots/verify.js";
import { cnfTarget, connect } from "#sdk/drivers/kubernetes/index.js";
import { CnfDaemon } from "../../lab/cnf/daemon.ts";
import { control } from "../../lab/control.ts";
import { TrafficDaemon } from "../../lab/traffic/daemon.ts";
import { StubApi } from "../support/stub-api.ts";
import { StubCluster } from "../support/stub-cluster.ts";
import { until } from "../support/until.ts";

const SUBSCRIBERS = 600;
const TRANSFERS = "/apis/pulumi-issu.dev/v1alpha1/namespaces/core/datatransfers";
const OF = { campaign: "1", stage: "gray-50", releases: { to: { version: "1.1.0", release: "1.1.0-x" } } };

/** The cluster that the daemon sees: transfers come from the stub of the API, and their status goes there. */
class BridgedCluster extends StubCluster {
  readonly #api: StubApi;

  constructor(network: string, api: StubApi) {
    super(network);
    this.#api = api;
    api.created = (at, { metadata, spec }) => {
      if (at.startsWith(TRANSFERS)) this.transfer(metadata.name, spec.component, spec as DataTransferSpec);
    };
    api.deleted = (at, { metadata }) => {
      if (at.startsWith(TRANSFERS)) this.endTransfer(metadata.name);
    };
  }

  override async writeTransferStatus(name: string, status: DataTransferStatus): Promise<void> {
    this.#api.patch(`${TRANSFERS}/${name}`, { status });
  }
}

describe("records of the lab in snapshots", function () {
  this.timeout(240_000);
  const token = randomBytes(16).toString("hex");
  let dir: string;
  let api: StubApi;
  let cluster: BridgedCluster;
  let cnf: CnfDaemon;
  let traffic: TrafficDaemon;
  const log = process.env.LAB_LOG ? (line: string) => console.log(line) : () => {};

  before(async () => {
    dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-lab-snapshots-"));
    api = await new StubApi().start();
    cluster = new BridgedCluster(`127.${100 + (process.pid % 100)}.90`, api);
    cnf = await CnfDaemon.start(cluster, {
      control: { port: 0, token },
      serviceAddress: "127.0.0.1",
      signallingPort: 0,
      mediaPort: 0,
      ratedSubscribers: SUBSCRIBERS,
      log,
    });
    traffic = await TrafficDaemon.start({
      control: { port: 0, token },
      cnfControl: { port: cnf.controlPort, token },
      service: cnf.balancer.address,
      subscribers: SUBSCRIBERS,
      calls: 0,
      registrationsPerSecond: 300,
      otherProceduresPerSecond: 50,
      churnPerSecond: 0,
      backOffMs: 500,
      log,
    });
    cluster.group("csdb", { workloads: ["amf-csdb-1-0-0"] });
    cluster.scale("amf-csdb-1-0-0", "1.0.0", 3);
    cluster.scale("amf-gsu-1-0-0", "1.0.0", 2);
    await until("all members to be in step", () => cluster.answered("csdb")?.members.length === 3, 60_000);
    cluster.split({ left: { version: "1.0.0", workloads: ["amf-gsu-1-0-0"] } });
    await until("all to be attached", () => traffic.subscribers.attached === SUBSCRIBERS, 90_000);
    await until("all records to be kept", () => records() >= SUBSCRIBERS, 60_000);
  });
  after(async () => {
    await traffic?.stop();
    cnf?.stop();
    await api?.stop();
    await fs.rm(dir, { recursive: true });
  });

  const records = () => cnf.groups.store?.table?.size ?? 0;
  const fault = (name: string, params: object) =>
    control({ port: cnf.controlPort, token }, "POST", "/faults", { body: { name, params } });
  const target = () =>
    cnfTarget(connect({ kubeconfig: api.kubeconfig, namespace: "core" }), {
      name: "amf",
      namespace: "core",
    }) as Required<ReturnType<typeof cnfTarget>>;
  const store = () => new FileSnapshots(dir, "file:///snapshots");
  const context = (): ActionContext => ({
    signal: new AbortController().signal,
    epoch: 1,
    deadline: Date.now() + 60_000,
    progress: log,
  });
  const taking = (recipients: readonly string[]) =>
    take({
      store: store(),
      target: target(),
      action: {
        action: "snapshot",
        object: "cnf/core/amf",
        args: { workloads: [], label: "gray-50", data: ["csdb"] },
      },
      context: context(),
      recipients,
      of: OF,
    });

  it("are saved, encrypted, lost for real, put back; an instance's death then costs next to nobody a session", async () => {
    const identity = await generateX25519Identity();
    const { id } = await taking([await identityToRecipient(identity)]);
    const snapshot = await find(store(), "cnf/core/amf", id);
    const part = snapshot.parts.find(({ name }) => name === "data/csdb") ?? assert.fail();
    assert.equal(part.about?.records, SUBSCRIBERS);
    assert.equal((await verify(store(), snapshot, [identity])).content, true);
    assert.deepEqual(api.below(TRANSFERS), []);

    await fault("data-loss", { component: "csdb" });
    assert.ok(records() < SUBSCRIBERS / 4, `${records()} records are left`);
    const { detail } = await target().putBack(
      { ...part, open: () => contentOf(store(), snapshot, part, [identity]) },
      context(),
    );
    assert.equal(detail, `csdb: ${SUBSCRIBERS} records as they were`);
    await until("the records to be back", () => records() >= SUBSCRIBERS, 30_000);

    await traffic.openWindow("crash");
    await fault("instance-crash", { version: "1.0.0", restartAfterMs: 120_000 });
    await until(
      "all to be served by the one that is left",
      () =>
        [...cnf.balancer.backends].reduce((sum, one) => sum + one.instance.contexts.size, 0) >=
        SUBSCRIBERS * 0.9,
      120_000,
    );
    const { sessionsLost, reRegistrations } = await traffic.closeWindow("crash");
    // What was set up between the snapshot and the loss is in no record; without records it would have been a half of all.
    assert.ok(sessionsLost <= SUBSCRIBERS / 50, `${sessionsLost} sessions lost`);
    assert.equal(reRegistrations, 0);
  });

  it("that are damaged on their way are no snapshot, and put back nothing", async () => {
    const whole = await taking([]);
    const before = records();
    await fault("transfer-damaged", { kind: "save" });
    await assert.rejects(taking([]), /data\/csdb: got content with SHA-256.*as the target had said/);
    await control({ port: cnf.controlPort, token }, "DELETE", "/faults");
    await fault("transfer-damaged", { kind: "restore" });
    const part = whole.parts.find(({ name }) => name === "data/csdb") ?? assert.fail();
    await assert.rejects(
      target().putBack({ ...part, open: () => contentOf(store(), whole, part, []) }, context()),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "RESTORE_REFUSED", error.message);
        assert.match(error.message, /csdb did not take the records \(what came has the SHA-256/);
        return true;
      },
    );
    assert.ok(records() >= before);
  });
});
