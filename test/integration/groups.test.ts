/**
 * Active-standby and data-storage components of the simulated network function, against its subscribers and without a
 * control plane: who is in step, what is kept, and what each thing that goes wrong costs (GRY-01, GRY-02, GRY-04, ESC-14,
 * ESC-23, ESC-24, TEF-9).
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { DataTransferStatus, RedundancyGroupStatus } from "pulumi-issu/contract";
import { CnfDaemon } from "../../lab/cnf/daemon.ts";
import type { FaultParams } from "../../lab/cnf/faults.ts";
import { HEAL_AFTER } from "../../lab/cnf/groups/group.ts";
import { control } from "../../lab/control.ts";
import { TrafficDaemon } from "../../lab/traffic/daemon.ts";
import { StubCluster } from "../support/stub-cluster.ts";
import { until as untilWithin } from "../support/until.ts";

const SUBSCRIBERS = 400;
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
      calls: 4,
      registrationsPerSecond: 100,
      otherProceduresPerSecond: 100,
      churnPerSecond: 10,
      backOffMs: 500,
      // What is slow here is the machine, and a try that is given up is no sign of anything.
      timeoutMs: 4_000,
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
        return Math.abs(records - SUBSCRIBERS) <= 20;
      });
      assert.equal(status.quorum, 3);
      assert.equal(status.schema, "1");
      assert.ok(status.members.every(({ role }) => role === "member"));
      await traffic.openWindow("churn");
      await more("churn", 300);
      await sameContents(4);
      // Those who left are gone there too.
      const records = cnf.groups.store?.table?.size ?? 0;
      assert.ok(Math.abs(records - traffic.subscribers.attached) <= 20, `${records} records`);
      await unharmed("churn");
    });

    it("brings members of another version into step under writes, and lets the old ones go one by one", async () => {
      await install();
      await traffic.openWindow("upgrade");
      cluster.group("csdb", { workloads: [OLD, NEW].map((version) => workloadOf("csdb", version)) });
      await fault("sync-slow", { version: NEW, recordsPerSecond: 100 });
      scale("csdb", NEW, 2);
      const joining = await answered("one behind", "csdb", (status) => {
        const [one] = of(status, NEW);
        return one !== undefined && one.behind > 0 && one.behind < SUBSCRIBERS;
      });
      assert.ok(of(joining, NEW).every(({ inStep }) => !inStep));
      assert.equal(joining.quorum, 3, "one that was never in step counts for the majority");
      await clearFaults();
      await allInStep("csdb", 6);
      await more("upgrade", 200);
      await sameContents(6);

      cluster.annotate(({ workload }) => workload === workloadOf("csdb", OLD), { draining: true });
      const left = await answered("the old ones have left", "csdb", (status) =>
        of(status, OLD).every(({ role }) => role === "leaving"),
      );
      assert.equal(left.quorum, 2);
      assert.ok(of(left, NEW).every(({ inStep }) => inStep));
      scale("csdb", OLD, 0);
      await answered("the old ones are gone", "csdb", ({ members }) => members.length === 2);
      await more("upgrade", 200);
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
      await more("kept", 200);
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

    it("converts records of another major by the migration that is named, for both to read and write", async () => {
      await install(2, 3);
      cluster.group("csdb", {
        workloads: [OLD, NEXT].map((version) => workloadOf("csdb", version)),
        selfHealing: "suspended",
        migration: "records-1-to-3",
      });
      scale("csdb", NEXT, 2);
      const wrong = await answered("the wrong one", "csdb", (now) => of(now, NEXT)[0]?.trouble !== undefined);
      assert.match(of(wrong, NEXT)[0]?.trouble ?? "", /migration records-1-to-3 does not convert it to 2/);
      cluster.group("csdb", { migration: "records-1-to-2" });
      await allInStep("csdb", 4);
      await traffic.openWindow("migrated");
      await more("migrated", 200);
      // The same in each of the two forms, and not the same in both.
      await until("two forms of the same", () => {
        const digests = (cnf.groups.store?.members ?? []).map(({ replica }) => replica.table.digest());
        return digests.length === 4 && new Set(digests).size === 2;
      });
      // Those of the old form leave, and what is left is read from the new one.
      cluster.annotate(({ workload }) => workload === workloadOf("csdb", OLD), { draining: true });
      const left = await answered("the old ones have left", "csdb", (now) =>
        of(now, OLD).every(({ role }) => role === "leaving"),
      );
      assert.equal(left.schema, "2");
      await fault("instance-crash", { version: OLD, restartAfterMs: 60_000 });
      await more("migrated", 3 * SUBSCRIBERS);
      await unharmed("migrated");
      // And back: the old ones take the records over again.
      cluster.annotate(({ workload }) => workload === workloadOf("csdb", OLD), { draining: false });
      await allInStep("csdb", 4);
    });

    it("loses no session when a load-sharing instance dies, and the calls go on", async () => {
      await install(4, 3);
      await traffic.openWindow("crash");
      const { crashed } = await fault("instance-crash", { version: OLD, restartAfterMs: 60_000 });
      assert.equal((crashed as string[]).length, 1);
      // All are heard of again, wherever they were served.
      await more("crash", 3 * SUBSCRIBERS);
      await until("all are served", () => {
        const carried = [...cnf.balancer.backends].reduce((sum, b) => sum + b.instance.contexts.size, 0);
        return carried >= SUBSCRIBERS - 20;
      });
      await unharmed("crash");
      const { packetsLost } = await traffic.closeWindow("crash");
      // Those that are sent until a subscriber asks for service by itself would be fifty in each direction.
      assert.ok(packetsLost <= 20, `${packetsLost} packets of calls were lost`);
    });

    it("goes on with the others while the disk of one version is full", async () => {
      await install(2);
      cluster.group("csdb", {
        workloads: [OLD, NEW].map((version) => workloadOf("csdb", version)),
        selfHealing: "suspended",
      });
      scale("csdb", NEW, 1);
      await allInStep("csdb", 3);
      await traffic.openWindow("full");
      await fault("disk-full", { version: NEW });
      const full = await answered("it is out of step", "csdb", (now) => of(now, NEW)[0]?.inStep === false);
      assert.equal(of(full, NEW)[0]?.trouble, "no space left for records");
      await more("full", 200);
      await clearFaults();
      await allInStep("csdb", 3);
      await sameContents(3);
      await unharmed("full");
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
      await answered("all contexts", "csdb", ({ records = 0 }) => Math.abs(records - SUBSCRIBERS) <= 20);
    });
  });

  describe("active-standby", () => {
    /** Two members of the old version; nobody needs subscribers for this. */
    async function install(members = 2): Promise<RedundancyGroupStatus> {
      cluster.group("omu", { kind: "active-standby", workloads: [workloadOf("omu", OLD)] });
      scale("omu", OLD, members);
      const status = await answered("one is active, all in step", "omu", (now) => {
        return now.active !== undefined && now.members.filter((m) => m.inStep).length === members;
      });
      await probed("total", 20);
      return status;
    }

    async function probed(window: string, answers: number): Promise<void> {
      const before = (await traffic.readWindow(window)).probesAnswered;
      await until(`${answers} answers to probes`, async () => {
        return (await traffic.readWindow(window)).probesAnswered >= before + answers;
      });
    }

    /** Gap that this machine shows by itself at the moment, ms. */
    async function quiet(): Promise<number> {
      await traffic.openWindow("quiet");
      await probed("quiet", 100);
      return (await traffic.closeWindow("quiet")).switchoverGapMs;
    }

    const both = () => [OLD, NEW].map((version) => workloadOf("omu", version));

    it("has one active, and switches over to a standby of the version asked for, and back", async () => {
      const installed = await install();
      assert.equal(installed.members.filter(({ role }) => role === "active").length, 1);
      const undisturbed = await quiet();
      cluster.group("omu", { workloads: both(), selfHealing: "suspended" });
      scale("omu", NEW, 1);
      await allInStep("omu", 3);
      await traffic.openWindow("switchover");
      for (const version of [NEW, OLD]) {
        cluster.group("omu", { active: workloadOf("omu", version) });
        const status = await answered("switched over", "omu", ({ switchover, members }) => {
          const active = members.find(({ role }) => role === "active");
          return switchover?.phase === "done" && active?.version === version;
        });
        const { gapMs = Number.NaN, from, to } = status.switchover ?? assert.fail();
        assert.ok(gapMs >= 0 && gapMs <= 50 + 3 * undisturbed, `nobody was active for ${gapMs} ms`);
        assert.notEqual(from, to);
        assert.equal(status.active, to);
        await probed("switchover", 20);
      }
      const figures = await traffic.closeWindow("switchover");
      assert.ok((figures.probesByVersion[NEW] ?? 0) > 0 && (figures.probesByVersion[OLD] ?? 0) > 0);
      assert.equal(figures.probesStale, 0, "two were active");
      // Measured from outside, beside what the machine does to everything.
      assert.ok(
        figures.switchoverGapMs <= 100 + 4 * undisturbed,
        `${figures.switchoverGapMs} ms, ${undisturbed} ms in a quiet spell`,
      );
    });

    it("makes the very member active that is named", async () => {
      const { active, members } = await install(3);
      const other = members.findLast(({ name }) => name !== active)?.name ?? assert.fail();
      cluster.group("omu", { active: workloadOf("omu", OLD), activeMember: other });
      await answered("the named one is active", "omu", (now) => now.active === other);
      // Once it is gone another of its workload will do.
      cluster.annotate(({ name }) => name === other, { deleting: true });
      const status = await answered("it has left", "omu", (now) => {
        return now.members.find(({ name }) => name === other)?.role === "leaving";
      });
      assert.notEqual(status.active, other);
      assert.equal(status.switchover?.phase, "done");
    });

    it("goes on with the same log after a switchover", async () => {
      await install();
      cluster.group("omu", { workloads: both() });
      scale("omu", NEW, 1);
      await allInStep("omu", 3);
      const group = cnf.groups.list()[0] ?? assert.fail();
      const logs = () => group.members.map(({ replica }) => replica.table.digest());
      await until("all to hold the same log", () => new Set(logs()).size === 1);
      const before = group.members[0]?.replica.table.size ?? 0;
      cluster.group("omu", { active: workloadOf("omu", NEW) });
      await answered("switched over", "omu", ({ switchover }) => switchover?.phase === "done");
      await probed("total", 50);
      await until("all to hold the same log again", () => new Set(logs()).size === 1);
      assert.ok((group.members[0]?.replica.table.size ?? 0) >= before + 50, "entries are missing");
    });

    it("refuses to switch over to one that is not in step, and does it once it is", async () => {
      const { active } = await install();
      await fault("sync-never", { version: NEW });
      cluster.group("omu", { workloads: both(), selfHealing: "suspended", active: workloadOf("omu", NEW) });
      scale("omu", NEW, 1);
      const refused = await answered("a refusal that names it", "omu", ({ switchover }) => {
        return switchover?.phase === "refused" && /is not in step/.test(switchover.reason ?? "");
      });
      assert.equal(refused.active, active);
      await clearFaults();
      await answered("switched over", "omu", ({ switchover }) => switchover?.phase === "done");
    });

    it("refuses a switchover that the standby refuses", async () => {
      const { active } = await install();
      await fault("switchover-refused", { version: NEW });
      cluster.group("omu", { workloads: both() });
      scale("omu", NEW, 1);
      await allInStep("omu", 3);
      cluster.group("omu", { active: workloadOf("omu", NEW) });
      const status = await answered("a refusal", "omu", ({ switchover }) => switchover?.phase === "refused");
      assert.match(status.switchover?.reason ?? "", /refuses to become active/);
      assert.equal(status.active, active);
    });

    it("never has two actives while the link between them is down", async () => {
      const { active } = await install();
      cluster.group("omu", { workloads: both(), selfHealing: "suspended" });
      scale("omu", NEW, 1);
      await allInStep("omu", 3);
      await traffic.openWindow("link");
      await fault("link-down", { version: NEW });
      cluster.group("omu", { active: workloadOf("omu", NEW) });
      const refused = await answered(
        "it is refused",
        "omu",
        ({ switchover }) => switchover?.phase === "refused",
      );
      assert.equal(refused.active, active);
      assert.match(refused.switchover?.reason ?? "", /is not in step.*does not answer/);
      await clearFaults();
      await answered("switched over", "omu", ({ switchover }) => switchover?.phase === "done");
      await probed("link", 20);
      assert.equal((await traffic.closeWindow("link")).probesStale, 0, "two were active");
    });

    it("goes on by itself when the active dies, but never with one that is not in step", async () => {
      await install();
      await fault("sync-never", { version: NEW });
      cluster.group("omu", { workloads: both(), selfHealing: "suspended" });
      scale("omu", NEW, 1);
      await answered("one out of step", "omu", (now) => of(now, NEW)[0]?.inStep === false);
      const before = cluster.answered("omu")?.active;
      await fault("member-crash", { version: OLD, role: "active", restartAfterMs: 500 });
      const after = await answered("the other is active", "omu", (now) => {
        return now.active !== undefined && now.active !== before;
      });
      assert.equal(after.members.find(({ name }) => name === after.active)?.version, OLD);
      assert.equal(after.switchover?.phase, "done");
      await answered("the dead one is back in step", "omu", (now) => {
        return of(now, OLD).every(({ inStep }) => inStep);
      });
      // Both that are in step die: nobody is active until one of them is back.
      await fault("member-crash", { version: OLD, count: 2, restartAfterMs: 1_500 });
      await answered("nobody is active", "omu", (now) => now.active === undefined);
      const back = await answered("somebody is active again", "omu", (now) => now.active !== undefined);
      assert.equal(back.members.find(({ name }) => name === back.active)?.version, OLD);
    });

    it("lets the active leave only once another is active", async () => {
      const { active } = await install(1);
      cluster.annotate(({ name }) => name === active, { draining: true });
      await probed("total", 50);
      assert.equal(cluster.answered("omu")?.active, active);
      cluster.group("omu", { workloads: both() });
      scale("omu", NEW, 1);
      const status = await answered("it has left", "omu", (now) => of(now, OLD)[0]?.role === "leaving");
      assert.equal(status.members.find(({ name }) => name === status.active)?.version, NEW);
    });
  });

  it("restarts a member that stays out of step, and leaves it alone while self-healing is suspended", async () => {
    await fault("sync-never", { version: NEW });
    for (const selfHealing of ["suspended", "on"] as const) {
      const component = `omu-${selfHealing}`;
      cluster.group(component, {
        kind: "active-standby",
        workloads: [OLD, NEW].map((version) => workloadOf(component, version)),
        selfHealing,
      });
      scale(component, OLD, 1);
      scale(component, NEW, 1);
    }
    const restarts = (name: string) => cnf.groups.views().find((view) => view.name === name)?.restarts ?? -1;
    const since = performance.now();
    await until("two restarts", () => restarts("amf-omu-on") >= 2);
    assert.ok(performance.now() - since >= 2 * HEAL_AFTER);
    assert.equal(restarts("amf-omu-suspended"), 0);
    assert.equal(cluster.answered("omu-suspended")?.selfHealing, "suspended");
    assert.equal(cluster.answered("omu-on")?.members.find((m) => m.version === NEW)?.inStep, false);
  });

  describe("data transfers", () => {
    const COMPONENT = "csdb";
    const secret = "what-only-the-campaign-knows";
    const tokenSha256 = createHash("sha256").update(secret).digest("hex");
    const bearer = { authorization: `Bearer ${secret}` };
    const sha256Of = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

    async function install(): Promise<void> {
      cluster.group(COMPONENT, { workloads: [workloadOf(COMPONENT, OLD)] });
      scale(COMPONENT, OLD, 3);
      await allInStep(COMPONENT, 3);
      cluster.scale("amf-gsu-1-0-0", OLD, 2);
      cluster.split({ left: GSU });
      await attached();
    }

    async function phase(
      name: string,
      ...wanted: DataTransferStatus["phase"][]
    ): Promise<DataTransferStatus> {
      await until(`transfer ${name} to be ${wanted.join(" or ")}`, () => {
        const now = cluster.transferStatus.get(name)?.phase;
        return now !== undefined && wanted.includes(now);
      });
      return cluster.transferStatus.get(name) ?? assert.fail();
    }

    async function save(): Promise<{ readonly status: DataTransferStatus; readonly bytes: Buffer }> {
      cluster.transfer("save", COMPONENT, { kind: "save", tokenSha256 });
      const status = await phase("save", "ready");
      const response = await fetch(status.url ?? "", { headers: bearer });
      assert.equal(response.status, 200);
      const bytes = Buffer.from(await response.arrayBuffer());
      return { status, bytes };
    }

    /** @returns the status that it ends with, and how the sender was answered */
    async function restore(
      name: string,
      bytes: Buffer,
      sha256 = sha256Of(bytes),
    ): Promise<DataTransferStatus & { readonly http: number }> {
      cluster.transfer(name, COMPONENT, { kind: "restore", tokenSha256, sha256, bytes: bytes.length });
      const { url = "" } = await phase(name, "ready");
      const { status } = await fetch(url, { method: "PUT", headers: bearer, body: new Uint8Array(bytes) });
      return { ...(await phase(name, "done", "failed")), http: status };
    }

    const size = () => cnf.groups.store?.table?.size ?? 0;

    /** Attached subscribers of whom the store knows nothing. */
    function strangers(): number {
      let count = 0;
      traffic.subscribers.each((msin) => {
        if (!cnf.groups.store?.table?.get(msin)) count++;
      });
      return count;
    }

    it("give the records out for a token, and bring the sessions back after they were lost", async () => {
      await install();
      await until("all contexts to be kept", () => size() >= SUBSCRIBERS - 20);
      const { status, bytes } = await save();
      assert.equal(sha256Of(bytes), status.sha256);
      assert.equal(bytes.length, status.bytes);
      assert.equal(status.schema, "1");
      assert.ok(Math.abs((status.records ?? 0) - SUBSCRIBERS) <= 20);
      assert.equal((await fetch(status.url ?? "")).status, 401);
      const wrong = { headers: { authorization: "Bearer something-else" } };
      assert.equal((await fetch(status.url ?? "", wrong)).status, 401);

      const { lost } = await fault("data-loss", {});
      assert.ok(Number(lost) >= SUBSCRIBERS - 20);
      assert.ok(size() < SUBSCRIBERS / 2, `${size()} records left`);
      const restored = await restore("restore", bytes);
      assert.deepEqual([restored.phase, restored.http, restored.sha256], ["done", 200, status.sha256]);
      assert.ok(size() >= (status.records ?? 0) - 20);
      await sameContents(3);

      // Those who came after the copy was made are in no copy.
      const unknown = strangers();
      assert.ok(unknown < SUBSCRIBERS / 4, `${unknown} are unknown`);
      await traffic.openWindow("after");
      await fault("instance-crash", { version: OLD, restartAfterMs: 60_000 });
      await more("after", 3 * SUBSCRIBERS);
      const { reRegistrations } = await traffic.closeWindow("after");
      assert.ok(
        reRegistrations <= unknown + 10,
        `${reRegistrations} registered anew, ${unknown} were unknown`,
      );

      cluster.endTransfer("save");
      cluster.endTransfer("restore");
      await assert.rejects(fetch(status.url ?? "", { headers: bearer }), "the address is still open");
    });

    it("change nothing when what comes is damaged, of another form, or nonsense", async () => {
      await install();
      const { bytes } = await save();
      const other = Buffer.from(bytes.toString("latin1").replace('"schema":"1"', '"schema":"9"'), "latin1");
      const cases: [string, Buffer, RegExp, string?][] = [
        ["cut", bytes.subarray(0, bytes.length - 10), /SHA-256/, sha256Of(bytes)],
        ["form", other, /schema 9 can't be read/],
        ["nonsense", Buffer.from("nonsense"), /no records/],
        ["short", bytes.subarray(0, bytes.length - 24), /records take/],
      ];
      for (const [name, sent, reason, sha256] of cases) {
        const { phase: ended, http, message } = await restore(name, sent, sha256 ?? sha256Of(sent));
        assert.deepEqual([ended, http], ["failed", 422], name);
        assert.match(message ?? "", reason);
      }
      await fault("transfer-damaged", { kind: "restore" });
      const damaged = await restore("damaged", bytes);
      assert.equal(damaged.phase, "failed");
      assert.match(damaged.message ?? "", /SHA-256/);
      assert.ok(strangers() <= 5, `${strangers()} records are missing`);
      await sameContents(3);
    });

    it("are damaged on the way out by a fault, so that the receiver sees it", async () => {
      await install();
      await fault("transfer-damaged", { kind: "save" });
      const { status, bytes } = await save();
      assert.notEqual(sha256Of(bytes), status.sha256);
      assert.equal(bytes.length, status.bytes);
    });

    it("fail where there is no such component, and say so", async () => {
      cluster.transfer("nowhere", "csdb", { kind: "save", tokenSha256 });
      const { message } = await phase("nowhere", "failed");
      assert.match(message ?? "", /no data-storage component csdb/);
    });
  });
});
