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

/** A command as it is to be started. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv };
}

export interface StackArgs {
  /** Root of the repository, where the package is installed. */
  readonly root: string;
  /** The program: a TypeScript file. */
  readonly program: string;
  readonly stack: string;
  /** Folder of the run: project file, config, backend and passphrase are kept here, so a run leaves no trace in the repo. */
  readonly dir: string;
  /** Environment in which `pulumi` and its plugins are found. */
  readonly env: NodeJS.ProcessEnv;
  /** Told each line as it comes. */
  readonly echo: (line: string) => void;
}

export class Stack {
  private readonly args: StackArgs;
  private readonly env: NodeJS.ProcessEnv;

  private constructor(args: StackArgs, passphraseFile: string) {
    this.args = args;
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
    // JSON is YAML; the same lines as in the repository's own Pulumi.yaml, with absolute paths.
    const project = {
      name: "site",
      runtime: { name: "nodejs", options: { typescript: false } },
      main: args.program,
      packages: { issu: path.join(args.root, "node_modules/pulumi-issu/provider") },
    };
    await fs.writeFile(path.join(args.dir, "Pulumi.yaml"), JSON.stringify(project, undefined, 2));
    const stack = new Stack(args, passphraseFile);
    await stack.quietly(["stack", "select", "--create", args.stack]);
    return stack;
  }

  /** Begins with the lines of a stack's own file. */
  async takeConfig(yaml: string): Promise<void> {
    // The engine has written the salt of its secrets there.
    const file = path.join(this.args.dir, `Pulumi.${this.args.stack}.yaml`);
    const salt = await fs.readFile(file, "utf8").catch(() => "");
    await fs.writeFile(file, `${salt.trimEnd()}\n${yaml}`.trimStart());
  }

  async setConfig(values: { readonly [key: string]: string | number | readonly number[] }): Promise<void> {
    for (const [key, value] of Object.entries(values)) {
      if (typeof value === "object") await this.setJson(key, value);
      else await this.quietly(["config", "set", key, String(value), ...this.stackArgs]);
    }
  }

  /** Sets one key to a whole object or list; the program reads it with `getObject`. */
  setJson(key: string, value: unknown): Promise<unknown> {
    return this.quietly(["config", "set", key, JSON.stringify(value), ...this.stackArgs]);
  }

  /** Sets one key to a secret, which no process list shows. */
  async setSecret(key: string, value: string): Promise<void> {
    const { command, args, options } = this.command(["config", "set", "--secret", key, ...this.stackArgs]);
    const child = spawn(command, args, { ...options, stdio: ["pipe", "ignore", "inherit"] });
    child.stdin.end(value);
    const code = await new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    if (code !== 0) throw new Error(`pulumi config set --secret ${key} ended with ${code}`);
  }

  async removeConfig(key: string): Promise<void> {
    await this.quietly(["config", "rm", key, ...this.stackArgs]);
  }

  preview(...more: string[]): Promise<PulumiRun> {
    return this.run(["preview", "--non-interactive", "--diff", ...this.stackArgs, ...more]);
  }

  up(...more: string[]): Promise<PulumiRun> {
    return this.run(this.upArgs(more));
  }

  /** The same command, for those who start it themselves, to interrupt or end it. */
  upCommand(...more: string[]): CommandLine {
    return this.command(this.upArgs(more));
  }

  /** A preview without the difference in full, for those who start it themselves. */
  previewCommand(...more: string[]): CommandLine {
    return this.command(["preview", "--non-interactive", ...this.stackArgs, ...more]);
  }

  /**
   * Takes away what a killed run left behind: the backend's lock, and the note beside a file of the backend that it had no
   * time to fill (`issu status` says so to an operator).
   */
  async cancel(): Promise<void> {
    const files = path.join(this.args.dir, "backend", ".pulumi", "stacks");
    for (const entry of await fs.readdir(files, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (entry.isFile() && file.endsWith(".attrs") && (await fs.stat(file)).size === 0) await fs.rm(file);
    }
    await this.quietly(["cancel", "--yes", ...this.stackArgs]);
  }

  /** Whether a run holds the backend's lock, or was killed while it did. */
  async locked(): Promise<boolean> {
    const locks = path.join(this.args.dir, "backend", ".pulumi", "locks");
    const entries = await fs.readdir(locks, { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.some((entry) => entry.isFile());
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
      const { command, args: all, options } = this.command(args);
      const child = spawn(command, all, { ...options, stdio: ["ignore", "pipe", "pipe"] });
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

  private command(args: readonly string[]): CommandLine {
    const { dir } = this.args;
    return {
      command: "pulumi",
      args: ["--color", "never", "--cwd", dir, ...args],
      options: { cwd: dir, env: this.env },
    };
  }

  private upArgs(more: readonly string[]): string[] {
    return ["up", "--yes", "--skip-preview", "--non-interactive", ...this.stackArgs, ...more];
  }

  private async quietly(args: readonly string[]): Promise<PulumiRun> {
    const run = await this.run(args, () => undefined);
    if (run.code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${run.code}:\n${run.output}`);
    return run;
  }

  private get stackArgs(): string[] {
    return ["--stack", this.args.stack];
  }
}
