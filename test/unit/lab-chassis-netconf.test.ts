/** NETCONF on the simulated chassis: it tells what the command line tells, and troubles of the line are met as such. */
import assert from "node:assert/strict";
import { JunosNode } from "#sdk/drivers/junos/node.js";
import * as questions from "#sdk/drivers/junos/questions.js";
import type { Protocol } from "#sdk/drivers/junos/session.js";
import {
  buildImage,
  type ChassisCluster,
  type ChassisOptions,
  imageName,
  startChassisCluster,
} from "../../lab/chassis/index.ts";

const IMAGE = `/var/tmp/${imageName("21.4R3-S5.4")}`;

describe("a chassis by NETCONF", function () {
  this.timeout(20_000);
  let cluster: ChassisCluster;
  const open: JunosNode[] = [];
  const start = async (options: ChassisOptions = {}) => {
    cluster = await startChassisCluster({ timeScale: 5_000, ...options });
    cluster.model.node(0).files.write(IMAGE, buildImage({ release: "21.4R3-S5.4" }));
  };
  afterEach(async () => {
    for (const node of open.splice(0)) node.close();
    await cluster?.close();
  });

  function reach(protocol: Protocol, id: 0 | 1 = 0): JunosNode {
    const { host = "", port = 0, hostPublicKey = "" } = cluster.nodes[id] ?? {};
    const { user, password } = cluster.credentials;
    const node = new JunosNode(
      {
        name: `node${id}`,
        host,
        port,
        user,
        hostKeys: { pinned: [hostPublicKey] },
        protocol,
        ...(password === undefined ? {} : { password }),
      },
      { connectMs: 10_000, answerMs: 10_000 },
    );
    open.push(node);
    return node;
  }

  const all = [
    ...Object.values(questions).filter((one) => typeof one === "object" && "command" in one),
    questions.fileSize(IMAGE),
    questions.fileSize("/var/tmp/none"),
    questions.checksumOf(IMAGE),
  ] as readonly questions.Question<unknown>[];

  /** Where the command line shortens, both sides are in its terms. */
  const comparable = ({ command }: questions.Question<unknown>, answer: unknown): unknown =>
    command === "show system storage"
      ? (answer as { mount: string }[]).map(({ mount }) => mount)
      : command === "show configuration"
        ? (answer as string).replace(/^## Last commit.*\n/, "")
        : answer;

  async function sameFrom(id: 0 | 1): Promise<void> {
    const cli = reach("cli", id);
    const netconf = reach("netconf", id);
    for (const question of all)
      assert.deepEqual(
        comparable(question, await netconf.ask(question)),
        comparable(question, await cli.ask(question)),
        question.command,
      );
  }

  for (const version of ["1.0", "1.1"] as const)
    it(`answers each question as the command line does, by version ${version}`, async () => {
      await start({ netconf: version });
      await sameFrom(0);
      await sameFrom(1);
      assert.deepEqual(await open[1]?.banner(), { node: "node0" });
      assert.deepEqual(await open[3]?.banner(), { node: "node1" });
    });

  it("answers so of two routing engines and of a box with one, and of a peer that is lost", async () => {
    await start({ routingEngines: true });
    await sameFrom(0);
    await sameFrom(1);
    await cluster.close();
    await start({ nodes: 1 });
    await sameFrom(0);
    await cluster.close();
    await start();
    cluster.model.takeDown(1, "sudden", "test");
    await sameFrom(0);
  });

  it("does what is asked, and refuses in the device's words", async () => {
    await start();
    const node = reach("netconf");
    const failover = "request chassis cluster failover redundancy-group 1 node 1";
    assert.match(await node.run(failover), /Initiated manual failover for redundancy group 1/);
    assert.equal(cluster.model.groups[1]?.primary, 1);
    assert.match(await node.run(failover), /^error: Manual failover is not permitted .* flag is set/);
    assert.match(
      await node.run(`request system software in-service-upgrade ${IMAGE}`),
      /^error: 'reboot' keyword must be specified\. Aborting ISSU$/,
    );
    assert.match(await node.run("show nonsense"), /^syntax error/);
    assert.match(
      await reach("netconf", 1).run(`request system software in-service-upgrade ${IMAGE} reboot`),
      /^error: /,
    );
  });

  it("gets an answer in single bytes, and one that comes late", async () => {
    await start();
    await cluster.fault("one-byte-output", { node: 0 });
    assert.equal((await reach("netconf").ask(questions.VERSION))?.version, "21.2R3-S4.9");
    await cluster.clearFaults();
    await cluster.fault("slow-answers", { node: 0, seconds: 1_000 });
    assert.equal((await reach("netconf").ask(questions.VERSION))?.version, "21.2R3-S4.9");
  });

  it("gives up an answer whose end never comes, and asks again on a line that was cut", async () => {
    await start();
    const node = reach("netconf");
    await node.ask(questions.VERSION);
    await cluster.fault("no-prompt", { node: 0 });
    await assert.rejects(
      node.ask(questions.VERSION, { deadline: Date.now() + 1_000 }),
      ({ code, message }: Error & { code: string }) =>
        code === "TIMEOUT" && /reply to "show version" did not come within 1 s/.test(message),
    );
    await cluster.clearFaults();
    assert.equal((await node.ask(questions.VERSION))?.version, "21.2R3-S4.9");
    await cluster.fault("ssh-cut", { node: 0, seconds: 0 });
    assert.equal((await node.ask(questions.VERSION))?.version, "21.2R3-S4.9");
  });

  it("says how to mend a device that does not serve it", async () => {
    await start({ netconf: "off" });
    await assert.rejects(
      reach("netconf").ask(questions.VERSION),
      ({ code, message }: Error & { code: string }) =>
        code === "NO_NETCONF" && /set system services netconf ssh.*access\.protocol to "cli"/.test(message),
    );
  });
});
