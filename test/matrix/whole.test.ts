/**
 * The matrix once more, for a network function with components of all three service types (GRY-04, GRY-06f, ESC-18, ESC-23):
 * all of it with `PULUMI_ISSU_FULL=1`, one case drawn by `ISSU_SEED` otherwise.
 */
import { full } from "../support/full.ts";
import { Campaigns } from "./campaigns.ts";
import { partOfWhole, wholeCases } from "./cases.ts";
import { keep } from "./parts.ts";
import { isOurs, labName, Random, seed } from "./random.ts";
import { writeDocument } from "./report.ts";

describe(`fault matrix of three service types${full ? "" : ", a part of it"} (ISSU_SEED=${seed})`, function () {
  this.timeout(300_000);
  let campaigns: Campaigns;
  const random = new Random(seed);
  const cases = full ? wholeCases(random) : partOfWhole(random);

  before(async function () {
    this.timeout(300_000);
    campaigns = await Campaigns.open(labName("test-whole"), "whole");
    await campaigns.calm();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await campaigns?.recover();
  });
  after(async () => {
    if (full) await writeDocument();
    await campaigns?.close();
  });

  const only = new RegExp(process.env.ISSU_CASE ?? "");
  for (const [index, one] of cases.entries()) {
    const number = index + 1;
    const bad = one.bad ? `, ${one.bad.name}` : "";
    const title = `${number}. ${one.trouble.name}${bad}, ${one.point.name}, then ${one.wanted}`;
    if (!only.test(title) || !isOurs(number)) continue;
    it(title, async () => {
      const outcome = await campaigns.run(one);
      if (full) await keep("whole", number, cases.length, outcome);
    });
  }
});
