/**
 * Stage by stage, trouble by trouble: the next `up` brings every campaign to its end and loses nothing (ESC-08, ESC-18,
 * GRY-06f). All of it with `PULUMI_ISSU_FULL=1`, a part drawn by `ISSU_SEED` otherwise.
 */
import { full } from "../support/full.ts";
import { Campaigns } from "./campaigns.ts";
import { allCases, partOf } from "./cases.ts";
import { keep } from "./parts.ts";
import { isOurs, labName, Random, seed } from "./random.ts";
import { writeDocument } from "./report.ts";

describe(`fault matrix${full ? "" : ", a part of it"} (ISSU_SEED=${seed})`, function () {
  this.timeout(240_000);
  let campaigns: Campaigns;
  const random = new Random(seed);
  const cases = full ? allCases(random) : partOf(random);

  before(async function () {
    this.timeout(300_000);
    campaigns = await Campaigns.open(labName("test-matrix"));
    await campaigns.calm();
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await campaigns?.recover();
  });
  after(async () => {
    if (full) await writeDocument();
    await campaigns?.close();
  });

  // `ISSU_CASE` picks cases by a pattern, to try one again.
  const only = new RegExp(process.env.ISSU_CASE ?? "");
  for (const [index, one] of cases.entries()) {
    const number = index + 1;
    const bad = one.bad ? `, ${one.bad.name}` : "";
    const title = `${number}. ${one.trouble.name}${bad}, ${one.point.name}, then ${one.wanted}`;
    if (!only.test(title) || !isOurs(number)) continue;
    it(title, async () => {
      const outcome = await campaigns.run(one);
      if (full) await keep("matrix", number, cases.length, outcome);
    });
  }
});
