/** The lab's machines, driven by the Redfish driver as a campaign does it. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { MachineWait } from "#sdk/contract/machines.js";
import { RedfishMachines } from "#sdk/drivers/redfish/index.js";
import { Machines } from "../../lab/machines/daemon.ts";
import type { NodeHost } from "../../lab/machines/machine.ts";
import { until } from "../support/until.ts";

const OLD = "1.33.6";
const NEW = "1.34.2";
const image = (version: string) => `https://images.example/caas-${version}.img`;

class FakeNodes implements NodeHost {
  readonly versions = new Map<string, string>();
  readonly events: string[] = [];
  async down(name: string, abrupt: boolean): Promise<void> {
    this.events.push(`down ${name}${abrupt ? " abruptly" : ""}`);
  }
  async up(name: string, version: string): Promise<void> {
    this.versions.set(name, version);
    this.events.push(`up ${name} ${version}`);
  }
  async ready(name: string, ready: boolean): Promise<void> {
    this.events.push(`${ready ? "ready" : "not ready"} ${name}`);
  }
}

describe("machines by Redfish", () => {
  const credentials = { userName: "installer", password: "pass-word-1" };
  let machines: Machines;
  let nodes: FakeNodes;
  let driver: RedfishMachines;

  const connect = (password = credentials.password) =>
    new RedfishMachines({
      url: `http://127.0.0.1:${machines.port}`,
      username: credentials.userName,
      password,
    });
  const wait = (ms = 10_000): MachineWait => ({
    signal: new AbortController().signal,
    deadline: Date.now() + ms,
    progress: () => undefined,
  });

  beforeEach(async () => {
    nodes = new FakeNodes();
    machines = await Machines.start(
      {
        machines: [
          { id: "node-1", assetTag: "workers", labels: {}, release: OLD },
          { id: "spare-1", assetTag: "workers", labels: {} },
        ],
        port: 0,
        credentials,
        scale: 0.0002,
        log: () => undefined,
      },
      nodes,
    );
    driver = connect();
  });

  afterEach(async () => {
    await driver.close();
    await machines.stop();
  });

  it("tells what there is", async () => {
    const all = await driver.list();
    assert.deepEqual(
      all.map(({ id, power, healthy, assetTag, uuid }) => ({ id, power, healthy, assetTag, uuid })),
      [
        { id: "node-1", power: "on", healthy: true, assetTag: "workers", uuid: "node-1" },
        { id: "spare-1", power: "off", healthy: true, assetTag: "workers", uuid: "spare-1" },
      ],
    );
  });

  it("loads an image, boots it, and boots the former release from the disk", async () => {
    await driver.boot("node-1", { version: NEW, image: image(NEW), former: false }, wait());
    assert.equal(nodes.versions.get("node-1"), NEW);
    const startedAt = performance.now();
    await driver.boot("node-1", { version: OLD, image: null, former: true }, wait());
    assert.equal(nodes.versions.get("node-1"), OLD);
    assert.ok(performance.now() - startedAt < 5_000);
    assert.deepEqual(nodes.events, ["down node-1", `up node-1 ${NEW}`, "down node-1", `up node-1 ${OLD}`]);
  });

  it("is off at once where the power is lost, and boots when it is back", async () => {
    const state = async () => (await driver.list()).find(({ id }) => id === "node-1")?.power;
    machines.fault("power-lost", { machine: "node-1" });
    assert.equal(await state(), "off");
    await assert.rejects(
      driver.boot("node-1", { version: OLD, image: null, former: true }, wait()),
      /no power/,
    );
    machines.clearFaults();
    await until("it to run again", async () => (await state()) === "on" && nodes.events.length > 1);
    assert.deepEqual(nodes.events, ["down node-1 abruptly", `up node-1 ${OLD}`]);
  });

  it("keeps faults of members from other machines", () => {
    assert.throws(() => machines.fault("etcd-disk-full", { machine: "node-1" }), /no members on machines/);
  });

  it("switches a spare machine on, and off again", async () => {
    await driver.boot("spare-1", { version: NEW, image: image(NEW), former: true }, wait());
    assert.equal(nodes.versions.get("spare-1"), NEW);
    await driver.powerOff("spare-1", wait());
    await driver.powerOff("spare-1", wait());
    assert.deepEqual((await driver.list()).find(({ id }) => id === "spare-1")?.power, "off");
  });

  it("waits for a boot that somebody asked for already", async () => {
    machines.fault("slow-machine", { machine: "spare-1", factor: 20 });
    const first = new AbortController();
    const one = driver.boot(
      "spare-1",
      { version: NEW, image: image(NEW), former: true },
      { ...wait(), signal: first.signal },
    );
    await delay(250);
    first.abort();
    await assert.rejects(one);
    await driver.boot("spare-1", { version: NEW, image: image(NEW), former: true }, wait());
    assert.deepEqual(nodes.events, [`up spare-1 ${NEW}`]);
  });

  it("refuses a wrong password, and does not show it", async () => {
    const stranger = connect("wrong-secret");
    await assert.rejects(stranger.list(), (error: Error & { code?: string }) => {
      assert.equal(error.code, "UNAUTHORIZED");
      return !error.message.includes("wrong-secret");
    });
    await stranger.close();
  });

  it("wants https for anything but this machine", () => {
    assert.throws(
      () => new RedfishMachines({ url: "http://bmc.example", username: "a", password: "b" }),
      /https/,
    );
  });

  it("says why a machine did not boot", async () => {
    machines.fault("boot-fails", { machine: "node-1" });
    await assert.rejects(
      driver.boot("node-1", { version: NEW, image: image(NEW), former: false }, wait()),
      /node-1 did not boot: no boot device answers/,
    );
    const sick = (await driver.list())[0];
    assert.deepEqual([sick?.healthy, sick?.trouble], [false, "no boot device answers"]);
    machines.clearFaults();
    await driver.boot("node-1", { version: NEW, image: image(NEW), former: false }, wait());
    assert.equal(nodes.versions.get("node-1"), NEW);
  });

  it("comes back with what it had when the disk is full, and with the former release when that is wrong", async () => {
    machines.fault("disk-full", { machine: "node-1" });
    await driver.boot("node-1", { version: NEW, image: image(NEW), former: false }, wait());
    assert.equal(nodes.versions.get("node-1"), OLD);
    assert.match((await driver.list())[0]?.trouble ?? "", /no space left/);
    machines.clearFaults();
    machines.fault("wrong-version", { machine: "node-1" });
    await driver.boot("node-1", { version: NEW, image: image(NEW), former: false }, wait());
    assert.equal(nodes.versions.get("node-1"), OLD);
  });

  it("names the controller that refuses, and the one that is silent", async () => {
    machines.fault("reset-refused", { machine: "spare-1" });
    await assert.rejects(
      driver.boot("spare-1", { version: NEW, image: image(NEW), former: false }, wait()),
      /no power left in the rack/,
    );
    await assert.rejects(
      driver.boot("node-1", { version: "1.35.0", image: null, former: true }, wait()),
      /no boot option for 1\.35\.0/,
    );
  });

  it("refuses unknown faults", () => {
    assert.throws(() => machines.fault("fire", { machine: "node-1" }), /expected one of slow-machine/);
    assert.throws(
      () => machines.fault("disk-full", { machine: "node-9" }),
      /expected one of node-1, spare-1/,
    );
  });
});
