import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { itInFull } from "../support/full.ts";
import { Observed } from "../support/observed.ts";
import { amf, openTestSite, type TestSite, type TestStack } from "../support/site.ts";

describe("resources of the user's own between the stages (ESC-10, ESC-12)", function () {
  this.timeout(240_000);
  let site: TestSite;
  let stack: TestStack;
  let observed: Observed;
  let notices: string;
  /** While this file is there, the hook succeeds. */
  let office: string;

  before(async () => {
    site = await openTestSite({ name: "test-hooks", subscribers: 1000, calls: 5 });
    observed = new Observed(site);
    stack = await site.stack("hooks", "hooks");
    notices = path.join(site.lab.dir, "notices");
    await fs.writeFile(notices, "");
    office = path.join(site.lab.dir, "office-is-open");
    await fs.writeFile(office, "");
    const answers = `test -e ${office} || { echo the operations centre does not answer >&2; exit 3; }`;
    await stack.stack.setConfig({ notice: `${answers}; echo "$CAMPAIGN $VERSION" >> ${notices}` });
  });
  after(async () => {
    observed?.close();
    await site?.close();
  });

  const noticed = async () => (await fs.readFile(notices, "utf8")).split("\n").filter((line) => line !== "");
  const wanted = (version: string, more: object = {}) =>
    amf({ version, upgrade: { gray: { ratios: [50, 100], soak: "1s", ...more } } });

  it("act once a campaign, and not when nothing changes", async () => {
    await stack.mustUp(wanted("1.0.0"));
    await site.traffic.allRegistered(30_000);
    await site.traffic.openWindow("all");
    assert.deepEqual(await noticed(), ["1 1.0.0"]);
    await stack.mustUp(wanted("1.0.0"), "--expect-no-changes");
    assert.deepEqual(await noticed(), ["1 1.0.0"]);
  });

  it("are shown by preview, and stand before the traffic", async () => {
    const { code, output } = await stack.preview(wanted("1.1.0"));
    assert.equal(code, 0, output);
    assert.match(output, /command:local:Command: \(replace\)/);
    const order = ["amf-minimal", "amf-notice", "amf-gray-50"].map((name) => output.indexOf(`::${name}]`));
    assert.ok(!order.includes(-1), output);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
    assert.deepEqual(await noticed(), ["1 1.0.0"]);
  });

  it("stop the campaign when they fail, before anybody has moved", async () => {
    await fs.rm(office);
    const failed = await stack.up(wanted("1.1.0"));
    assert.notEqual(failed.code, 0);
    assert.match(failed.output, /the operations centre does not answer/);
    assert.equal((await observed.split()).spec.ratio, 0);
  });

  it("let the next up return when the version is set back, though they still fail", async () => {
    await stack.mustUp(wanted("1.0.0"));
    const { spec } = await observed.split();
    assert.deepEqual([spec.left?.version, spec.right, spec.ratio], ["1.0.0", undefined, 0]);
    await stack.mustUp(wanted("1.0.0"), "--expect-no-changes");
  });

  it("let the next up go on when they are mended", async () => {
    assert.notEqual((await stack.up(wanted("1.1.0"))).code, 0);
    await fs.writeFile(office, "");
    await stack.mustUp(wanted("1.1.0"));
    assert.deepEqual((await noticed()).slice(1), ["3 1.1.0"]);
    assert.equal((await observed.split()).spec.left?.version, "1.1.0");
  });

  it("act once in a campaign that is held and let go", async () => {
    await stack.mustUp(wanted("1.2.0", { holdAt: 50 }));
    assert.deepEqual((await noticed()).slice(2), ["4 1.2.0"]);
    await stack.mustUp(wanted("1.2.0"));
    assert.equal((await noticed()).length, 3);
  });

  itInFull("act once in one that is held and set back, and not on its way back", async () => {
    await stack.mustUp(wanted("1.3.0", { holdAt: 50 }));
    assert.deepEqual((await noticed()).slice(3), ["5 1.3.0"]);
    await stack.mustUp(wanted("1.2.0"));
    assert.equal((await noticed()).length, 4);
  });

  it("cost nobody anything", async () => {
    const figures = await site.traffic.closeWindow("all");
    assert.equal(figures.sessionsLost, 0);
    assert.equal(figures.proceduresFailed, 0);
  });
});
