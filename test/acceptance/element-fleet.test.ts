/**
 * Fifty network elements upgraded by one program, ten at a time, in less than 2 GB; with `PULUMI_ISSU_FULL=1`. Otherwise a few of them.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { type ElementSite, openElementSite } from "../support/element-site.ts";
import { platformHere } from "../support/elements.ts";
import { full } from "../support/full.ts";

const count = full ? 50 : 6;
const atATime = "10";

describe(`${count} network elements, upgraded by one program, ${platformHere.platform}`, function () {
  this.timeout(900_000);
  let site: ElementSite;
  before(async () => {
    const names = Array.from({ length: count }, (_, i) => `ne${i + 1}`);
    site = await openElementSite({
      name: "fleet",
      names,
      helloMs: 250,
      holdMs: 10_000,
      routes: 200,
      transitPerSecond: 500,
      puntPerSecond: 100,
    });
  });
  after(() => site?.close());

  it("ten at a time, without a transit packet lost, in less than 2 GB", async () => {
    const image = await site.element.image({ version: "1.1.0" });
    await site.stack.mustUp(await site.wants("1.0.0"), "--parallel", atATime);
    const args = await site.wants("1.1.0", image, { absence: "8s", watchdog: "30s" });
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, memoryOf(site.element.pid) + partitions(count));
    }, 1000);
    const figures = await site.element
      .measure(() => site.stack.mustUp(args, "--parallel", atATime).then(() => undefined))
      .finally(() => clearInterval(watch));
    for (const view of await site.element.views()) assert.equal(view.version, "1.1.0");
    assert.equal(figures.transit.lost, 0);
    assert(figures.ztl);
    for (const one of Object.values(figures.elements)) {
      assert.equal(one.boots + one.hardwareResets, 0);
      assert.deepEqual(one.left, { processes: [], mounts: [], ipc: [] });
    }
    assert(most > 0 && most < 2 * 1024 ** 3, `${Math.round(most / 1024 ** 2)} MB`);
  });
});

/** Both roots of each element lie in memory; bytes. */
const partitions = (elements: number) => elements * 2 * 6 * 1024 ** 2;

/** Of a process and all below it, what they share counted once, bytes. */
function memoryOf(top: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {} // it has just ended
  }
  const below = (pid: number): number => {
    let bytes = 0;
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      bytes = Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
    } catch {} // likewise
    for (const child of children.get(pid) ?? []) bytes += below(child);
    return bytes;
  };
  return below(top);
}
