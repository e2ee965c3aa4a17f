/**
 * The Pulumi command line as an operator or a pipeline calls it, on a backend of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";

export interface PulumiRun {
  readonly code: number;
  readonly output: string;
  readonly durationMs: number;
}

export interface StackArgs {
  /** Folder with `Pulumi.yaml`. */
  readonly project: string;
  readonly stack: string;
  /** Folder of the run: backend, config and passphrase are kept here. */
  readonly dir: string;
  /** Environment in which `pulumi` and its plugins are found. */
  readonly env: NodeJS.ProcessEnv;
  /** Told each line as it comes. */
  readonly echo: (line: string) => void;
}

export class Stack {
  private readonly args: StackArgs;
  private readonly configFile: string;
  private readonly env: NodeJS.ProcessEnv;

  private constructor(args: StackArgs, passphraseFile: string) {
    this.args = args;
    this.configFile = path.join(args.dir, `Pulumi.${args.stack}.yaml`);
    this.env = {
      ...args.env,
      PULUMI_BACKEND_URL: `file://${path.join(args.dir, "backend")}`,
      PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
    };
  }

  /** Makes the stack anew, or takes the one that is there. */
  static async open(args: StackArgs): Promise<Stack> {
    const passphraseFile = path.join(args.dir, "passphrase");
    await fs.mkdir(path.join(args.dir, "backend"), { recursive: true, mode: 0o700 });
    await fs
      .writeFile(passphraseFile, randomBytes(24).toString("hex"), { mode: 0o600, flag: "wx" })
      .catch(() => undefined);
    const stack = new Stack(args, passphraseFile);
    await stack.quietly(["stack", "select", "--create", args.stack]);
    return stack;
  }

  async setConfig(values: { readonly [key: string]: string | number | readonly number[] }): Promise<void> {
    for (const [key, value] of Object.entries(values)) {
      if (Array.isArray(value)) {
        await this.quietly(["config", "rm", key, ...this.stackArgs]).catch(() => undefined);
        for (const [index, item] of value.entries()) {
          await this.quietly([
            "config",
            "set",
            "--path",
            `${key}[${index}]`,
            String(item),
            ...this.stackArgs,
          ]);
        }
      } else {
        await this.quietly(["config", "set", key, String(value), ...this.stackArgs]);
      }
    }
  }

  preview(...more: string[]): Promise<PulumiRun> {
    return this.run(["preview", "--non-interactive", "--diff", ...this.stackArgs, ...more]);
  }

  up(...more: string[]): Promise<PulumiRun> {
    return this.run(["up", "--yes", "--skip-preview", "--non-interactive", ...this.stackArgs, ...more]);
  }

  destroy(...more: string[]): Promise<PulumiRun> {
    return this.run(["destroy", "--yes", "--skip-preview", "--non-interactive", ...this.stackArgs, ...more]);
  }

  async outputs(): Promise<{ readonly [name: string]: unknown }> {
    const { output } = await this.quietly(["stack", "output", "--json", "--stack", this.args.stack]);
    return JSON.parse(output) as { [name: string]: unknown };
  }

  async exportState(): Promise<string> {
    return (await this.quietly(["stack", "export", "--stack", this.args.stack])).output;
  }

  /** Runs `pulumi` and gives back what it said, whatever its exit code. */
  run(args: readonly string[], echo: (line: string) => void = this.args.echo): Promise<PulumiRun> {
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const child = spawn("pulumi", ["--color", "never", "--cwd", this.args.project, ...args], {
        env: this.env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      let rest = "";
      const take = (chunk: Buffer) => {
        output += chunk.toString();
        const lines = (rest + chunk.toString()).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) echo(line);
      };
      child.stdout.on("data", take);
      child.stderr.on("data", take);
      child.once("error", reject);
      child.once("close", (code) => {
        if (rest) echo(rest);
        resolve({ code: code ?? 1, output, durationMs: performance.now() - startedAt });
      });
    });
  }

  private async quietly(args: readonly string[]): Promise<PulumiRun> {
    const run = await this.run(args, () => undefined);
    if (run.code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${run.code}:\n${run.output}`);
    return run;
  }

  private get stackArgs(): string[] {
    return ["--stack", this.args.stack, "--config-file", this.configFile];
  }
}
