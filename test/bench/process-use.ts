/**
 * What the processes that a command started took: peak memory and processor time of each, as the kernel keeps them.
 *
 * @module
 */
import * as fs from "node:fs/promises";

/** Often enough that what was allocated last before the end is seen; cheap enough not to be felt. */
const EVERY_MS = 200;

export interface ProcessUse {
  readonly pid: number;
  readonly command: string;
  /** Largest resident set since the process began, MB (1,000,000 bytes). */
  readonly peakMb: number;
  /** User and system time, as last seen. */
  readonly cpuSeconds: number;
}

export class UseWatch {
  private readonly peaks = new Map<number, ProcessUse>();
  private readonly root: number;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();

  /** @param root process whose descendants are watched. */
  constructor(root: number) {
    this.root = root;
    this.timer = setInterval(() => {
      this.looking = this.looking.then(() => this.look());
    }, EVERY_MS);
  }

  async stop(): Promise<readonly ProcessUse[]> {
    clearInterval(this.timer);
    await this.looking;
    return [...this.peaks.values()];
  }

  private async look(): Promise<void> {
    const pids = await descendants(this.root);
    await Promise.all(
      pids.map(async (pid) => {
        const [status, cmdline, stat] = await Promise.all([
          text(pid, "status"),
          text(pid, "cmdline"),
          text(pid, "stat"),
        ]);
        const kb = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
        const command = cmdline.replaceAll("\0", " ").trim();
        if (!Number.isFinite(kb) || command === "") return;
        this.peaks.set(pid, { pid, command, peakMb: (kb * 1024) / 1e6, cpuSeconds: cpuOf(stat) });
      }),
    );
  }
}

type Use = Pick<ProcessUse, "command">;

/** The provider of `pulumi-issu`, however it was started. */
const isOurs = ({ command }: Use): boolean =>
  /pulumi-resource-issu\b|run-plugin\/index\.js .*\bprovider\b/.test(command);

/** Providers, ours and others. */
export const providersOf = (use: Use): boolean => isOurs(use) || /\/pulumi-resource-/.test(use.command);

/** The process that runs the user's program. */
export const programOf = ({ command }: Use): boolean => /\/cmd\/run\/index\.js /.test(command);

/** @returns MB; undefined if our provider did not run. */
export function providerPeak(uses: readonly ProcessUse[]): number | undefined {
  const peaks = uses.filter(isOurs).map(({ peakMb }) => peakMb);
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

export const cpuSeconds = (uses: readonly ProcessUse[]): number =>
  uses.reduce((sum, use) => sum + use.cpuSeconds, 0);

/** Fields 14 and 15 of `stat`, in hundredths of a second; the name before them, in brackets, may hold anything. */
function cpuOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

const text = (pid: number, file: string): Promise<string> =>
  fs.readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");

/** The process and all below it, by asking the kernel who its children are. */
async function descendants(root: number): Promise<readonly number[]> {
  const found = [root];
  for (const pid of found) {
    const threads = await fs.readdir(`/proc/${pid}/task`).catch(() => []);
    for (const thread of threads) {
      const children = await fs.readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "");
      found.push(
        ...children
          .split(" ")
          .filter((one) => one !== "")
          .map(Number),
      );
    }
  }
  return found;
}
