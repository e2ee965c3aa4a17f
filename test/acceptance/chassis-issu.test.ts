/**
 * A chassis cluster from one release to the next by `pulumi up`, under transit flows in both directions, and back again; and that no
 * secret is anywhere.
 */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { ChassisClusterArgs } from "pulumi-issu";
import { buildImage } from "../../lab/chassis/index.ts";
import { holdToSum, MEASURABLE, measured, movesAlone, startProbe } from "../support/chassis-moves.ts";
import { type ChassisSite, openChassisSite, RELEASES } from "../support/chassis-site.ts";
import { run } from "../support/command.ts";
import { ImageServer } from "../support/image-server.ts";
import { root } from "../support/site.ts";

describe("a chassis cluster, upgraded by pulumi up", function () {
  this.timeout(300_000);
  let site: ChassisSite;
  let images: ImageServer;
  const outputs: string[] = [];
  before(async function () {
    this.timeout(600_000);
    site = await openChassisSite({ name: "edge", ...MEASURABLE });
    images = await ImageServer.start(buildImage({ release: RELEASES.new }), ["cut"]);
    await site.stack.stack.setSecret("imageUrl", images.url);
  });
  after(async () => {
    await site?.close();
    await images?.stop();
  });

  const releases = () => site.cluster.model.nodes.map(({ release }) => release);
  /** The device fetches the image by itself; the first time the line breaks half-way. */
  const fetched = () => {
    const { image } = Object.values(site.wants(RELEASES.new))[0] as { image: object };
    return { image: { ...image, url: "https://in-the-secrets.example" } } as Partial<ChassisClusterArgs>;
  };
  const groups = () => site.cluster.model.groups.map(({ primary, manual }) => ({ primary, manual }));
  const up = async (release: string, more = {}) => {
    const done = await site.stack.up(site.wants(release, more));
    outputs.push(done.output);
    return done;
  };
  const issu = async (...args: string[]) => {
    const done = await run(path.join(root, "node_modules/.bin/issu"), args, { cwd: root, env: site.env });
    outputs.push(done.output);
    return done;
  };

  it("has nothing to do while both nodes run what is declared", async () => {
    const { code, output } = await up(RELEASES.old);
    assert.equal(code, 0, output);
    assert.deepEqual(await site.stack.stack.outputs(), {
      outcomes: { edge: { version: RELEASES.old, outcome: "unchanged", campaign: "" } },
    });
  });

  it("refuses a start from the secondary at preview, with nothing changed", async () => {
    const wants = site.wants(RELEASES.new, { upgrade: { startFrom: "node1" } });
    const { code, output } = await site.stack.preview(wants);
    outputs.push(output);
    assert.notEqual(code, 0);
    assert.match(output, /Got node1\. Expected node0: it is RG-0's primary/);
    assert.deepEqual(releases(), [RELEASES.old, RELEASES.old]);
  });

  it("shows the plan, carries it out under traffic, and leaves the groups as they were", async () => {
    const before = groups();
    const preview = await site.stack.preview(site.wants(RELEASES.new, fetched()));
    outputs.push(preview.output);
    assert.match(preview.output, /upgrade 21\.2R3-S4\.9 → 21\.4R3-S5/);
    assert.match(preview.output, /FPC 1 of node0 .* restarts on the new image/);
    const alone = await movesAlone();
    await startProbe(site.cluster, [alone.packetsPerSecond]);
    const first = site.cluster.events().length;
    const upgrade = await measured(site.cluster, "upgrade", async () => {
      const { code, output } = await up(RELEASES.new, fetched());
      assert.equal(code, 0, output);
    });
    assert.deepEqual(images.served, ["cut", "whole"]);
    site.cluster.traffic.stop();
    assert.deepEqual(releases(), [RELEASES.new, RELEASES.new]);
    assert.deepEqual(groups(), before);
    holdToSum(upgrade, alone, site.cluster.events().slice(first));
  });

  it("shows nodes, groups, cards and what is on them", async () => {
    const at = path.join(site.dir, "edge.json");
    const { user, password } = site.cluster.credentials;
    const nodes = site.cluster.nodes.map(({ host, port, hostPublicKey }) => ({
      host,
      port,
      hostKey: hostPublicKey,
    }));
    await fs.writeFile(at, JSON.stringify({ nodes, access: { user, password } }), { mode: 0o600 });
    const journal = `file://${path.join(site.dir, "journal")}`;
    const { code, output } = await issu("status", "edge", "--journal", journal, "--at", at);
    await fs.rm(at);
    assert.equal(code, 0, output);
    assert.match(output, /node0\s+primary\s+21\.4R3-S5\.4/);
    assert.match(output, /RG-2\s+on node1/);
    assert.match(output, /node1 FPC 1\s+Online/);
    assert.match(output, /node1 FPC 1 PIC 1\s+Online/);
    assert.match(output, /node1 FPC 1 PFE 0\s+Links ok/);
    assert.match(output, /upgrade-old-primary\s+done/);
  });

  it("goes back when the version is set back", async () => {
    const before = groups();
    const { code, output } = await up(RELEASES.old);
    assert.equal(code, 0, output);
    assert.deepEqual(releases(), [RELEASES.old, RELEASES.old]);
    assert.deepEqual(groups(), before);
  });

  it("takes itself back from a release that does not boot", async () => {
    const before = groups();
    await site.cluster.fault("boot-failure", { node: 1 });
    const { code, output } = await up(RELEASES.new, fetched());
    await site.cluster.clearFaults();
    assert.notEqual(code, 0);
    assert.match(output, /was rolled back in .* serves alone/);
    assert.deepEqual(releases(), [RELEASES.old, RELEASES.old]);
    assert.deepEqual(groups(), before);
    assert.equal((await site.journal()).campaign?.state, "rolled-back");
  });

  it("shows no secret in output, state, journal or log", async () => {
    const { password, privateKey } = site.cluster.credentials;
    const server = images.password;
    const files = await fs.readdir(site.dir, { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      files
        .filter((entry) => entry.isFile() && !/^Pulumi\..*\.yaml$/.test(entry.name))
        .map((entry) => fs.readFile(path.join(entry.parentPath, entry.name), "utf8")),
    );
    const state = await site.stack.stack.exportState();
    for (const text of [...outputs, ...texts, state]) {
      assert.ok(!text.includes(password), `the password in ${text.slice(0, 200)}`);
      assert.ok(!text.includes(server), `the image server's password in ${text.slice(0, 200)}`);
      assert.ok(!text.includes(privateKey.slice(60, 120)));
    }
  });
});
