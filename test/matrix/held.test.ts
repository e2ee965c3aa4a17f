/**
 * A network function of all three service types whose campaign is held at 50 % for `ISSU_MINUTES` (default 10) while pods are
 * deleted at instants drawn by `ISSU_SEED`, a node is lost, and people run commands that change nothing: nobody changes side,
 * no session is lost, and the campaign goes on afterwards (GRY-03, GRY-05, TEF-9). Only with `PULUMI_ISSU_FULL=1`.
 */
import assert from "node:assert/strict";
import type { CnfArgs } from "pulumi-issu";
import { HAND_OVER_ANNOTATION } from "../../lab/cnf/kubernetes-cluster.ts";
import { atRest } from "../support/at-rest.ts";
import { campaignWrites } from "../support/audit.ts";
import { full } from "../support/full.ts";
import { GroupWatch } from "../support/group-watch.ts";
import { impactOf, note, type Observed } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";
import { Deletions } from "./deletions.ts";
import { labName, Random, seed } from "./random.ts";

const MINUTES = Number(process.env.ISSU_MINUTES ?? 10);
const SOAK_MS = MINUTES * 60_000;
const SUBSCRIBERS = 600;
const [OLD, NEW] = ["1.0.0", "1.1.0"];
const NAME = labName("held");
const GROUPS = ["amf-omu", "amf-csdb"];

const grace = { terminationGracePeriodSeconds: 3 };
const COMPONENTS: CnfArgs["components"] = [
  {
    ...{ name: "gsu", serviceType: "load-sharing", replicas: 4, ...grace },
    podAnnotations: { [HAND_OVER_ANNOTATION]: "true" },
  },
  { name: "omu", serviceType: "active-standby", replicas: 2, ...grace },
  { name: "csdb", serviceType: "data-storage", replicas: 3, ...grace },
];

const network = (version: string, holdAt?: number): CnfArgs =>
  amf({
    version,
    components: COMPONENTS,
    upgrade: {
      gray: { ratios: [50, 100], soak: "2s", ...(holdAt === undefined ? {} : { holdAt }) },
      dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
      gates: [{ kpi: "registration-success", atLeast: 95, minSamples: 30 }],
      limits: { boot: "20s", move: "20s", sync: "20s", switchover: "10s", gate: "5s" },
    },
  });

(full ? describe : describe.skip)(`held at 50 % for ${MINUTES} min (ISSU_SEED=${seed})`, function () {
  this.timeout(240_000);
  const held = network(NEW, 50);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  let groups: GroupWatch;

  before(async () => {
    ({ site, stack, seen } = await openServing(
      // Nobody comes or goes: departures bend the split, and the contract has those next to the ratio moved for it.
      { name: `test-${NAME}`, nodes: 8, subscribers: SUBSCRIBERS, calls: 6, churn: 0 },
      network(OLD),
    ));
    groups = new GroupWatch(site.lab.kubeconfigPath, site.lab.namespace);
  });
  after(async () => {
    groups?.stop();
    seen?.close();
    await site?.close();
  });

  it("is held, half of the subscribers on each side", async () => {
    await site.traffic.openWindow("half");
    await stack.mustUp(held);
    assert.equal((await stack.stack.outputs()).outcome, "held");
    for (const name of GROUPS)
      await groups.reaches(name, "members of both versions", ({ spec }) => spec.workloads.length === 2);
    const figures = await site.traffic.closeWindow("half");
    assert.deepEqual([figures.sessionsLost, figures.reRegistrations], [0, 0]);
  });

  it("nobody changes side and no session is lost, whatever is deleted", async function () {
    this.timeout(SOAK_MS + 300_000);
    const random = new Random(seed);
    const deletions = await Deletions.of(seen, groups, GROUPS, random);
    await deletions.complete();
    const { spec: before } = await seen.split();
    const id = (await seen.journal())?.id;
    const since = Date.now();
    await site.traffic.openWindow("held");

    /** What people do meanwhile, while pods go on being deleted. */
    const command = (run: () => Promise<{ readonly code: number; readonly output: string }>) => async () => {
      let running = true;
      const [{ code, output }] = await Promise.all([
        run().finally(() => {
          running = false;
        }),
        deletions.while(() => running),
      ]);
      assert.equal(code, 0, output);
    };
    const nodeLost = async () => {
      await deletions.complete();
      const node = await deletions.spareNode();
      note("node lost", node);
      await site.lab.fault("node-down", { node: node ?? assert.fail("no node could be spared") });
      await deletions.complete();
      await site.lab.clearFaults();
    };
    const deeds = [
      command(() => stack.up(held, "--expect-no-changes")),
      command(() =>
        stack.stack.run(["refresh", "--yes", "--skip-preview", "--non-interactive", "--stack", NAME]),
      ),
      nodeLost,
    ]
      .map((deed) => ({ deed, at: since + random.next() * SOAK_MS }))
      .toSorted((a, b) => a.at - b.at);
    for (const { deed, at } of deeds) {
      await deletions.while(() => Date.now() < at);
      await deed();
    }
    await deletions.while(() => Date.now() < since + SOAK_MS);
    await deletions.complete();

    const figures = await site.traffic.closeWindow("held");
    note("deleted", deletions.counts);
    note("held", impactOf(figures));
    assert.deepEqual(
      [figures.sessionsLost, figures.reRegistrations],
      [0, 0],
      "sessions lost, re-registrations",
    );
    assert.equal(figures.probesStale, 0, "answers of a member whose term as the active one was over");
    const met = figures.metVersions;
    assert.deepEqual(Object.keys(met).toSorted(), [OLD, NEW]);
    // Everybody met one of them, so that one who met both is counted twice.
    assert.equal(
      (met[OLD]?.subscribers ?? 0) + (met[NEW]?.subscribers ?? 0),
      SUBSCRIBERS,
      "somebody met both",
    );
    assert.equal(met[NEW]?.outsideRatio, 0);
    assert.ok(figures.splitErrorPercentMax <= 0.4, `the split was off by ${figures.splitErrorPercentMax}`);
    const { spec: after } = await seen.split();
    assert.deepEqual(after, before);
    const journal = await seen.journal();
    assert.deepEqual([journal?.id, journal?.state], [id, "held"]);
    assert.deepEqual(await campaignWrites(site.lab.auditLogPath, since), [], "written while it was held");
    const { code, output } = await stack.preview(held, "--expect-no-changes");
    assert.equal(code, 0, output);
  });

  it("the next up goes on to 100 % and loses nothing", async () => {
    await site.traffic.openWindow("on");
    const args = network(NEW);
    await stack.mustUp(args);
    assert.equal((await stack.stack.outputs()).outcome, "completed");
    const figures = await site.traffic.closeWindow("on");
    note("on to 100 %", impactOf(figures));
    assert.deepEqual(
      [figures.sessionsLost, figures.reRegistrations],
      [0, 0],
      "sessions lost, re-registrations",
    );
    const names = (await seen.deployments()).map(({ name }) => name);
    const parts = Object.fromEntries(
      args.components.map(({ name, replicas }) => [
        names.find((one) => one.startsWith(`amf-${name}-`)) ?? name,
        replicas,
      ]),
    );
    await atRest(site, seen, stack, { version: NEW, parts, args });
  });
});
