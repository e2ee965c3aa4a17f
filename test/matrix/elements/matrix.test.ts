/**
 * Stage by stage, trouble by trouble: each upgrade of a network element ends on one of its two roots, whole, with a true report
 * (INI-1 to INI-11, ESC-08, ESC-18). All of it with `PULUMI_ISSU_FULL=1`, a part drawn by `ISSU_SEED` otherwise.
 */
import { platformHere } from "../../support/elements.ts";
import { full } from "../../support/full.ts";
import { eachCase } from "../each-case.ts";
import { Random, seed } from "../random.ts";
import { ElementCampaigns } from "./campaigns.ts";
import { allCases, partOf } from "./cases.ts";
import { PART, writeDocument } from "./report.ts";

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

  eachCase(
    PART,
    cases,
    ({ trouble, point, wanted, pair }) =>
      `${trouble.name}${point ? `, ${point.name}, then ${wanted}` : ""}${pair ? ", a pair" : ""}`,
    (one) => campaigns.run(one),
  );
});
