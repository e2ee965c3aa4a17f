/**
 * Trouble by trouble, on nodes under an AMF with live traffic: nothing half-done goes unnoticed; the next `up`, or the way back, ends
 * with all nodes on one release (TEF-5..9, ESC-01, ESC-07..12, ESC-16, ESC-18, ESC-22). With `PULUMI_ISSU_FULL=1` alone.
 */
import { full } from "../../support/full.ts";
import { eachCase } from "../each-case.ts";
import { labName, seed } from "../random.ts";
import { CaasCampaigns } from "./campaigns.ts";
import { caasCases } from "./cases.ts";
import { writeCaasDocument } from "./report.ts";

describe(`fault matrix of a cluster (ISSU_SEED=${seed})`, function () {
  this.timeout(480_000);
  let campaigns: CaasCampaigns;

  before(async () => {
    campaigns = await CaasCampaigns.open(labName("test-matrix-caas"));
  });
  afterEach(async function () {
    if (this.currentTest?.state !== "failed") return;
    // Mocha tells why only when all of them are through.
    process.stderr.write(`${this.currentTest.title}: ${this.currentTest.err?.stack}\n`);
    await campaigns?.recover();
  });
  after(async () => {
    if (full) await writeCaasDocument();
    await campaigns?.close();
  });

  eachCase(
    "caas",
    full ? caasCases : [],
    ({ trouble, point, wanted }) => `${trouble.name}${point ? `, ${point.name}` : ""}, then ${wanted}`,
    (one) => campaigns.run(one),
  );
});
