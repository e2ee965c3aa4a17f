/**
 * Memory of a lab's processes, each page shared by several counted in parts (PSS), as the kernel tells it.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import type { Lab } from "../../lab/lab.ts";

const EVERY_MS = 5_000;

/** Bytes of all processes together at this moment; undefined where the kernel does not tell. */
export async function memoryOf(lab: Lab): Promise<number | undefined> {
  const sizes = await Promise.all(
    lab.processes
      .list()
      .filter(({ running }) => running)
      .map(async ({ pid }) => {
        const text = await fs.readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
        const [, kilobytes] = /^Pss:\s+(\d+) kB$/m.exec(text) ?? [];
        return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
      }),
  );
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, size) => sum + size, 0);
}

/** Looks now and then; tells the most that it saw. */
export class MemoryWatch {
  private readonly lab: Lab;
  private readonly timer: NodeJS.Timeout;
  /** Bytes. */
  peak: number | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    this.timer = setInterval(() => void this.look(), EVERY_MS);
    this.timer.unref();
  }

  async look(): Promise<void> {
    const size = await memoryOf(this.lab);
    if (size !== undefined) this.peak = Math.max(this.peak ?? 0, size);
  }

  close(): void {
    clearInterval(this.timer);
  }
}
