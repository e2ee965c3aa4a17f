/** Hooks and targets that report in while an `up` runs (ESC-19). */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { impactOf, note, Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";

describe("targets that report in", function () {
  this.timeout(180_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;
  /** What a hook was told: a line for each campaign, `<campaign> <url> <token>`. */
  let told: string;

  before(async function () {
    this.timeout(240_000);
    site = await openTestSite({ name: "test-callback", nodes: 4, subscribers: 1_000, calls: 5 });
    seen = new Observed(site);
    stack = await site.stack("callback", "reporting");
    told = path.join(site.lab.dir, "told");
    await fs.writeFile(told, "");
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  const network = (version: string) =>
    amf({ version, upgrade: { gray: { ratios: [50, 100], soak: "1s" }, callback: {} } });
  /** A hook that reports in, and keeps what it was told for the test to look for. */
  const reporting = (body: object) =>
    stack.stack.setConfig({
      notice: `echo "$CAMPAIGN $ISSU_CALLBACK $ISSU_TOKEN" >> ${told}; curl -sS --fail -H "Authorization: Bearer $ISSU_TOKEN" -d '${JSON.stringify(body)}' "$ISSU_CALLBACK"`,
    });
  const hooksTold = async () =>
    (await fs.readFile(told, "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split(" ") as [campaign: string, url: string, token: string]);

  it("a hook is told where, once a campaign, and what it reports is in log and journal", async () => {
    await reporting({ state: "done", message: "backup of imsi-001010000000042 is good" });
    await stack.mustUp(network("1.0.0"));
    await stack.mustUp(network("1.0.0"), "--expect-no-changes");
    await site.traffic.allRegistered(30_000);
    const since = Date.now();
    await stack.mustUp(network("1.1.0"));
    const campaigns = (await hooksTold()).map(([campaign]) => campaign);
    assert.deepEqual(campaigns, ["1", "2"]);
    const report = (await seen.log(since)).find(({ action }) => action === "report");
    assert.equal(report?.message, "done: backup of imsi-00101******0042 is good");
    assert.equal(report?.stage, "gray-50");
    const stage = (await seen.journal())?.stages.find(({ name }) => name === "gray-50") as
      | { reports?: { state: string }[] }
      | undefined;
    assert.deepEqual(
      stage?.reports?.map(({ state }) => state),
      ["done"],
    );
  });

  it("its token is nowhere in the clear, and the port is free once the run is over", async () => {
    const { output } = await stack.preview(network("1.2.0"));
    const state = await stack.stack.exportState();
    const log = await fs.readFile(path.join(site.env.ISSU_LOG_DIR ?? "", "cnf_core_amf.jsonl"), "utf8");
    const all = await hooksTold();
    assert.ok(all.length >= 2);
    for (const [, url, token] of all) {
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/v1\/campaigns\/\d+\/reports$/);
      for (const [where, text] of Object.entries({
        output,
        state,
        log,
        journal: JSON.stringify(await seen.journal()),
      })) {
        assert.ok(!text.includes(token), `the token is in ${where}`);
      }
      await assert.rejects(
        fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` }, body: "{}" }),
      );
    }
  });

  it("a report of failure takes the campaign back before anybody has moved", async () => {
    await reporting({ state: "failed", message: "the image on node-1 is damaged" });
    await site.traffic.openWindow("failed");
    const { code, output } = await stack.up(network("1.2.0"));
    const figures = await site.traffic.closeWindow("failed");
    note("failed", impactOf(figures));
    assert.notEqual(code, 0, output);
    assert.match(output, /gray-50 failed: reported to have failed: the image on node-1 is damaged/);
    assert.match(output, /was rolled back/);
    assert.equal((await seen.split()).spec.left?.version, "1.1.0");
    assert.equal(figures.sessionsLost + figures.reRegistrations + figures.proceduresFailed, 0);
    assert.equal(figures.metVersions["1.2.0"], undefined, "somebody met the version");
  });
});
