/**
 * Commands as an operator or a pipeline runs them: in a folder, in a process group of their own, so that they can be
 * interrupted or killed with all that they started.
 *
 * @module
 */
import { spawn } from "node:child_process";
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
  private readonly pid: number;

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

  /** As Ctrl-C on a terminal: to the whole group. */
  interrupt(): void {
    process.kill(-this.pid, "SIGINT");
  }

  /** As `kill -9` of the whole group. */
  kill(): void {
    process.kill(-this.pid, "SIGKILL");
  }
}

export function run(command: string, args: readonly string[], options: CommandOptions): Promise<CommandRun> {
  return new Running(command, args, options).ended;
}
