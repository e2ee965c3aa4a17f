/**
 * The programs the project needs, found or made: on the PATH at the pinned version, in the cache of an earlier run, by
 * official download with checksum, or built from pinned Go modules (design §5).
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type BuildOptions, checkDisk, checkGo, goBuild } from "./build.ts";
import { DownloadError, download, probe } from "./download.ts";
import { ToolchainError } from "./errors.ts";
import { defaultCacheDir, modulesDir, shortHash } from "./paths.ts";
import { currentPlatform, type Platform } from "./platform.ts";
import { programs as catalogue, type Executable, type Program, type ProgramName } from "./programs.ts";
import type { Progress } from "./progress.ts";
import { type Plugin, pluginPath, pulumiHome } from "./pulumi-home.ts";
import { findOnPath, KnownVersions } from "./search-path.ts";
import { Store } from "./store.ts";
import { type Source, Toolchain } from "./toolchain.ts";

export { ToolchainError, type ToolchainErrorCode } from "./errors.ts";
export type { Executable, ProgramName } from "./programs.ts";
export { consoleProgress, type Progress, type ProgressEvent } from "./progress.ts";
export { type Source, Toolchain } from "./toolchain.ts";

export interface ToolchainOptions {
  /** Default: all. */
  readonly programs?: readonly ProgramName[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Read for PATH, PULUMI_ISSU_CACHE, PULUMI_ISSU_MIRROR and XDG_CACHE_HOME. Default: the process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Go's name on the PATH or its path. Default "go". */
  readonly go?: string;
  /** What there is to be had; for tests. */
  readonly catalogue?: readonly Program[];
}

/** How long a stand-in is used before the official program is asked for again, milliseconds. */
const standInFor = 7 * 24 * 3600 * 1000;

/** A program on its way. */
interface Wanted {
  readonly program: Program;
  readonly key: string;
}

interface Found {
  readonly paths: Readonly<Record<string, string>>;
  readonly source: Source;
}

/**
 * Makes sure that programs are there. Takes a fraction of a second when they are, and up to 20 minutes on two cores when
 * all have to be built.
 *
 * @throws {ToolchainError} one error for everything that can't be had, saying what to install
 */
export async function ensureToolchain(options: ToolchainOptions = {}): Promise<Toolchain> {
  const run = new Run(options);
  return run.ensure(options.programs);
}

class Run {
  readonly #options: ToolchainOptions;
  readonly #progress: Progress;
  readonly #platform: Platform;
  readonly #cacheDir: string;
  readonly #store: Store;
  readonly #mirror: string | undefined;
  readonly #env: NodeJS.ProcessEnv;
  readonly #unreachable = new Set<string>();
  readonly #standIns: StandIns;

  constructor(options: ToolchainOptions) {
    this.#options = options;
    this.#progress = options.progress ?? (() => {});
    this.#platform = currentPlatform();
    this.#env = options.env ?? process.env;
    this.#cacheDir = defaultCacheDir(this.#env);
    this.#store = new Store(this.#cacheDir);
    this.#mirror = this.#env.PULUMI_ISSU_MIRROR || undefined;
    this.#standIns = new StandIns(join(this.#cacheDir, "stand-ins.json"));
  }

  async ensure(names: readonly ProgramName[] | undefined): Promise<Toolchain> {
    const wanted = (this.#options.catalogue ?? catalogue)
      .filter((program) => !names || names.includes(program.name))
      .map((program) => ({ program, key: keyOf(program, this.#platform) }));
    const found = new Map<Program, Found>();
    const missing = await this.#lookUp(wanted, found);
    const unloaded = await this.#downloadAll(missing, found);
    await this.#buildAll(unloaded, found);
    return this.#assemble(found);
  }

  /** On the PATH, then in the cache; returns what is in neither. */
  async #lookUp(wanted: readonly Wanted[], found: Map<Program, Found>): Promise<readonly Wanted[]> {
    const versions = new KnownVersions(join(this.#cacheDir, "versions.json"));
    const pathDirs = (this.#env.PATH ?? "").split(delimiter).filter((dir) => dir !== "");
    const missing: Wanted[] = [];
    for (const item of wanted) {
      const onPath = await findOnPath(item.program, pathDirs, versions);
      const entry = onPath ? undefined : this.#store.find(item.key);
      if (onPath) found.set(item.program, { paths: onPath, source: "path" });
      else if (entry) found.set(item.program, { paths: entry.paths, source: "cache" });
      else missing.push(item);
    }
    return missing;
  }

  /** Returns what could not be downloaded. */
  async #downloadAll(missing: readonly Wanted[], found: Map<Program, Found>): Promise<readonly Wanted[]> {
    const candidates = missing.filter(
      ({ program, key }) => program.downloads(this.#platform).length > 0 && !this.#standIns.isRecent(key),
    );
    if (candidates.length > 0) await this.#probe(candidates);
    const failed: Wanted[] = missing.filter((item) => !candidates.includes(item));
    for (const item of candidates) {
      const source = await this.#download(item);
      if (source) found.set(item.program, source);
      else failed.push(item);
    }
    return failed.filter(({ program, key }) => {
      if (program.standIn === undefined) return true;
      if (candidates.some((item) => item.key === key)) this.#standIns.remember(key);
      found.set(program, { paths: {}, source: "stand-in" });
      return false;
    });
  }

  /** Asks all publishers at once, so that a closed network costs one time-out and not one for each. */
  async #probe(candidates: readonly Wanted[]): Promise<void> {
    const urls = candidates.flatMap(({ program }) =>
      program
        .downloads(this.#platform)
        .flatMap(({ url, checksum }) => ["listUrl" in checksum ? checksum.listUrl : url]),
    );
    const program = candidates[0]?.program.name;
    if (program) this.#progress({ phase: "download", program, text: "asking the publishers" });
    await probe(urls, this.#downloadOptions());
  }

  async #download(item: Wanted): Promise<Found | undefined> {
    const { program, key } = item;
    const label = `${program.name} ${program.version}`;
    const hosts = program.downloads(this.#platform);
    return this.#locked(item, async () => {
      try {
        await this.#store.put(key, program.executables, "download", async (folder) => {
          for (const part of hosts) await download(part, folder, this.#downloadOptions(program, label));
        });
      } catch (error) {
        if (!(error instanceof DownloadError)) throw diskError(error, label);
        // Nothing to worry about if a network leads nowhere; a file that isn't what its publisher says it is, is.
        if (error.reason === "checksum" || error.reason === "unpack" || error.reason === "interrupted") {
          this.#progress({ phase: "warning", program: program.name, text: error.message });
        }
        return undefined;
      }
      this.#progress({ phase: "done", program: program.name, text: `downloaded ${label}` });
      return this.#fromStore(key, "download");
    });
  }

  #downloadOptions(program?: Program, label?: string) {
    return {
      mirror: this.#mirror,
      unreachable: this.#unreachable,
      signal: this.#options.signal,
      ...(program && label
        ? {
            onAnswer: () =>
              this.#progress({ phase: "download", program: program.name, text: `downloading ${label}` }),
          }
        : {}),
    };
  }

  async #buildAll(missing: readonly Wanted[], found: Map<Program, Found>): Promise<void> {
    if (missing.length === 0) return;
    const go = this.#options.go ?? "go";
    const builds = missing.flatMap(({ program }) => program.builds);
    const labels = missing.map(({ program }) => `${program.name} ${program.version}`).join(", ");
    const options: BuildOptions = { go, signal: this.#options.signal, env: this.#env };
    await checkGo(options, builds, labels);
    mkdirSync(this.#cacheDir, { recursive: true });
    await checkDisk(this.#cacheDir, labels);
    let left = builds.reduce((sum, build) => sum + build.seconds, 0) * 1000;
    for (const item of missing) {
      left -= item.program.builds.reduce((sum, build) => sum + build.seconds, 0) * 1000;
      found.set(item.program, await this.#build(item, options, left));
    }
  }

  #build(item: Wanted, options: BuildOptions, afterwardsMs: number): Promise<Found> {
    const { program, key } = item;
    return this.#locked(item, async () => {
      let left = program.builds.reduce((sum, build) => sum + build.seconds, 0) * 1000 + afterwardsMs;
      await this.#store.put(key, program.executables, "build", async (folder) => {
        for (const build of program.builds) {
          const expectedMs = build.seconds * 1000;
          left -= expectedMs;
          const text = `building ${build.output}`;
          this.#progress({ phase: "build", program: program.name, text, expectedMs, afterwardsMs: left });
          await goBuild(build, folder, options);
          this.#progress({ phase: "done", program: program.name, text: `built ${build.output}` });
        }
      });
      const made = this.#fromStore(key, "build");
      if (made) return made;
      throw new ToolchainError(
        "build-failed",
        `${program.name}: the cache ${this.#cacheDir} did not keep what was built`,
      );
    });
  }

  /** Runs `work` under the program's lock, unless the program appears while waiting for it. */
  #locked<T extends Found | undefined>(item: Wanted, work: () => Promise<T>): Promise<T | Found> {
    const { program, key } = item;
    return this.#store.locked(
      key,
      async () => this.#fromStore(key, "cache") ?? (await work()),
      () => {
        const text = `another process gets ${program.name} ${program.version}, waiting for it`;
        this.#progress({ phase: "wait", program: program.name, text });
      },
      this.#options.signal,
    );
  }

  #fromStore(key: string, source: Source): Found | undefined {
    const entry = this.#store.find(key);
    return entry && { paths: entry.paths, source };
  }

  #assemble(found: ReadonlyMap<Program, Found>): Toolchain {
    const paths: Partial<Record<Executable, string>> = {};
    const sources: Partial<Record<ProgramName, Source>> = {};
    const plugins: Plugin[] = [];
    for (const [program, { paths: own, source }] of found) {
      sources[program.name] = source;
      Object.assign(paths, own);
      const pluginName = /^pulumi-resource-(.+)$/.exec(program.name)?.[1];
      if (pluginName === undefined) continue;
      const executable = own[program.name];
      const from = executable
        ? { executable }
        : { standIn: join(import.meta.dirname, program.standIn ?? "") };
      plugins.push({ name: pluginName, version: program.version, from });
    }
    const home = pulumiHome(this.#cacheDir, plugins);
    for (const plugin of plugins) {
      paths[`pulumi-resource-${plugin.name}` as Executable] = pluginPath(home, plugin);
    }
    return new Toolchain(paths, sources, home, this.#cacheDir);
  }
}

/** When official programs were last asked for in vain. */
class StandIns {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  isRecent(key: string): boolean {
    const since = this.#read()[key];
    return since !== undefined && Date.now() - Date.parse(since) < standInFor;
  }

  remember(key: string): void {
    mkdirSync(join(this.#file, ".."), { recursive: true });
    writeFileSync(
      this.#file,
      `${JSON.stringify({ ...this.#read(), [key]: new Date().toISOString() }, null, 2)}\n`,
    );
  }

  #read(): Record<string, string> {
    try {
      return JSON.parse(readFileSync(this.#file, "utf8"));
    } catch {
      return {};
    }
  }
}

/** Names a cache entry by everything that decides what is in it. */
function keyOf(program: Program, platform: Platform): string {
  const recipes = program.builds.map(({ seconds: _, ...recipe }) => recipe);
  const modules = new Map(program.builds.map(({ module, ours }) => [module, ours]));
  const sources = [...modules].flatMap(([module, ours]) => {
    const folder = join(modulesDir, module);
    const names = ours ? readdirSync(folder, { recursive: true, encoding: "utf8" }).sort() : ["main.go"];
    return ["go.mod", "go.sum", ...names.filter((name) => name.endsWith(".go"))]
      .map((name) => join(folder, name))
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, "utf8"));
  });
  const digest = shortHash(JSON.stringify([program.downloads(platform), recipes]), ...sources);
  return `${program.name}-${program.version}-${platform.os}-${platform.arch}-${digest}`;
}

function diskError(error: unknown, label: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOSPC") return error;
  return new ToolchainError(
    "no-disk",
    `No disk space left while downloading ${label}; free some and try again`,
    {
      cause: error,
    },
  );
}
