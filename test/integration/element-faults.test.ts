import assert from "node:assert/strict";
import { type Defect, type Element, type ElementCounts, startElement } from "../../lab/element/index.ts";
import { change, ownStatus, platformHere, settled, stage } from "../support/elements.ts";

const real = platformHere.platform === "namespaces";

describe(`faults of an element, ${platformHere.platform}`, () => {
  let element: Element;

  before(async () => {
    element = await startElement({ bootMs: 300 });
  });
  after(() => element?.close());
  afterEach(() => element.clear());

  /** Serves from the old root, by its own account and seen from outside. */
  async function oldRootServes(version = "1.0.0"): Promise<void> {
    const { view, own } = await settled(element);
    assert.equal(view.version, version);
    assert.equal(own.version, version);
    const { left } = (await element.measure(async () => {})).elements.ne1 as ElementCounts;
    assert.deepEqual(left, { processes: [], mounts: [], ipc: [] });
  }

  const refusedBeforehand: readonly [Defect | "corrupt", RegExp][] = [
    ["missing", /no \/sbin\/init/],
    ["not-executable", /not executable/],
    ["corrupt", /corrupt: got sha256/],
  ];
  for (const [defect, says] of refusedBeforehand) {
    it(`an init that is ${defect} is refused before anything is stopped`, async () => {
      await stage(element, { version: "1.1.0", ...(defect === "corrupt" ? {} : { defect }) });
      if (defect === "corrupt") await element.fault("image-corrupt");
      const before = await ownStatus(element);
      assert.match((await element.run("request image check b")).error, says);
      assert.match((await element.run("request issu b")).error, says);
      assert.deepEqual((await ownStatus(element)).services, before.services);
    });
  }

  it("one that can't be executed: the old init comes back from the new root without a reboot", async () => {
    await stage(element, { version: "1.1.0", defect: "no-program" });
    const { figures, own } = await change(element);
    assert.equal(own.switch?.state, "returned");
    assert.match(own.switch?.reason ?? "", /exec/);
    assert.equal(figures.transit.lost, 0);
    assert.equal(figures.elements.ne1?.boots, 0);
    await oldRootServes();
  });

  it("one that crashes at once: the kernel panics, and the old root starts the ordinary way", async () => {
    await stage(element, { version: "1.1.0", defect: "crash" });
    const { figures, own } = await change(element);
    assert.equal(own.switch?.state, "interrupted");
    assert.match(own.switch?.reason ?? "", /panic: init ended/);
    assert.equal(figures.elements.ne1?.boots, 1);
    assert(figures.transit.lost > 0);
    await oldRootServes();
  });

  it("one that hangs: its watchdog goes back by the same way, without a reboot", async () => {
    await stage(element, { version: "1.1.0", defect: "hang" });
    const { figures, own } = await change(element, "issu", " within 1");
    assert.equal(own.switch?.state, "returned");
    assert.match(own.switch?.reason ?? "", /did not report in time/);
    assert.equal(figures.elements.ne1?.boots, 0);
    assert.equal(figures.transit.lost, 0);
    await oldRootServes();
  });

  it("one that hangs with its watchdog: the hardware's watchdog reboots into the old root", async () => {
    await stage(element, { version: "1.1.0", defect: "dead" });
    const { figures, own } = await change(element, "issu", " within 0.5");
    assert.equal(own.switch?.state, "interrupted");
    assert.match(own.switch?.reason ?? "", /hardware watchdog/);
    assert.equal(figures.elements.ne1?.boots, 1);
    await oldRootServes();
  });

  it("a kernel or a module that it does not have is refused; the ordinary way takes them (INI-10)", async () => {
    await stage(element, { version: "1.1.0", kernelAbi: "ne-6.12-1", modules: { "line-card": "ne-6.12-1" } });
    assert.match((await element.run("request issu b")).error, /kernel ABI ne-6\.12-1.*takes a reboot/);
    await stage(element, {
      version: "1.1.0",
      modules: { "line-card": "ne-6.6-1.2", "switch-fabric": "ne-6.6-1" },
    });
    assert.match((await element.run("request issu b")).error, /module line-card.*takes a reboot/);
    const { own } = await change(element, "reboot");
    assert.equal(own.version, "1.1.0");
    await stage(element, { version: "1.0.0" });
    assert.equal((await change(element, "reboot")).own.version, "1.0.0");
  });

  it("a module that the kernel refuses keeps the new root from starting; the old one does", async () => {
    await stage(element, { version: "1.1.0", modules: { "line-card": "other-1" } });
    const { own, figures } = await change(element, "reboot");
    assert.equal(own.switch?.state, "returned");
    assert.equal(figures.elements.ne1?.boots, 2);
    await oldRootServes();
  });

  it("a process that ignores SIGTERM is killed, and costs the others no absence", async () => {
    await element.fault("ignores-sigterm");
    await element.powerCycle();
    await settled(element);
    await stage(element, { version: "1.1.0" });
    const { own, figures } = await change(element);
    assert.equal(own.switch?.state, "completed");
    assert((figures.elements.ne1?.awayMs ?? 0) < 1000, `${figures.elements.ne1?.awayMs} ms away`);
    await element.clear();
    assert.equal((await change(element)).own.version, "1.0.0");
  });

  it("a process that can't be killed: refused, and nothing was stopped", async function () {
    if (!real || !platformHere.root) return this.skip();
    await element.fault("unkillable");
    await element.powerCycle();
    const before = await settled(element);
    await stage(element, { version: "1.1.0" });
    const { own, figures } = await change(element);
    assert.equal(own.switch?.state, "returned");
    assert.match(own.switch?.reason ?? "", /unkillabled\) can't be killed/);
    assert.equal(figures.punted.lost, 0);
    assert.equal(own.services.hellod, before.own.services.hellod);
    await element.clear();
    assert.equal((await change(element)).own.version, "1.1.0");
    assert.equal((await change(element)).own.version, "1.0.0");
  });

  it("a busy mount: refused before the root is switched", async () => {
    await stage(element, { version: "1.1.0" });
    await element.fault("busy-mount", { mount: "/config" });
    const { own, figures } = await change(element);
    assert.equal(own.switch?.state, "returned");
    assert.match(own.switch?.reason ?? "", /umount \/config.*busy/);
    assert.equal(figures.transit.lost, 0);
    await element.clear();
    await oldRootServes();
  });

  it("an old root that stays busy: the new init starts nothing and goes back", async () => {
    await stage(element, { version: "1.1.0" });
    await element.fault("busy-mount", { mount: "/" });
    const { own, figures } = await change(element);
    assert.equal(own.switch?.state, "returned");
    assert.match(own.switch?.reason ?? "", /umount \/oldroot.*busy/);
    assert.equal(figures.transit.lost, 0);
    assert.equal(figures.elements.ne1?.boots, 0);
    await element.clear();
    await oldRootServes();
  });

  it("a new root that is full or read-only is refused", async function () {
    if (!real) return this.skip();
    const image = await element.image({ version: "1.1.0" });
    await element.fault("partition-read-only");
    await assert.rejects(element.install(image), /read-only file system/);
    await element.clear();
    await element.install(image);
    await element.fault("partition-read-only");
    assert.match((await element.run("request issu b")).error, /can't be written.*read-only/);
    await element.clear();
    // What fills a partition is cleared by an installation; what is too large for it is not.
    await element.fault("partition-full");
    assert.match((await element.run("request issu b")).error, /can't be written.*no space/);
    await element.clear();
    assert.equal((await change(element)).own.version, "1.1.0");
    assert.equal((await change(element)).own.version, "1.0.0");
  });

  it("an image that is cut off or not what it says is refused and leaves the partition empty", async () => {
    const image = await element.image({ version: "1.1.0" });
    const run = (size: number, sum: string) =>
      element.run(`request image install b size ${size} sha256 ${sum}`, { input: image.path });
    assert.match((await run(image.size - 1000, image.sha256)).error, /damaged/);
    assert.match((await run(image.size, "0".repeat(64))).error, /checksum: got sha256/);
    assert.match((await element.run("request image check b")).error, /no root file system/);
    assert.match((await run(0, image.sha256)).error, /size: got "0"/);
  });

  it("management that is lost comes back with the same host key", async () => {
    const before = await element.address();
    await element.fault("mgmt-lost");
    await settled(element);
    assert.deepEqual(await element.address(), before);
  });
});
