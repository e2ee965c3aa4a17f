/**
 * A network function of all three service types: its groups change over by halves, the active role last, and everything
 * comes back (GRY-01, GRY-02, GRY-04, GRY-06, ESC-03, ESC-09, ESC-18, ESC-23).
 */
import assert from "node:assert/strict";
import type { CnfArgs, UpgradePolicy } from "pulumi-issu";
import type { Running } from "../support/command.ts";
import { GroupWatch } from "../support/group-watch.ts";
import { JournalWatch } from "../support/journal-watch.ts";
import { impactOf, note, Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";

const grace = { terminationGracePeriodSeconds: 2 };
const COMPONENTS: CnfArgs["components"] = [
  { name: "omu", serviceType: "active-standby", replicas: 2, ...grace },
  { name: "csdb", serviceType: "data-storage", replicas: 3, ...grace },
  { name: "gsu", serviceType: "load-sharing", replicas: 3, ...grace },
];
const OMU = "amf-omu";
const CSDB = "amf-csdb";

const network = (version: string, upgrade: UpgradePolicy = {}, components = COMPONENTS): CnfArgs =>
  amf({
    version,
    components,
    upgrade: {
      gray: { ratios: [50, 100], soak: "1s" },
      dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
      limits: { boot: "20s", move: "20s", sync: "20s", switchover: "10s", gate: "5s" },
      ...upgrade,
    },
  });

describe("a network function of three service types", function () {
  this.timeout(180_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let groups: GroupWatch;
  let journal: JournalWatch;
  let running: Running | undefined;

  before(async function () {
    this.timeout(240_000);
    site = await openTestSite({ name: "test-whole-cnf", nodes: 4, subscribers: 1_000, calls: 4 });
    seen = new Observed(site);
    groups = new GroupWatch(site.lab.kubeconfigPath, site.lab.namespace);
    journal = new JournalWatch(site.lab.kubeconfigPath, site.lab.namespace);
    stack = await site.stack("whole");
  });
  after(async () => {
    await running?.killAll();
    groups?.stop();
    journal?.stop();
    seen?.close();
    await site?.close();
  });

  async function unharmed(window: string): Promise<void> {
    const figures = await site.traffic.closeWindow(window);
    note(window, impactOf(figures));
    assert.deepEqual([figures.sessionsLost, figures.reRegistrations, figures.proceduresFailed], [0, 0, 0]);
  }

  /** At every moment: one active at most, somebody to take over its state, a majority with the data. */
  function keptInStep(since: number): void {
    const omu = groups.since(OMU, since);
    assert.ok(omu.length > 0, "the group of omu was never reported");
    assert.ok(
      omu.every(({ active }) => active.length <= 1),
      "two members were active at once",
    );
    assert.ok(
      omu.every(({ inStep }) => inStep >= 1),
      "no member of omu was in step",
    );
    const least = Math.min(...groups.since(CSDB, since).map(({ inStep }) => inStep));
    assert.ok(least >= 2, `${least} members of csdb were in step, 2 of 3 are a majority`);
  }

  /** Only this version is left, in step and looked after. */
  async function alone(version: string): Promise<void> {
    for (const [name, members] of [
      [OMU, 2],
      [CSDB, 3],
    ] as const) {
      await groups.reaches(
        name,
        `${members} members of ${version}, in step, healed by itself`,
        ({ spec, status }) =>
          spec.workloads.length === 1 &&
          spec.selfHealing === "on" &&
          status?.selfHealing === "on" &&
          status.members.length === members &&
          status.members.every((one) => one.inStep && one.version === version),
      );
    }
    const { spec } = await seen.split();
    assert.deepEqual([spec.left?.version, spec.right], [version, undefined]);
  }

  it("installs: the groups are in step and one member is active before anybody is served", async () => {
    await stack.mustUp(network("1.0.0"));
    await site.traffic.allRegistered(30_000);
    await alone("1.0.0");
    assert.equal(groups.group(OMU)?.status?.members.filter(({ role }) => role === "active").length, 1);
  });

  it("preview names the halves, the switchover, and what is suspended (ESC-06, ESC-12)", async () => {
    const { output } = await stack.preview(network("1.1.0"), "--diff");
    assert.match(output, /suspend self-healing of omu/);
    assert.match(output, /let amf-omu-1-1-0-\w+ join the redundancy group of omu/);
    assert.match(output, /switch omu over to 1\.1\.0/);
    assert.match(output, /amf-switchover/);
    assert.match(output, /amf-other-halves/);
  });

  it("upgrades: nobody is lost, the active role moves once and last, a majority has the data throughout", async () => {
    await site.traffic.openWindow("upgrade");
    const since = Date.now();
    await stack.mustUp(network("1.1.0"));
    await unharmed("upgrade");
    keptInStep(since);
    await alone("1.1.0");
    const versions = groups.since(OMU, since).flatMap(({ activeVersions }) => activeVersions);
    const changes = versions.filter((one, i) => i > 0 && one !== versions[i - 1]);
    assert.deepEqual(changes, ["1.1.0"], "the active role moved otherwise than once");
    const log = await seen.log(since);
    const over = log.find(({ action, stage }) => action === "group" && stage === "switchover");
    const last = log.findLast(({ action, stage }) => action === "split" && stage === "gray-100");
    assert.ok(over && last && over.startedAt >= last.at, "switched over before the last ratio");
    assert.match(over.message, /nobody was for \d+ ms/);
    await stack.mustUp(network("1.1.0"), "--expect-no-changes");
  });

  it("members that never come into step: taken back with the active one untouched", async () => {
    await site.lab.fault("sync-never", { version: "1.2.0" });
    await site.traffic.openWindow("never");
    const since = Date.now();
    const { code, output } = await stack.up(network("1.2.0", { limits: { sync: "4s", boot: "10s" } }));
    await site.lab.clearFaults();
    assert.notEqual(code, 0);
    assert.match(output, /minimal failed.*in step.*was rolled back/s);
    const active = new Set(groups.since(OMU, since).flatMap((one) => one.active));
    assert.equal(active.size, 1, "the active role moved");
    keptInStep(since);
    await unharmed("never");
    await alone("1.1.0");
    await stack.mustUp(network("1.1.0"));
  });

  it("a gate that fails after the switchover: active role, subscribers and data come back", async () => {
    await site.traffic.openWindow("gate");
    const since = Date.now();
    const gated: UpgradePolicy = {
      gates: [{ kpi: "registration-success", atLeast: 95, minSamples: 20 }],
      switchover: { soak: "20s" },
    };
    running = await stack.startUp(network("1.3.0", gated));
    await journal.reaches(
      "the switchover to be watched",
      ({ to, stages }) =>
        to.version === "1.3.0" &&
        stages.some(
          ({ name, soakingSince, state }) => name === "switchover" && state === "running" && soakingSince,
        ),
      AbortSignal.timeout(90_000),
    );
    await site.lab.fault("procedure-failures", {
      version: "1.3.0",
      procedure: "registration",
      percentOfSubscribers: 50,
    });
    const { code, output } = await running.ended;
    await site.lab.clearFaults();
    assert.notEqual(code, 0);
    assert.match(output, /switchover failed: registration-success.*was rolled back/s);
    keptInStep(since);
    await alone("1.1.0");
    const figures = await site.traffic.closeWindow("gate");
    assert.equal(figures.sessionsLost, 0);
    const steps = (await seen.log(since)).filter(({ stage }) => stage === "rollback");
    const at = (action: string, object: RegExp) =>
      steps.findLastIndex((one) => one.action === action && object.test(one.object));
    assert.ok(at("split", /./) < at("scale", /csdb/), "data before traffic");
    await stack.mustUp(network("1.1.0"));
  });

  it("killed among the other halves: the next up goes on from there", async () => {
    await site.traffic.openWindow("killed");
    const since = Date.now();
    running = await stack.startUp(network("1.4.0"));
    await journal.reaches(
      "the other halves",
      ({ to, stages }) =>
        to.version === "1.4.0" &&
        stages.some(({ name, state }) => name === "other-halves" && state === "running"),
      AbortSignal.timeout(90_000),
    );
    await running.killAll();
    await running.ended;
    if (await stack.stack.locked()) await stack.stack.cancel();
    await stack.mustUp(network("1.4.0"));
    keptInStep(since);
    await unharmed("killed");
    await alone("1.4.0");
  });

  it("back to the older version, by the same way (GRY-06f)", async () => {
    await site.traffic.openWindow("back");
    const since = Date.now();
    await stack.mustUp(network("1.1.0"));
    keptInStep(since);
    await unharmed("back");
    await alone("1.1.0");
  });

  it("only the pair changed: nobody moves, nothing else is touched (GRY-12)", async () => {
    const before = (await seen.pods()).filter(({ component }) => component !== "omu").map(({ uid }) => uid);
    await site.traffic.openWindow("pair");
    const since = Date.now();
    const components = COMPONENTS.map((one) => (one.name === "omu" ? { ...one, version: "1.1.1" } : one));
    await stack.mustUp(network("1.1.0", {}, components));
    keptInStep(since);
    await unharmed("pair");
    const after = (await seen.pods()).filter(({ component }) => component !== "omu").map(({ uid }) => uid);
    assert.deepEqual(after.sort(), before.sort());
    await groups.reaches(OMU, "1.1.1 alone", ({ status }) =>
      (status?.members ?? []).every(({ version }) => version === "1.1.1"),
    );
  });

  it("another major of the data is refused at preview, unless a migration is named (ESC-04, GRY-02)", async () => {
    const { code, output } = await stack.preview(network("2.0.0"));
    assert.notEqual(code, 0);
    assert.match(output, /upgrade\.migrations\.csdb.*csdb goes from 1\.1\.0 to 2\.0\.0/);
  });
});
