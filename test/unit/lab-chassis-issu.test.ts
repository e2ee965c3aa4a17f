/** The upgrade of a simulated chassis cluster: its order (CHA-2 to CHA-10), what refuses it, what interrupts it. */
import assert from "node:assert/strict";
import {
  buildImage,
  type ChassisCluster,
  type ChassisEvent,
  type ChassisEventType,
  type ChassisOptions,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { ask, Cli, connectTo, put } from "../support/chassis-client.ts";

const TO = "21.4R3-S5.4";
const IMAGE = `/var/tmp/${imageName(TO)}`;
const ISSU = `request system software in-service-upgrade ${IMAGE} reboot`;

/** Events of some types, each as `type node group/fpc`. */
function trace(events: readonly ChassisEvent[], types: readonly ChassisEventType[]): readonly string[] {
  return events
    .filter(({ type }) => types.includes(type))
    .map(({ type, node, group, fpc }) =>
      [type, node, group ?? fpc].filter((part) => part !== undefined).join(" "),
    );
}

describe("an upgrade of a chassis cluster", function () {
  this.timeout(30_000);
  let cluster: ChassisCluster;
  const start = async (options: ChassisOptions = {}) => {
    cluster = await startChassisCluster({ timeScale: 5_000, ...options });
    await put(cluster, 0, IMAGE, buildImage({ release: TO }));
    return cluster;
  };
  /** Waits for an event. */
  const seen = async (type: ChassisEventType) =>
    assert.ok(
      await cluster.model.events.until(() => cluster.events().some((e) => e.type === type), 30_000),
      type,
    );
  const count = (type: ChassisEventType) => cluster.events().filter((event) => event.type === type).length;
  const releases = () => cluster.model.nodes.map(({ release }) => release);
  afterEach(() => cluster.close());

  it("goes through its steps in order and ends the session that started it", async () => {
    await start();
    const cli = await Cli.open(await connectTo(cluster, 0));
    await cli.until(/> $/);
    cli.send(`${ISSU}\n`);
    const progress = await cli.until(/System going down IMMEDIATELY/, 20_000);
    let at = 0;
    for (const line of [
      "Chassis ISSU Check Done",
      "ISSU: Validating Image",
      "Checking compatibility with configuration",
      "Saving state for rollback",
      "Backup upgrade done",
      "Rebooting Backup RE",
      "ISSU: Backup RE Prepare Done",
      "Waiting for Backup RE reboot",
      "GRES operational",
      "Initiating Chassis In-Service-Upgrade",
      "Chassis ISSU Started",
      "ISSU: Preparing Daemons",
      "ISSU: Daemons Ready for ISSU",
      "ISSU: Starting Upgrade for FRUs",
      "ISSU: Preparing for Switchover",
    ]) {
      const found = progress.indexOf(`${line}\r\n`, at);
      assert.ok(found >= 0, `${line} in ${progress}`);
      at = found;
    }
    await seen("issu-complete");
    assert.deepEqual(releases(), [TO, TO]);
    assert.deepEqual(
      trace(cluster.events(), [
        "issu-started",
        "group-moved",
        "group-manual",
        "image-validated",
        "configuration-checked",
        "kernel-synced",
        "installed",
        "node-down",
        "node-up",
        "cold-sync-complete",
        "processes-prepared",
        "pics-notified",
        "pfe-state-saved",
        "pfe-image-downloaded",
        "pfe-issu-ready",
        "fpc-linked",
        "pfes-ready",
        "switchover-prepared",
        "switchover",
        "issu-complete",
      ]),
      [
        "issu-started 0",
        "group-moved 0 2",
        "group-manual 0 1",
        "group-manual 0 2",
        "image-validated 0",
        "configuration-checked 0",
        "kernel-synced 1",
        "configuration-checked 1",
        "installed 1",
        "node-down 1",
        "node-up 1",
        "cold-sync-complete 1",
        "processes-prepared 0",
        "pics-notified 0",
        "pfe-state-saved 0 0",
        "pfe-image-downloaded 0 0",
        "pfe-issu-ready 0 0",
        "fpc-linked 0 0",
        "pfe-state-saved 0 1",
        "pfe-image-downloaded 0 1",
        "pfe-issu-ready 0 1",
        "fpc-linked 0 1",
        "pfes-ready 0",
        "switchover-prepared 0",
        "group-moved 1 2",
        "group-moved 1 1",
        "group-moved 1 0",
        "group-manual 1 0",
        "group-manual 1 1",
        "group-manual 1 2",
        "switchover",
        "installed 0",
        "node-down 0",
        "node-up 0",
        "cold-sync-complete 0",
        "issu-complete",
      ],
    );
    assert.match(
      await ask(cluster, 1, "show chassis cluster status"),
      /node1 {2}255 {6}primary {8}no {6}yes/,
    );
  });

  for (const [what, options, command, node, pattern] of [
    ["from the secondary", {}, ISSU, 1, /must be started from the primary node/],
    [
      "without the keyword reboot",
      {},
      ISSU.replace(" reboot", ""),
      0,
      /^'reboot' keyword must be specified\. Aborting ISSU$/m,
    ],
    ["to the release that runs", { release: TO }, ISSU, 0, /is not later than/],
    ["to an older release", { release: "22.1R1.10" }, ISSU, 0, /downgrades are not supported/],
    ["without the image", {}, ISSU.replace("S5", "S6"), 0, /does not exist/],
    [
      "up to 11.4 with groups elsewhere",
      { release: "11.4R7.5" },
      ISSU,
      0,
      /redundancy group 2 is not primary on node0/,
    ],
  ] as const) {
    it(`is refused ${what}, with nothing changed`, async () => {
      await start(options);
      assert.match(await ask(cluster, node, command), pattern);
      assert.deepEqual(
        trace(cluster.events(), ["group-moved", "group-manual", "installed", "node-down"]),
        [],
      );
      assert.equal(count("refused"), 1);
    });
  }

  it("is refused while a group is in secondary-hold", async () => {
    await start();
    const group = cluster.model.groups[0];
    assert.ok(group);
    cluster.model.hold(group, 1, 1_000_000);
    assert.match(await ask(cluster, 0, ISSU), /redundancy group 0 is in secondary-hold on node1/);
  });

  it("moves the groups, then fails on a damaged image, and leaves them where they are", async () => {
    await start();
    const image = buildImage({ release: TO });
    image[image.length >> 1] = (image[image.length >> 1] ?? 0) ^ 1;
    await put(cluster, 0, IMAGE, image);
    assert.match(await ask(cluster, 0, ISSU), /error: Package verification failed/);
    assert.deepEqual(trace(cluster.events(), ["group-moved", "installed"]), ["group-moved 0 2"]);
    assert.equal(cluster.model.groups[2]?.manual, 0);
  });

  it("notices a half-copied image", async () => {
    await start();
    await put(cluster, 0, IMAGE, buildImage({ release: TO }).subarray(0, 30_000));
    assert.match(await ask(cluster, 0, ISSU), /error: Package verification failed/);
  });

  it("fails where the configuration does not commit on the new release", async () => {
    await start({ configuration: ["security idp sensor-configuration log"] });
    await put(cluster, 0, IMAGE, buildImage({ release: TO, removedStatements: ["security idp"] }));
    assert.match(await ask(cluster, 0, ISSU), /Validation failed on node0\n\[edit security\]\n {2}'idp'/);
  });

  it("fails when /var has no room on the other node", async () => {
    await start();
    cluster.model.node(1).files.write("/var/log/fill", Buffer.alloc(0), 3_300_000);
    assert.match(await ask(cluster, 0, ISSU), /insufficient disk space on node1/);
    assert.equal(count("installed"), 0);
  });

  it("refuses commits and reboots while it runs", async () => {
    await start();
    const client = await connectTo(cluster, 0);
    client.exec(ISSU, () => {});
    await seen("installed");
    const cli = await Cli.open(await connectTo(cluster, 0));
    await cli.until(/> $/);
    await cli.line("configure");
    assert.match(await cli.line("commit"), /error: commit is not allowed: ISSU in progress/);
    assert.match(
      await cli.line("run request chassis cluster failover reset redundancy-group 1"),
      /ISSU in progress/,
    );
    cli.send("run request system reboot\n");
    assert.match(await cli.until(/# $/), /reboot is not allowed: ISSU in progress/);
    client.end();
    await seen("issu-complete");
  });

  it("stops after the secondary's reboot when aborted during it, with mixed releases; rollback and reboot mend that", async () => {
    // Long enough to be aborted from another session.
    await start({ durations: { reboot: 10_000 } });
    const issu = ask(cluster, 0, ISSU);
    await cluster.model.events.until(() => count("node-down") === 1, 30_000);
    assert.equal(await ask(cluster, 0, "request system software abort in-service-upgrade"), "");
    assert.match(await issu, /Chassis ISSU Aborted/);
    assert.deepEqual(releases(), ["21.2R3-S4.9", TO]);
    assert.equal(count("mixed-releases"), 1);
    assert.match(
      await ask(cluster, 0, "request system software rollback node 1"),
      /will become active at next reboot/,
    );
    await ask(cluster, 1, "request system reboot", "yes\n");
    await seen("same-releases");
    assert.deepEqual(releases(), ["21.2R3-S4.9", "21.2R3-S4.9"]);
  });

  it("takes cards back that run ahead when aborted between two of them", async () => {
    await start();
    await cluster.fault("operator-abort", { on: "fpc-linked" });
    assert.match(await ask(cluster, 0, ISSU), /Chassis ISSU Aborted/);
    assert.deepEqual(
      cluster.model.node(0).fpcs.map(({ release }) => release),
      ["21.2R3-S4.9", "21.2R3-S4.9"],
    );
  });

  it("ends with the old release on a node whose new image does not boot", async () => {
    await start();
    await put(cluster, 0, IMAGE, buildImage({ release: TO, boots: false }));
    assert.match(await ask(cluster, 0, ISSU), /node1 came up with 21\.2R3-S4\.9, not 21\.4R3-S5\.4/);
    assert.equal(count("boot-failed"), 1);
    assert.deepEqual(releases(), ["21.2R3-S4.9", "21.2R3-S4.9"]);
  });

  it("warns of PICs and protocols that do not support it, and restarts the PIC", async () => {
    await start({
      fpcs: [{ pics: [{}, { issuSupported: false }] }, {}],
      configuration: ["protocols pim interface reth0"],
    });
    const text = await ask(cluster, 0, ISSU);
    assert.match(text, /warning: FPC 0 PIC 1 .* will restart during the upgrade/);
    assert.match(text, /warning: protocol pim does not support ISSU/);
    await seen("issu-complete");
    assert.deepEqual(trace(cluster.events(), ["pic-down", "pic-up"]), ["pic-down 0 0", "pic-up 0 0"]);
  });
});
