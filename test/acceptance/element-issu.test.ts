/** A network element from one release to the next by `pulumi up`, back again, and what fails (INI-1..11). */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { claimOf } from "../../lab/element/index.ts";
import { type ElementSite, openElementSite } from "../support/element-site.ts";
import { platformHere } from "../support/elements.ts";

describe(`a network element, upgraded by pulumi up, ${platformHere.platform}`, function () {
  this.timeout(240_000);
  let site: ElementSite;
  before(async function () {
    this.timeout(600_000);
    site = await openElementSite({ name: "element" });
  });
  after(() => site?.close());

  it("has nothing to do while it runs what is declared", async () => {
    await site.stack.mustUp(await site.wants("1.0.0"));
    assert.deepEqual(await site.stack.stack.outputs(), {
      outcomes: { ne1: { version: "1.0.0", outcome: "unchanged" } },
    });
  });

  it("shows the plan, then replaces init and root in service; no transit packet is lost", async () => {
    const image = await site.element.image({ version: "1.1.0" });
    const args = await site.wants("1.1.0", image);
    const { output } = await site.stack.preview(args);
    assert.match(output, /upgrade 1\.0\.0 → 1\.1\.0/);
    const figures = await site.element.measure(() => site.stack.mustUp(args).then(() => undefined));
    const view = await site.element.view();
    assert.equal(view.version, "1.1.0");
    assert.equal(view.exeSha256, image.initSha256);
    assert.equal(figures.elements.ne1?.boots, 0);
    assert.equal(figures.elements.ne1?.hardwareResets, 0);
    assert.equal(figures.transit.lost, 0);
    assert(figures.ztl);
  });

  it("fails with the element's own reason when the new init hangs, and the old root serves", async () => {
    const image = await site.element.image({ version: "1.2.0", defect: "hang" });
    const { code, output } = await site.stack.up(await site.wants("1.2.0", image, { watchdog: "1s" }));
    assert.notEqual(code, 0);
    assert.match(output, /did not report in time/);
    assert.equal((await site.element.view()).version, "1.1.0");
  });

  it("claims nothing for the same change by an ordinary reboot, in the same run (INI-6, INI-7)", async () => {
    const reboot = async (version: string) => {
      const { partition } = await site.element.view();
      const { status, error } = await site.element.run(`request reboot ${partition === "a" ? "b" : "a"}`);
      assert.equal(status, 0, error);
      await site.element.until((view) => view.version === version && view.reported && view.rebuilt, "up");
    };
    // Of the bad release that lies on the other partition.
    await site.element.install(await site.element.image({ version: "1.0.0" }));
    await reboot("1.0.0");
    const figures = await site.element.measure(() => reboot("1.1.0"));
    const { reached, against } = claimOf(figures);
    assert.equal(reached, undefined);
    assert.match(against.join(), /transit packets lost/);
    assert.equal(figures.elements.ne1?.boots, 1);
  });

  it("waits for an approval on its way back to the older version, seen and given by issu", async () => {
    const role = (await readFile("/etc/group", "utf8"))
      .split("\n")
      .map((line) => line.split(":"))
      .find(([, , number]) => number === String(process.getgid?.()))?.[0];
    assert(role);
    const identity = await generateX25519Identity();
    const key = join(site.dir, "snapshots.key");
    await writeFile(key, identity, { mode: 0o600 });
    const { sha256 } = await site.element.image({ version: "1.0.0" });
    const args = await site.wants(
      "1.0.0",
      { sha256 },
      {
        approvals: [{ before: "change-root", role }],
        snapshot: {
          store: pathToFileURL(join(site.dir, "snapshots")).href,
          recipients: [await identityToRecipient(identity)],
        },
      },
    );
    await site.stack.mustUp(args);
    assert.deepEqual((await site.stack.stack.outputs()).outcomes, {
      ne1: { version: "1.0.0", outcome: "held" },
    });
    const held = await site.issu(["status", "ne1", "--exit-code"]);
    assert.equal(held.code, 3, held.output);
    assert.match(held.output, /waits for/);
    assert.match(held.output, /partition a .*\n.*partition b /);
    const approved = await site.issu(["approve", "ne1", "--reason", "tested"]);
    assert.equal(approved.code, 0, approved.output);
    assert.match(approved.output, new RegExp(`approves change-root of campaign \\S+ .* as ${role}`));
    const figures = await site.element.measure(() => site.stack.mustUp(args).then(() => undefined));
    assert.equal((await site.element.view()).version, "1.0.0");
    assert(claimOf(figures).reached);
    const report = await site.issu(["report", "ne1"]);
    assert.match(report.output, /completed/);
    assert.match((await site.issu(["unlock", "ne1", "--reason", "to see"])).output, /nobody holds the lease/);
    // The configuration of the snapshot, put back by hand (ESC-18).
    const part = ["--part", "configuration/element.json", "--identity", key, "--yes"];
    const back = await site.issu(["snapshot", "restore", "ne1", "latest", "--reason", "to see", ...part]);
    assert.equal(back.code, 0, back.output);
    assert.match(back.output, /configuration\/element\.json: \d+ bytes, read back/);
  });
});
