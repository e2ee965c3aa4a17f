import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { type Element, startElement } from "../../lab/element/index.ts";
import { change, ownStatus, platformHere, settled, stage } from "../support/elements.ts";

const both =
  platformHere.platform === "namespaces" ? (["namespaces", "simulated"] as const) : (["simulated"] as const);

for (const platform of both) {
  describe(`network element, ${platform}`, () => {
    let element: Element;

    before(async () => {
      element = await startElement({ platform });
    });
    after(() => element?.close());

    it("says on what it runs", async () => {
      assert.equal(element.platform, platform);
      assert.equal((await element.view()).platform, platform);
      assert.equal(element.reason === undefined, platform === "namespaces");
    });

    it("replaces init and root in service: the same process 1 and boot, no transit packet lost (INI-1 to INI-5)", async () => {
      const before = await settled(element);
      const image = await stage(element, { version: "1.1.0" });
      const { figures, view, own } = await change(element);
      assert.equal(view.version, "1.1.0");
      assert.equal(view.pid, before.view.pid);
      assert.equal(view.partition, "b");
      assert.equal(view.exeSha256, image.initSha256);
      assert.equal(own.pid, before.own.pid);
      if (platform === "namespaces") assert.equal(own.pid, 1);
      assert.equal(own.partition, "b");
      assert.notEqual(own.exeSha256, before.own.exeSha256);
      const counts = figures.elements.ne1;
      assert(counts);
      assert.equal(counts.bootIdAfter, counts.bootIdBefore);
      assert.equal(counts.hardwareResets, 0);
      assert.equal(counts.boots, 0);
      assert.equal(counts.adjacencyDrops, 0);
      assert.equal(figures.transit.lost, 0);
      assert(figures.transit.sent > 20, `${figures.transit.sent} packets are no measurement`);
      assert(figures.ztl);
      assert(counts.awayMs > 0 && counts.rebuiltMs >= counts.awayMs && counts.rebuilt);
      assert.deepEqual(counts.left, { processes: [], mounts: [], ipc: [] });
      assert.equal(own.switch?.state, "completed");
      // The old tree's services are gone, each of them.
      const pids = Object.values(before.own.services);
      for (const pid of Object.values(own.services)) assert(!pids.includes(pid));
    });

    it("did so in the order of the procedure", async () => {
      const { steps } = await element.view();
      const from = steps.lastIndexOf("before:set-indication");
      const order = steps.slice(from).filter((step) => step.startsWith("before:"));
      assert.deepEqual(
        order.map((step) => step.slice("before:".length)),
        [
          "set-indication",
          "stop-processes",
          "free-ipc",
          "unmount",
          "mount-new-root",
          "pivot-root",
          "move-dev",
          "move-proc",
        ].concat(["move-sys", "exec-init", "unmount-old-root", "mount", "start-processes", "report"]),
      );
      const by = new Map((await ownStatus(element)).switch?.steps?.map(({ name, init }) => [name, init]));
      assert.equal(by.get("exec-init"), "1.0.0");
      assert.equal(by.get("unmount-old-root"), "1.1.0");
    });

    it("goes back the same way", async () => {
      const { figures, view } = await change(element);
      assert.equal(view.version, "1.0.0");
      assert.equal(figures.transit.lost, 0);
      assert.equal(figures.elements.ne1?.boots, 0);
    });

    it("loses what goes through it when it reboots instead (INI-6)", async () => {
      const before = await settled(element);
      const { figures, view, own } = await change(element, "reboot");
      assert.equal(view.version, "1.1.0");
      assert.equal(own.switch?.state, "completed");
      assert.notEqual(own.kernel.bootId, before.own.kernel.bootId);
      const counts = figures.elements.ne1;
      assert(counts);
      assert.equal(counts.boots, 1);
      assert(counts.hardwareResets >= 3, `${counts.hardwareResets} resets`);
      assert(figures.transit.lost > 200, `${figures.transit.lost} lost`);
      assert(!figures.ztl && !figures.zpl);
      const { steps } = await element.view();
      const order = steps
        .slice(steps.lastIndexOf("before:stop-processes"))
        .filter((step) => step.startsWith("before:"));
      assert.deepEqual(
        order.map((step) => step.slice("before:".length)),
        ["stop-processes", "free-ipc", "unmount", "unload-modules", "unmount-critical"].concat([
          "mount-critical",
          "load-modules",
          "reset-hardware",
          "mount",
          "start-processes",
          "report",
        ]),
      );
    });

    it("takes a root that lies ready (INI-9), and refuses what it can't run", async () => {
      await element.place(await element.image({ version: "1.2.0" }), "a");
      assert.match((await element.run("request image check a")).out, /holds 1\.2\.0, whole/);
      assert.match((await element.run("request issu b")).error, /in service/);
      assert.match((await element.run("request issu c")).error, /no partition/);
      assert.match((await element.run("request nothing")).error, /unknown command/);
      const { view } = await change(element);
      assert.equal(view.version, "1.2.0");
    });

    it("leaves nothing", async () => {
      const { pid } = await element.view();
      await element.close();
      assert(!existsSync(element.dir));
      assert.throws(() => process.kill(element.pid, 0));
      assert.throws(() => process.kill(pid, 0));
      const mounts = readFileSync("/proc/self/mountinfo", "utf8");
      assert(!mounts.includes(element.dir));
      const ours = readdirSync("/proc").filter((name) => {
        try {
          return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, "utf8").includes(element.dir);
        } catch {
          return false;
        }
      });
      assert.deepEqual(ours, []);
    });
  });
}
