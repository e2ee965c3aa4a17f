/** Faults of the simulated chassis cluster, each met as a client meets it. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import {
  buildImage,
  type ChassisCluster,
  chassisFaults,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { ask, Cli, connectTo, put, run } from "../support/chassis-client.ts";
import { until } from "../support/until.ts";

const TO = "21.4R3-S5.4";
const IMAGE = `/var/tmp/${imageName(TO)}`;
const ISSU = `request system software in-service-upgrade ${IMAGE} reboot`;

describe("a fault of a chassis cluster", function () {
  this.timeout(60_000);
  let cluster: ChassisCluster;
  const status = () => ask(cluster, 0, "show chassis cluster status");
  const seen = async (type: string) =>
    assert.ok(
      await cluster.model.events.until(() => cluster.events().some((e) => e.type === type), 100_000),
      type,
    );
  beforeEach(async () => {
    cluster = await startChassisCluster({ timeScale: 5_000 });
  });
  afterEach(() => cluster.close());

  it("is refused with what it takes when name or parameters are wrong", async () => {
    await assert.rejects(cluster.fault("nonsense"), /expected one of image-corrupt/);
    await assert.rejects(
      cluster.fault("var-full", { node: 2, x: 1 }),
      /node: got 2, expected 0 or 1; x: unknown\. It takes/,
    );
  });

  it("image-corrupt spoils a copy", async () => {
    await cluster.fault("image-corrupt", { node: 0 });
    const image = buildImage({ release: TO });
    await put(cluster, 0, IMAGE, image);
    assert.notDeepEqual(cluster.model.node(0).files.read(IMAGE), image);
    await cluster.clearFaults();
    await put(cluster, 0, IMAGE, image);
    assert.deepEqual(cluster.model.node(0).files.read(IMAGE), image);
  });

  it("copy-cut leaves part of a file and breaks the connection", async () => {
    await cluster.fault("copy-cut", { node: 0, bytes: 20_000 });
    await assert.rejects(put(cluster, 0, IMAGE, buildImage({ release: TO })));
    assert.equal(cluster.model.node(0).files.read(IMAGE)?.length, 20_000);
  });

  it("var-full leaves next to no room, and refuses a copy", async () => {
    await cluster.fault("var-full", { node: 0, leaveMegabytes: 0 });
    assert.match(await ask(cluster, 0, "show system storage"), /100% {2}\/var\n/);
    await assert.rejects(put(cluster, 0, IMAGE, buildImage({ release: TO })), /No space left on device/);
    await cluster.clearFaults("var-full");
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
  });

  it("ssh-cut breaks sessions and, for a while, takes no new ones", async () => {
    const client = await connectTo(cluster, 0);
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    await cluster.fault("ssh-cut", { node: 0, seconds: 10_000 });
    await closed;
    await assert.rejects(connectTo(cluster, 0));
    await until("logins to be taken again", () =>
      ask(cluster, 0, "show version").then(
        () => true,
        () => false,
      ),
    );
  });

  it("host-key-changed is noticed by a client that verifies", async () => {
    const { nodes, knownHosts } = cluster;
    await cluster.fault("host-key-changed", { node: 0 });
    assert.notEqual(cluster.nodes[0]?.hostKeyFingerprint, nodes[0]?.hostKeyFingerprint);
    assert.notEqual(cluster.knownHosts, knownHosts);
    const pinned = { nodes, credentials: cluster.credentials };
    await assert.rejects(connectTo(pinned, 0), /[Hh]ost (denied|verification)/);
  });

  it("no-prompt answers without a prompt, and without an end", async () => {
    const client = await connectTo(cluster, 0);
    const cli = await Cli.open(client);
    await cli.until(/> $/);
    await cluster.fault("no-prompt", { node: 0 });
    cli.send("show version\n");
    await cli.until(/Online Documentation[^\n]*\n.*Online Documentation[^\n]*\n|more/s);
    cli.send(" ");
    await delay(200);
    assert.doesNotMatch(cli.pending, /> $/);
    client.end();
  });

  it("one-byte-output sends what is sent otherwise, in more pieces", async () => {
    const whole = await ask(cluster, 0, "show version");
    await cluster.fault("one-byte-output", { node: 0 });
    const client = await connectTo(cluster, 0);
    let pieces = 0;
    const text = await new Promise<string>((resolve) => {
      client.exec("show version", (_error, channel) => {
        let all = "";
        channel.on("data", (data: Buffer) => {
          pieces++;
          all += data.toString();
        });
        channel.on("close", () => resolve(all));
      });
    });
    client.end();
    assert.equal(text, whole);
    assert.equal(pieces, whole.length);
  });

  it("slow-answers makes each answer take its time", async () => {
    await cluster.fault("slow-answers", { node: 0, seconds: 2_500 });
    const client = await connectTo(cluster, 0);
    const start = performance.now();
    await run(client, "show version");
    assert.ok(performance.now() - start >= 490);
    client.end();
  });

  it("cold-sync-failing shows priority 0 and CS, and refuses the upgrade", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("cold-sync-failing", { node: 1 });
    assert.match(
      await status(),
      /Redundancy group: 1 [^\n]*\n[^\n]*\nnode1 {2}0 {8}secondary {6}no {6}no {7}CS\n/,
    );
    assert.match(await ask(cluster, 0, ISSU), /node1 is not ready in redundancy group 1 \(CS\)/);
    await cluster.clearFaults();
    await seen("cold-sync-complete");
    assert.doesNotMatch(await status(), /CS\n/);
  });

  it("peer-lost shows the peer as lost, refuses the upgrade, and ends with its boot", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("peer-lost", { node: 1 });
    await seen("peer-lost");
    assert.match(await status(), /node1 {2}0 {8}lost/);
    assert.match(await ask(cluster, 0, ISSU), /ISSU not allowed: node1 is lost/);
    assert.match(await ask(cluster, 0, "show chassis cluster interfaces"), /^Control link status: Down/);
    await cluster.clearFaults();
    await seen("cold-sync-complete");
    assert.match(await status(), /node1 {2}\d+ +secondary/);
  });

  it("link-lost makes the secondary ineligible, then disabled until it boots", async () => {
    await cluster.fault("link-lost", { link: "fabric" });
    await seen("node-disabled");
    assert.match(await status(), /node1 {2}\d+ +disabled .*FL/);
    assert.match(await ask(cluster, 0, "show chassis cluster interfaces"), /Fabric link status: Down/);
    await cluster.clearFaults();
    await ask(cluster, 1, "request system reboot", "yes\n");
    await seen("cold-sync-complete");
    assert.match(await status(), /node1 {2}\d+ +secondary/);
  });

  it("secondary-hold refuses the upgrade and a failover", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("secondary-hold", { group: 0, seconds: 1_000_000 });
    assert.match(await ask(cluster, 1, "show chassis cluster status"), /node1 {2}100 {6}secondary-hold/);
    assert.match(await ask(cluster, 0, ISSU), /redundancy group 0 is in secondary-hold/);
    assert.match(
      await ask(cluster, 0, "request chassis cluster failover redundancy-group 0 node 1"),
      /secondary-hold/,
    );
  });

  it("config-does-not-commit fails the upgrade after the groups have moved", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("config-does-not-commit", { statement: "security idp" });
    assert.match(await ask(cluster, 0, ISSU), /Validation failed on node0[\s\S]*Aborting ISSU/);
    assert.ok(cluster.events().some(({ type, group }) => type === "group-moved" && group === 2));
  });

  it("boot-failure of the old primary leaves mixed releases", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("boot-failure", { node: 0 });
    await ask(cluster, 0, ISSU);
    await seen("issu-failed");
    assert.deepEqual(
      cluster.model.nodes.map(({ release }) => release),
      ["21.2R3-S4.9", TO],
    );
    assert.equal(cluster.status().upgrading, false);
  });

  it("begins at an event: power of the upgrading node lost while the other installs", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("power-loss", { node: 0, seconds: 30, on: "kernel-synced" });
    assert.equal(cluster.status().faults[0]?.waits, true);
    await ask(cluster, 0, ISSU);
    await seen("issu-failed");
    await seen("node-up");
    assert.deepEqual(
      cluster.model.nodes.map(({ release }) => release),
      ["21.2R3-S4.9", "21.2R3-S4.9"],
    );
    assert.match(
      await ask(cluster, 1, "show chassis cluster status"),
      /Redundancy group: 0 [^\n]*\n[^\n]*\nnode1 {2}\d+ +primary/,
    );
  });

  it("operator-abort stops the upgrade", async () => {
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    await cluster.fault("operator-abort", { on: "installed" });
    assert.match(await ask(cluster, 0, ISSU), /Chassis ISSU Aborted/);
    assert.equal(cluster.events().find(({ type }) => type === "issu-aborted")?.user, "colleague");
    assert.deepEqual(
      cluster.model.nodes.map(({ pending }) => pending?.release),
      [undefined, TO],
    );
  });

  it("of the cards and protocols makes the upgrade warn", async () => {
    await cluster.fault("unsupported-pic", { fpc: 1, pic: 0 });
    await cluster.fault("unsupported-protocol", { protocol: "pim" });
    assert.match(await ask(cluster, 0, "show configuration protocols"), /pim \{\n {4}interface reth0;/);
    assert.equal(cluster.model.node(0).fpcs[1]?.pics[0]?.issuSupported, false);
    await cluster.clearFaults();
    assert.equal(cluster.model.node(0).fpcs[1]?.pics[0]?.issuSupported, true);
  });

  it("has a line of what it does for each name", () => {
    for (const { name, effect } of chassisFaults.values())
      assert.ok(/^[a-z-]+$/.test(name) && effect.length > 10, name);
  });
});
