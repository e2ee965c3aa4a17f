/**
 * Many network elements upgraded by one program, some at a time, and what that took.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import type { Figures } from "../../lab/element/index.ts";
import { openElementSite } from "./element-site.ts";

export interface FleetRun {
  readonly elements: number;
  readonly atOnce: number;
  readonly platform: string;
  /** `pulumi up` of all of them, s. */
  readonly upSeconds: number;
  /** Whose init is the new one at the end. */
  readonly upgraded: number;
  readonly figures: Figures;
  /** At most at any time, bytes: the elements with what lies outside them, their root file systems, `pulumi` with all it started. */
  readonly memory: {
    readonly elements: number;
    readonly roots: number;
    readonly pulumi: number;
    readonly together: number;
  };
}

const EVERY_MS = 1_000;

/** @throws Error with everything that `pulumi` said if a run failed. */
export async function runFleet(count: number, atOnce: number): Promise<FleetRun> {
  const names = Array.from({ length: count }, (_, i) => `ne${i + 1}`);
  const site = await openElementSite({
    name: "fleet",
    names,
    apart: true,
    helloMs: 250,
    holdMs: 10_000,
    routes: 200,
    transitPerSecond: 500,
    puntPerSecond: 100,
  });
  try {
    const { element, stack } = site;
    const image = await element.image({ version: "1.1.0" });
    await stack.mustUp(await site.wants("1.0.0"), "--parallel", String(atOnce));
    const args = await site.wants("1.1.0", image, { absence: "8s", watchdog: "30s" });
    // Two roots each, in memory; both counted whole from the beginning.
    const roots = count * 2 * statSync(element.agent).size;
    const most = { elements: 0, roots, pulumi: 0, together: 0 };
    let upSeconds = 0;
    const figures = await element.measure(async () => {
      const up = await stack.startUp(args, "--parallel", String(atOnce));
      const look = () => {
        const [elements, pulumi] = memoryOf([element.pid, up.pid]);
        most.elements = Math.max(most.elements, elements ?? 0);
        most.pulumi = Math.max(most.pulumi, pulumi ?? 0);
        most.together = Math.max(most.together, (elements ?? 0) + (pulumi ?? 0) + roots);
      };
      const watch = setInterval(look, EVERY_MS);
      const { code, output, durationMs } = await up.ended.finally(() => clearInterval(watch));
      if (code !== 0) throw new Error(`pulumi up ended with ${code}:\n${output}`);
      upSeconds = durationMs / 1000;
    });
    const upgraded = (await element.views()).filter(({ version }) => version === "1.1.0").length;
    return {
      elements: count,
      atOnce,
      platform: element.platform,
      upSeconds,
      upgraded,
      figures,
      memory: most,
    };
  } finally {
    await site.close();
  }
}

/** Of processes, each with all below it, what several share divided among them (PSS); bytes. */
function memoryOf(tops: readonly number[]): readonly number[] {
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
      const kb = (of: string) => Number(new RegExp(`^${of}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
      // What is mapped of the roots is counted with them.
      bytes = (kb("Pss") - kb("Pss_Shmem")) * 1024;
    } catch {} // likewise
    for (const child of children.get(pid) ?? []) bytes += below(child);
    return bytes;
  };
  return tops.map(below);
}
