/**
 * Commands as an operator or a pipeline runs them: in a folder, in a process group of their own, so that they can be
 * interrupted or killed with all that they started.
 *
 * @module
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs/promises";
import { until } from "./until.ts";

export interface CommandRun {
  /** 1 if a signal ended it. */
  readonly code: number;
  /** Standard output and error as they came. */
  readonly output: string;
  readonly durationMs: number;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export class Running {
  readonly ended: Promise<CommandRun>;
  output = "";
  readonly pid: number;

  constructor(command: string, args: readonly string[], { cwd, env }: CommandOptions) {
    const startedAt = performance.now();
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
    this.pid = child.pid ?? 0;
    const take = (chunk: Buffer) => {
      this.output += chunk.toString();
      if (process.env.ISSU_TEST_ECHO) process.stdout.write(chunk.toString().replaceAll(/^/gm, "      | "));
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) =>
        resolve({ code: code ?? 1, output: this.output, durationMs: performance.now() - startedAt }),
      );
    });
  }

  /** Waits until it has said something. */
  async said(what: RegExp, withinMs: number): Promise<void> {
    await until(`${what} in what it says`, () => what.test(this.output), withinMs);
  }

  /** As Ctrl-C on a terminal: to the whole group, if it is still there. */
  interrupt(): void {
    signalIfThere(-this.pid, "SIGINT");
  }

  /** It and what it started, and what those started, whatever group they are in; as they are now. */
  async processes(): Promise<readonly number[]> {
    const parents = await parentsOf();
    const found = [this.pid];
    for (const pid of found) {
      for (const [child, parent] of parents) if (parent === pid) found.push(child);
    }
    return found;
  }

  /** As a machine that goes down: it and all that it started, at once. */
  async killAll(): Promise<void> {
    for (const pid of await this.processes()) killIfThere(pid);
  }

  /**
   * The command alone, as the kernel would for want of memory; what it started lives on.
   *
   * @returns ends what still lives on: not every plugin notices that its engine is gone.
   */
  async killAlone(): Promise<() => Promise<void>> {
    const named = async (pid: number) => [pid, await commandLineOf(pid)] as const;
    const left = await Promise.all((await this.processes()).filter((pid) => pid !== this.pid).map(named));
    killIfThere(this.pid);
    return async () => {
      // By now an id may be somebody else's.
      for (const [pid, line] of left)
        if (line !== "" && (await commandLineOf(pid)) === line) killIfThere(pid);
    };
  }

  /** As `kill -9` of the whole group. */
  kill(): void {
    process.kill(-this.pid, "SIGKILL");
  }
}

/** Whether a process is there and not only waiting to be buried. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

/** The command line of a process; empty if there is none. */
export async function commandLineOf(pid: number): Promise<string> {
  const text = await fs.readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.replaceAll("\0", " ").trim();
}

/** Every process with its parent. */
async function parentsOf(): Promise<ReadonlyMap<number, number>> {
  const pids = (await fs.readdir("/proc")).map(Number).filter(Number.isInteger);
  const stats = await Promise.all(
    pids.map((pid) => fs.readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")),
  );
  // The name, in brackets, may hold anything.
  return new Map(pids.map((pid, i) => [pid, Number(/^.*\) \S (\d+)/s.exec(stats[i] ?? "")?.[1])]));
}

function killIfThere(pid: number): void {
  signalIfThere(pid, "SIGKILL");
}

function signalIfThere(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export function run(command: string, args: readonly string[], options: CommandOptions): Promise<CommandRun> {
  return new Running(command, args, options).ended;
}
