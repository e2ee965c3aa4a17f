/**
 * Active-standby and data-storage components of the simulated network function, against its subscribers and without a
 * control plane: who is in step, what is kept, and what each thing that goes wrong costs (GRY-01, GRY-02, GRY-04, ESC-14,
 * ESC-23, ESC-24, TEF-9).
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { RedundancyGroupStatus } from "pulumi-issu/contract";
import { CnfDaemon } from "../../lab/cnf/daemon.ts";
import type { FaultParams } from "../../lab/cnf/faults.ts";
import { control } from "../../lab/control.ts";
import { TrafficDaemon } from "../../lab/traffic/daemon.ts";
import { StubCluster } from "../support/stub-cluster.ts";
import { until as untilWithin } from "../support/until.ts";

const SUBSCRIBERS = 1_500;
const GSU = { version: "1.0.0", workloads: ["amf-gsu-1-0-0"] };
const OLD = "1.0.0";
const NEW = "1.1.0";
const NEXT = "2.0.0";
/** On a machine that is busy with something else everything takes its time. */
const until = (what: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000) =>
  untilWithin(what, holds, withinMs);
const workloadOf = (component: string, version: string) => `amf-${component}-${version.replaceAll(".", "-")}`;

describe("components that keep state in step", function () {
  this.timeout(180_000);

  const log = process.env.LAB_LOG ? (line: string) => console.log(line) : () => {};
  const token = randomBytes(16).toString("hex");
  let networks = 0;
  let cluster: StubCluster;
  let cnf: CnfDaemon;
  let traffic: TrafficDaemon;

  beforeEach(async () => {
    // Of a network of its own for each process and test, so that several runs do not meet.
    cluster = new StubCluster(`127.${100 + (process.pid % 100)}.${100 + ++networks}`);
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
      calls: 10,
      registrationsPerSecond: 400,
      otherProceduresPerSecond: 300,
      churnPerSecond: 30,
      backOffMs: 500,
      log,
    });
  });

  afterEach(async () => {
    await traffic.stop();
    cnf.stop();
  });

  const fault = (name: string, params: FaultParams): Promise<Record<string, unknown>> =>
    control({ port: cnf.controlPort, token }, "POST", "/faults", { body: { name, params } });

  const clearFaults = () => control({ port: cnf.controlPort, token }, "DELETE", "/faults");

  /** Pods of one version of a component; the group names the workload from then on. */
  function scale(component: string, version: string, replicas: number): void {
    cluster.scale(workloadOf(component, version), version, replicas);
  }

  const attached = () => until("all are attached", () => traffic.subscribers.attachSeconds !== undefined);

  async function answered(
    what: string,
    component: string,
    holds: (status: RedundancyGroupStatus) => boolean,
    withinMs?: number,
  ): Promise<RedundancyGroupStatus> {
    const status = () => cluster.answered(component);
    try {
      await until(
        what,
        () => {
          const now = status();
          return now !== undefined && holds(now);
        },
        withinMs,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${JSON.stringify(status())}`);
    }
    return status() ?? assert.fail();
  }

  const allInStep = (component: string, count: number) =>
    answered(`${count} members in step`, component, ({ members }) => {
      return members.length === count && members.every(({ inStep, behind }) => inStep && behind === 0);
    });

  const of = (status: RedundancyGroupStatus, version: string) =>
    status.members.filter((member) => member.version === version);

  async function more(name: string, procedures: number): Promise<void> {
    const before = (await traffic.readWindow(name)).proceduresAttempted;
    await until(`${procedures} procedures`, async () => {
      return (await traffic.readWindow(name)).proceduresAttempted >= before + procedures;
    });
  }

  async function unharmed(name: string): Promise<void> {
    const { sessionsLost, proceduresFailed, reRegistrations, retries } = await traffic.readWindow(name);
    const stall = Math.round(traffic.subscribers.takeLongestStall());
    assert.deepEqual(
      [sessionsLost, proceduresFailed, reRegistrations],
      [0, 0, 0],
      `${sessionsLost} sessions lost, ${proceduresFailed} procedures failed, ${reRegistrations} registered anew; ${retries} retries, this process stood still for up to ${stall} ms`,
    );
  }

  /** Waits until all members in step hold the same, while subscribers go on writing. */
  async function sameContents(count: number): Promise<void> {
    const tables = () =>
      (cnf.groups.store?.members ?? [])
        .filter(({ inStep }) => inStep)
        .map(({ replica }) => replica.table.digest());
    await until(`${count} members to hold the same`, () => {
      const digests = tables();
      return digests.length === count && new Set(digests).size === 1;
    });
  }

  describe("data-storage", () => {
    /** A store of so many members, and two load-sharing instances that write to it. */
    async function install(members = 4, gsu = 2): Promise<void> {
      cluster.group("csdb", { workloads: [workloadOf("csdb", OLD)] });
      scale("csdb", OLD, members);
      await allInStep("csdb", members);
      cluster.scale("amf-gsu-1-0-0", OLD, gsu);
      cluster.split({ left: GSU });
      await attached();
    }

    it("holds every subscriber's context in every member, those who leave left out", async () => {
      await install();
      const status = await answered("a record each", "csdb", ({ records = 0 }) => {
        return Math.abs(records - SUBSCRIBERS) <= 60;
      });
      assert.equal(status.quorum, 3);
      assert.equal(status.schema, "1");
      assert.ok(status.members.every(({ role }) => role === "member"));
      await traffic.openWindow("churn");
      await more("churn", 1_000);
      await sameContents(4);
      // Those who left are gone there too.
      const records = cnf.groups.store?.table?.size ?? 0;
      assert.ok(Math.abs(records - traffic.subscribers.attached) <= 60, `${records} records`);
      await unharmed("churn");
    });

    it("brings members of another version into step under writes, and lets the old ones go one by one", async () => {
      await install();
      await traffic.openWindow("upgrade");
      cluster.group("csdb", { workloads: [OLD, NEW].map((version) => workloadOf("csdb", version)) });
      await fault("sync-slow", { version: NEW, recordsPerSecond: 600 });
      scale("csdb", NEW, 2);
      const joining = await answered("one behind", "csdb", (status) => {
        const [one] = of(status, NEW);
        return one !== undefined && one.behind > 0 && one.behind < SUBSCRIBERS;
      });
      assert.ok(of(joining, NEW).every(({ inStep }) => !inStep));
      assert.equal(joining.quorum, 3, "one that was never in step counts for the majority");
      await clearFaults();
      await allInStep("csdb", 6);
      await more("upgrade", 500);
      await sameContents(6);

      cluster.annotate(({ workload }) => workload === workloadOf("csdb", OLD), { draining: true });
      const left = await answered("the old ones have left", "csdb", (status) =>
        of(status, OLD).every(({ role }) => role === "leaving"),
      );
      assert.equal(left.quorum, 2);
      assert.ok(of(left, NEW).every(({ inStep }) => inStep));
      scale("csdb", OLD, 0);
      await answered("the old ones are gone", "csdb", ({ members }) => members.length === 2);
      await more("upgrade", 500);
      await sameContents(2);
      await unharmed("upgrade");
    });

    it("keeps the last one that holds the records, and those that a majority needs", async () => {
      await install(3);
      await fault("member-crash", { version: OLD, count: 1, restartAfterMs: 60_000 });
      await answered("one is away", "csdb", ({ members }) => members.filter((m) => m.inStep).length === 2);
      const here = cnf.groups.store?.members.map(({ pod }) => pod.name) ?? [];
      cluster.annotate(({ name }) => name === here[0], { draining: true });
      await traffic.openWindow("kept");
      await more("kept", 500);
      const status = cluster.answered("csdb") ?? assert.fail();
      // Of the two others one is not in step, and a majority of two is two.
      assert.equal(status.members.find(({ name }) => name === here[0])?.role, "member");
      await unharmed("kept");
    });

    it("never brings one into step that can't read the records, and says so", async () => {
      await install(2);
      cluster.group("csdb", {
        workloads: [OLD, NEXT].map((version) => workloadOf("csdb", version)),
        selfHealing: "suspended",
      });
      scale("csdb", NEXT, 1);
      const status = await answered("trouble", "csdb", (now) => of(now, NEXT)[0]?.trouble !== undefined);
      const [next] = of(status, NEXT);
      assert.match(next?.trouble ?? "", /^schema 1 can't be read/);
      assert.ok(next && !next.inStep && next.behind > 0);
      // Asked to leave, it does so at once.
      cluster.annotate(({ version }) => version === NEXT, { draining: true });
      await answered("it leaves", "csdb", (now) => of(now, NEXT)[0]?.role === "leaving");
    });

    it("loses no session when a load-sharing instance dies, and the calls go on", async () => {
      await install(4, 3);
      await traffic.openWindow("crash");
      const { crashed } = await fault("instance-crash", { version: OLD, restartAfterMs: 60_000 });
      assert.equal((crashed as string[]).length, 1);
      // All are heard of again, wherever they were served.
      await more("crash", 4 * SUBSCRIBERS);
      await until("all are served", () => {
        const carried = [...cnf.balancer.backends].reduce((sum, b) => sum + b.instance.contexts.size, 0);
        return carried >= SUBSCRIBERS - 60;
      });
      await unharmed("crash");
      const { packetsLost, longestGapMs } = await traffic.closeWindow("crash");
      assert.ok(
        longestGapMs < 1_000,
        `a call was silent for ${longestGapMs} ms, ${packetsLost} packets lost`,
      );
    });

    it("loses the records when all members die at once, and then an instance's death costs its sessions", async () => {
      await install(2);
      await fault("member-crash", { version: OLD, count: 2, restartAfterMs: 100 });
      await allInStep("csdb", 2);
      await traffic.openWindow("lost");
      await fault("instance-crash", { version: OLD, restartAfterMs: 100 });
      await until("the lost register anew", async () => {
        return (await traffic.readWindow("lost")).reRegistrations > SUBSCRIBERS / 4;
      });
      await until("all are attached again", () => traffic.subscribers.attached === SUBSCRIBERS);
    });

    it("takes contexts in that were there before it", async () => {
      cluster.scale("amf-gsu-1-0-0", OLD, 2);
      cluster.split({ left: GSU });
      await attached();
      cluster.group("csdb", { workloads: [workloadOf("csdb", OLD)] });
      scale("csdb", OLD, 2);
      await answered("all contexts", "csdb", ({ records = 0 }) => Math.abs(records - SUBSCRIBERS) <= 60);
    });
  });
});
