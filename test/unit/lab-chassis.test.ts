/** The simulated chassis cluster as an operator finds it: logins, the CLI, files, redundancy groups. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { buildImage, type ChassisCluster, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { checkedOptions } from "../../lab/chassis/options.ts";
import { compareReleases } from "../../lab/chassis/release.ts";
import { ask, Cli, connectTo, put, run } from "../support/chassis-client.ts";

describe("a chassis cluster's CLI", function () {
  this.timeout(20_000);
  let cluster: ChassisCluster;
  before(async () => {
    // A reboot long enough to be looked at.
    cluster = await startChassisCluster({ timeScale: 5_000, durations: { reboot: 10_000 } });
  });
  after(() => cluster.close());

  it("shows both nodes' release", async () => {
    const text = await ask(cluster, 0, "show version");
    assert.match(text, /^node0:\n-{74}\nHostname: srx-0\nModel: srx5800\nJunos: 21\.2R3-S4\.9\n/);
    assert.match(text, /\n\nnode1:\n-{74}\nHostname: srx-1\n/);
  });

  it("shows the cluster's status in the device's columns", async () => {
    const text = await ask(cluster, 0, "show chassis cluster status");
    assert.match(text, /^Monitor Failure codes:\n/);
    assert.match(text, /\nCluster ID: 1\nNode {3}Priority Status {9}Preempt Manual {3}Monitor-failures\n/);
    assert.match(
      text,
      /\nRedundancy group: 0 , Failover count: 1\nnode0 {2}200 {6}primary {8}no {6}no {7}None\n/,
    );
    assert.match(
      text,
      /\nRedundancy group: 2 , Failover count: 1\nnode0 {2}100 {6}secondary {6}no {6}no {7}None\n/,
    );
  });

  it("lets in by password and by key, and nobody else", async () => {
    const { privateKey } = cluster.credentials;
    const client = await connectTo(cluster, 1, { privateKey });
    assert.match((await run(client, "show system uptime")).text, /System booted: /);
    client.end();
    await assert.rejects(connectTo(cluster, 0, { password: "wrong" }), /authentication/i);
    await assert.rejects(connectTo(cluster, 0, { user: "root", password: "" }), /authentication/i);
  });

  it("prompts with the node's role, echoes, pages, and obeys the settings of the screen", async () => {
    const client = await connectTo(cluster, 0);
    const cli = await Cli.open(client);
    assert.match(await cli.until(/> $/), /\r\n\{primary:node0\}\r\nlab@srx-0> $/);
    cli.send("show chassis hardware\n");
    await cli.until(/---\(more\)---/);
    cli.send(" ");
    assert.match(await cli.until(/> $/), /FPC 1/);
    assert.match(
      await cli.line("set cli screen-length 0"),
      /set cli screen-length 0\r\nScreen length set to 0\r\n/,
    );
    assert.doesNotMatch(await cli.line("show chassis hardware"), /more/);
    assert.match(await cli.line("sh chas clu stat | match secondary | count"), /Count: 3 lines/);
    assert.match(await cli.line("show nonsense"), /\^\r\nsyntax error, expecting <command>\.\r\n/);
    client.end();
  });

  it("edits, compares, checks and commits a configuration on both nodes", async () => {
    const client = await connectTo(cluster, 0);
    const cli = await Cli.open(client);
    await cli.until(/> $/);
    assert.match(
      await cli.line("configure"),
      /Entering configuration mode\r\n\r\n\{primary:node0\}\[edit\]\r\nlab@srx-0# $/,
    );
    await cli.line("set chassis cluster redundancy-group 1 node 0 priority 150");
    const difference = await cli.line("show | compare");
    assert.match(
      difference,
      /\[edit chassis cluster redundancy-group 1\]\r\n- {3}node 0 priority 200;\r\n\+ {3}node 0 priority 150;/,
    );
    assert.match(await cli.line("commit check"), /configuration check succeeds/);
    assert.match(await cli.line("commit"), /commit complete/);
    await cli.line("rollback 1");
    assert.match(
      await cli.line("commit and-quit"),
      /commit complete[\s\S]*Exiting configuration mode[\s\S]*> $/,
    );
    client.end();
    assert.match(
      await ask(cluster, 1, "show configuration chassis cluster | display set"),
      /node 0 priority 200/,
    );
  });

  it("takes files by SFTP, tells their checksum and copies them to the other node", async () => {
    const image = buildImage({ release: "21.4R3-S5.4" });
    const path = `/var/tmp/${imageName("21.4R3-S5.4")}`;
    await put(cluster, 0, path, image);
    const digest = createHash("sha256").update(image).digest("hex");
    assert.equal(await ask(cluster, 0, `file checksum sha-256 ${path}`), `SHA256 (${path}) = ${digest}\n`);
    assert.match(await ask(cluster, 0, "file list /var/tmp/"), /junos-srx5000-21\.4R3-S5\.4\.tgz/);
    assert.equal(await ask(cluster, 0, `file copy ${path} node1:/var/tmp/`), "");
    assert.match(await ask(cluster, 1, `file checksum md5 ${path}`), /^MD5 /);
    await ask(cluster, 1, `file delete ${path}`);
    assert.match(await ask(cluster, 1, `file checksum md5 ${path}`), /No such file or directory/);
  });

  it("shows storage, cards, links, alarms and configuration", async () => {
    assert.match(
      await ask(cluster, 0, "show system storage"),
      /\/dev\/da0s1f +4\.0G +\d+M +3\.\dG +\d+% {2}\/var\n/,
    );
    assert.match(
      await ask(cluster, 0, "show chassis fpc pic-status"),
      /Slot 0 {2}Online {3}SRX5K IOC II\n {2}PIC 0 {2}Online /,
    );
    assert.match(
      await ask(cluster, 0, "show chassis fabric plane"),
      /Plane 0\n {2}Plane state: ACTIVE\n {6}FPC 0\n {10}PFE 0 :Links ok\n/,
    );
    assert.match(await ask(cluster, 0, "show chassis hardware"), /\nFPC 1 +REV 11/);
    assert.match(
      await ask(cluster, 0, "show chassis cluster interfaces"),
      /^Control link status: Up\n[\s\S]*Fabric link status: Up\n/,
    );
    assert.match(await ask(cluster, 0, "show system alarms"), /Rescue configuration is not set/);
    assert.match(
      await ask(cluster, 0, "show chassis cluster information issu"),
      /CS RTO sync +2 of 2 SPUs completed/,
    );
    assert.match(
      await ask(cluster, 0, "show configuration"),
      /^## Last commit: [\s\S]*\nversion 21\.2R3-S4\.9;\n[\s\S]*redundancy-group 1 \{/,
    );
  });

  it("fails a group over by hand, holds the old primary back, and clears the flag", async () => {
    assert.match(
      await ask(cluster, 0, "request chassis cluster failover redundancy-group 2 node 0"),
      /Initiated manual failover for redundancy group 2/,
    );
    const after = await ask(cluster, 0, "show chassis cluster status redundancy-group 2");
    assert.match(after, /Failover count: 2\nnode0 {2}255 {6}primary {8}no {6}yes {6}None\n/);
    assert.match(
      await ask(cluster, 0, "request chassis cluster failover redundancy-group 2 node 1"),
      /^error: .*manual failover flag is set/,
    );
    assert.match(
      await ask(cluster, 0, "request chassis cluster failover reset redundancy-group 2"),
      /Successfully reset/,
    );
    assert.equal(
      await ask(cluster, 0, "clear chassis cluster failover-count"),
      "Cleared failover-count for all redundancy-groups\n",
    );
  });

  it("reboots a node: its SSH goes away and comes back, the peer takes over meanwhile", async () => {
    const client = await connectTo(cluster, 1);
    const ended = new Promise<void>((resolve) => client.once("close", () => resolve()));
    const { text } = await run(client, "request system reboot", "yes\n");
    assert.match(text, /Reboot the system \? \[yes,no\] \(no\) [\s\S]*System going down IMMEDIATELY/);
    await ended;
    await assert.rejects(connectTo(cluster, 1));
    assert.match(
      await ask(cluster, 0, "show chassis cluster status"),
      /node1 {2}0 {8}lost {11}n\/a {5}n\/a {6}n\/a/,
    );
    const back = () => cluster.model.node(1).coldSync === "complete";
    assert.ok(await cluster.model.events.until(back, 20_000));
    assert.match(await ask(cluster, 1, "show chassis cluster status"), /node1 {2}\d+ +secondary/);
  });
});

describe("a stand-alone box", function () {
  this.timeout(20_000);
  let box: ChassisCluster;
  before(async () => {
    box = await startChassisCluster({ nodes: 1, timeScale: 5_000 });
  });
  after(() => box.close());

  it("says that it is no cluster", async () => {
    assert.equal(
      await ask(box, 0, "show chassis cluster status"),
      "error: Chassis cluster is not enabled.\n",
    );
    assert.match(await ask(box, 0, "show version"), /^Hostname: srx-0\n/);
  });

  it("takes another release by install and reboot, and goes back to the former one", async () => {
    const up = (release: string) => () => box.model.node(0).isUp && box.model.node(0).release === release;
    await put(box, 0, "/var/tmp/next.tgz", buildImage({ release: "21.4R3-S5.4" }));
    assert.match(await ask(box, 0, "request system software add /var/tmp/next.tgz"), /A reboot is required/);
    assert.match(await ask(box, 0, "show system software list"), /21\.4R3-S5\.4 +pending/);
    await ask(box, 0, "request system reboot", "yes\n");
    assert.ok(await box.model.events.until(up("21.4R3-S5.4"), 20_000));
    assert.match(await ask(box, 0, "request system software rollback"), /will become active at next reboot/);
    await ask(box, 0, "request system reboot", "yes\n");
    assert.ok(await box.model.events.until(up("21.2R3-S4.9"), 20_000));
  });
});

describe("a release of the simulated boxes", () => {
  it("is ordered as the vendor orders it", () => {
    const inOrder = [
      "10.4R4",
      "11.4R7.5",
      "11.4R13-S2",
      "12.1R1.9",
      "12.1X44-D35.5",
      "12.1X46-D9",
      "12.1X46-D10",
      "12.3R1",
      "15.1X49-D80",
      "17.4R1-S10",
      "17.4R2",
      "21.2R3-S4.9",
      "21.4B1",
      "21.4R3.15",
      "21.4R3-S5.4",
      "21.4R3-S5.10",
      "22.1R1",
    ];
    assert.deepEqual([...inOrder].reverse().sort(compareReleases), inOrder);
    assert.throws(() => compareReleases("21.4", "21.4R1"), /got "21\.4", expected one as 21\.4R3-S5\.4/);
  });
});

describe("options of a chassis cluster", () => {
  it("are refused with every mistake in one go", () => {
    assert.throws(
      () =>
        checkedOptions({
          timeScale: 0,
          release: "21",
          groups: [{ priorities: [0, 300], preempt: true }],
          fpcs: [],
        }),
      /timeScale: got 0.*release: got "21".*fpcs: got 0.*groups: got 1.*groups\[0\]\.priorities: got 0, 300.*group 0 can't preempt/,
    );
  });
});
