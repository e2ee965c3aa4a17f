/**
 * Many network elements, whose init and root one program replaces in service, some at a time.
 *
 * @module
 */
import { runFleet } from "../support/element-fleet.ts";
import type { ElementsReport } from "./report.ts";

/** @param line told what is begun, and what it came to. */
export async function benchElements(quick: boolean, line: (text: string) => void): Promise<ElementsReport> {
  const count = quick ? 5 : 50;
  line(`${count} elements, ten at a time`);
  const { elements, atOnce, platform, upSeconds, upgraded, figures, memory } = await runFleet(count, 10);
  line(`${upgraded} upgraded in ${upSeconds.toFixed(0)} s`);
  const all = Object.values(figures.elements);
  const sum = (of: (one: (typeof all)[number]) => number) => all.reduce((total, one) => total + of(one), 0);
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return {
    elements,
    atOnce,
    platform,
    upSeconds,
    upgraded,
    transit: { sent: figures.transit.sent, lost: figures.transit.lost },
    punted: { sent: figures.punted.sent, lost: figures.punted.lost },
    adjacencyDrops: sum((one) => one.adjacencyDrops),
    resets: sum((one) => one.hardwareResets),
    boots: sum((one) => one.boots),
    awayMsMost: Math.max(...all.map(({ awayMs }) => awayMs)),
    rebuiltMsMost: Math.max(...all.map(({ rebuiltMs }) => rebuiltMs)),
    memoryMb: {
      elements: megabytes(memory.elements),
      roots: megabytes(memory.roots),
      pulumi: megabytes(memory.pulumi),
      together: megabytes(memory.together),
    },
  };
}
