/** The engine comes to its end at a random instant, a hundred times (once without `PULUMI_ISSU_FULL=1`). */
import { setTimeout as delay } from "node:timers/promises";
import { full } from "../support/full.ts";
import { Campaigns } from "./campaigns.ts";
import { keep } from "./parts.ts";
import { isOurs, labName, Random, seed } from "./random.ts";
import { writeDocument } from "./report.ts";
import { badVersions, ends } from "./troubles.ts";

const RUNS = full ? 100 : 1;

describe(`${RUNS} runs with an end at a random instant (ISSU_SEED=${seed})`, function () {
  this.timeout(240_000);
  let campaigns: Campaigns;
  /** Of a campaign that meets nothing, ms. */
  let calm: number;

  before(async function () {
    this.timeout(240_000);
    campaigns = await Campaigns.open(labName("test-seeded"));
    calm = await campaigns.calm();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await campaigns?.recover();
  });
  after(async () => {
    if (full) await writeDocument();
    await campaigns?.close();
  });

  for (let run = 1; run <= RUNS; run++) {
    if (!isOurs(run)) continue;
    // One sequence for each run, so that a run can be repeated alone.
    const random = new Random(seed * 1_000 + run);
    const end = random.pick([ends.kill, ends.orphan, ends.interrupt, ends.interruptTwice]);
    const share = random.next();
    const bad = random.next() < 0.25 ? badVersions.gate : undefined;
    const wanted = random.pick(["goal", "back"] as const);
    it(`run ${run}: ${end.name} at ${(100 * share).toFixed(0)} %${bad ? `, ${bad.name}` : ""}, then ${wanted}`, async () => {
      const outcome = await campaigns.run({
        point: { name: `at ${(100 * share).toFixed(0)} %`, after: () => delay(share * calm) },
        trouble: { ...end, first: ["stopped", "completed", "rolled-back"] },
        ...(bad ? { bad } : {}),
        wanted,
      });
      if (full) await keep("seeded", run, RUNS, outcome);
    });
  }
});
