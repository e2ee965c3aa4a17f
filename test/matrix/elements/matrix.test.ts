/**
 * Stage by stage, trouble by trouble: each upgrade of a network element ends on one of its two roots, whole, with a true report
 * (INI-1 to INI-11, ESC-08, ESC-18). All of it with `PULUMI_ISSU_FULL=1`, a part drawn by `ISSU_SEED` otherwise.
 */
import { platformHere } from "../../support/elements.ts";
import { full } from "../../support/full.ts";
import { isOurs, Random, seed } from "../random.ts";
import { ElementCampaigns } from "./campaigns.ts";
import { allCases, partOf } from "./cases.ts";
import { keep, writeDocument } from "./report.ts";

const random = new Random(seed);
const cases = full ? allCases(random) : partOf(random);

describe(`fault matrix of elements, ${platformHere.platform}${full ? "" : ", a part of it"} (ISSU_SEED=${seed})`, function () {
  this.timeout(240_000);
  let campaigns: ElementCampaigns;

  before(async function () {
    this.timeout(600_000);
    campaigns = await ElementCampaigns.open("matrix");
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    // Hours lie between a case of the whole matrix and the reporter's last word.
    if (full) process.stderr.write(`${this.currentTest.title}: ${this.currentTest.err?.stack}\n`);
    await campaigns?.recover();
  });
  after(async () => {
    if (full) await writeDocument();
    await campaigns?.close();
  });

  // `ISSU_CASE` picks cases by a pattern, to try one again.
  const only = new RegExp(process.env.ISSU_CASE ?? "");
  for (const [index, one] of cases.entries()) {
    const number = index + 1;
    const { trouble, point, wanted, pair } = one;
    const title = `${number}. ${trouble.name}${point ? `, ${point.name}, then ${wanted}` : ""}${pair ? ", a pair" : ""}`;
    if (!only.test(title) || !isOurs(number)) continue;
    it(title, async () => {
      const outcome = await campaigns.run(one);
      if (full) await keep(number, cases.length, outcome);
    });
  }
});
