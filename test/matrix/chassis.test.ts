/**
 * Stage by stage, trouble by trouble, on a simulated chassis: nothing half-done goes unnoticed; the next `up`, or the way back, ends with
 * both nodes on one release and the groups where they were (CHA-2..10, ESC-18). All of it with `PULUMI_ISSU_FULL=1`, one case of
 * each sort drawn by `ISSU_SEED` otherwise.
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { ChassisBench, type EngineRun, LIMITS, RELEASES } from "../support/chassis-run.ts";
import { full } from "../support/full.ts";
import { until } from "../support/until.ts";
import { type ChassisCase, chassisCases, type First, partOfChassis, placeOf } from "./chassis-cases.ts";
import { type ChassisOutcome, writeChassisDocument } from "./chassis-report.ts";
import { eachCase } from "./each-case.ts";
import { Random, seed } from "./random.ts";

/** Times that suit a machine on which a node answers within seconds, or not at all. */
const OPTIONS = {
  upgrade: { limits: { ...LIMITS, sync: "15s", install: "40s", card: "20s" } },
  access: { connectMs: 2_000, answerMs: 4_000 },
};
const TRAFFIC = { flows: 10, packetsPerSecond: 500 };
/** As an operator would: the same again, and if that is refused, back. */
const TRIES = 4;

describe(`fault matrix of a chassis${full ? "" : ", a part of it"} (ISSU_SEED=${seed})`, function () {
  this.timeout(300_000);
  let bench: ChassisBench | undefined;
  after(async () => {
    if (full) await writeChassisDocument();
  });
  afterEach(async function () {
    // Mocha tells why only when all of them are through.
    if (full && this.currentTest?.err) process.stderr.write(`${this.currentTest.err.message}\n`);
    await bench?.close();
  });

  const cases = full ? chassisCases : partOfChassis(new Random(seed));
  eachCase(
    "chassis",
    cases,
    (one) => `${one.trouble.name}, ${placeOf(one)}, then ${one.wanted}`,
    async (one) => {
      bench = await ChassisBench.open({ name: "edge" });
      return meet(bench, one);
    },
  );
});

async function meet(bench: ChassisBench, one: ChassisCase): Promise<ChassisOutcome> {
  const { cluster, groups } = bench;
  const { traffic, model } = cluster;
  bench.putImage({ release: RELEASES.new });
  await traffic.start(TRAFFIC);
  await until("a session for each flow", () =>
    model.nodes.every(({ sessions }) => sessions.size >= TRAFFIC.flows),
  );
  traffic.openWindow("all");
  const { first, why, struckAt } = await firstUp(bench, one);
  assert.ok((one.trouble.first ?? ["completed"]).includes(first), `the first up: ${first}: ${why}`);
  if ((first === "stopped" || first === "killed") && one.stage !== "preflight")
    assert.match(
      (await bench.journal()).campaign?.state ?? "none",
      /^(open|rolling-back)$/,
      "what is half-done is on record",
    );
  await converge(bench, one, first);
  const convergedMs = Date.now() - struckAt;
  const [release, other] = bench.releases;
  assert.equal(release, other, "mixed releases");
  assert.deepEqual(bench.groups, groups);
  assert.match((await bench.journal()).campaign?.state ?? "", /completed|rolled-back|returned/);
  // What the last reboot left over is sent again by then.
  await delay(200);
  const { sent, lost, flowsLost } = await traffic.closeWindow("all");
  if (!one.trouble.losesFlows) assert.equal(flowsLost, 0, "flows are lost");
  return {
    trouble: one.trouble.name,
    point: placeOf(one),
    first,
    wanted: one.wanted,
    end: release === RELEASES.new ? "new release" : "old release",
    convergedMs,
    sent,
    lost,
    flowsLost,
  };
}

async function firstUp(
  bench: ChassisBench,
  { trouble, stage, event }: ChassisCase,
): Promise<{ readonly first: First; readonly why: string; readonly struckAt: number }> {
  let struckAt = Date.now();
  const begin = async () => {
    struckAt = Date.now();
    await trouble.begin(bench);
  };
  if (trouble.clearedAt) void bench.happens(trouble.clearedAt).then(() => bench.cluster.clearFaults());
  if (trouble.name === "SIGKILL") {
    await bench.killed(RELEASES.new, (begins) => begins(stage ?? ""), OPTIONS);
    return { first: "killed", why: "", struckAt: Date.now() };
  }
  const happens = event === undefined ? undefined : bench.happens(event).then(begin);
  if (stage === undefined && event === undefined) await begin();
  const run = await bench.run(RELEASES.new, {
    ...OPTIONS,
    ...(trouble.name === "interrupted" && happens ? { interrupt: happens } : {}),
    onStage: (begins) => (begins === stage ? begin() : undefined),
  });
  const why = `${run.code} ${run.error}`;
  if (run.outcome === "completed") return { first: "completed", why, struckAt };
  return { first: run.code === "ROLLED_BACK" ? "rolled back" : "stopped", why, struckAt };
}

async function converge(bench: ChassisBench, { wanted }: ChassisCase, first: First): Promise<void> {
  await bench.cluster.clearFaults();
  await bench.settled();
  if (first === "completed") return;
  let asked: string = first === "rolled back" || wanted === "back" ? RELEASES.old : RELEASES.new;
  let run: EngineRun | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    run = await bench.run(asked, OPTIONS);
    if (/completed|unchanged/.test(run.outcome)) return;
    await bench.settled();
    if (run.code === "ROLLED_BACK" || run.code === "REFUSED") asked = RELEASES.old;
  }
  assert.fail(`no end after ${TRIES} more: ${run?.outcome} ${run?.error}`);
}
