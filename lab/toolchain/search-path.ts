/**
 * Programs that are on the PATH already. They are used only at the pinned version, or at one that does as well; asking a program for it takes up to
 * a second, so the answer is remembered by path, size and time of change.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { accessSync, constants, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pluginVersion } from "./plugin-version.ts";
import type { Executable, Program } from "./programs.ts";

/** Versions of programs seen on the PATH, kept in a file between runs. */
export class KnownVersions {
  readonly #file: string;
  #versions: Record<string, string | null>;

  /** @param file JSON; an unreadable one counts as empty */
  constructor(file: string) {
    this.#file = file;
    this.#versions = readVersions(file);
  }

  /** The version that `path` reports, or null if it reports none. Asks it only if it changed since the last time. */
  async of(path: string, ask: readonly string[] | "plugin"): Promise<string | null> {
    const { size, mtimeMs } = statSync(path);
    const key = `${path}|${size}|${mtimeMs}`;
    const known = this.#versions[key];
    if (known !== undefined) return known;
    const version = ask === "plugin" ? await pluginVersion(path) : await reportedVersion(path, ask);
    this.#versions[key] = version;
    this.#save();
    return version;
  }

  #save(): void {
    mkdirSync(dirname(this.#file), { recursive: true });
    const temporary = `${this.#file}.${process.pid}`;
    // Whoever writes last wins; what another process learned meanwhile is only asked for once more.
    writeFileSync(temporary, `${JSON.stringify(this.#versions, null, 2)}\n`);
    renameSync(temporary, this.#file);
  }
}

/** All executables of a program on the PATH at a version that does, or undefined if one is missing or another version. */
export async function findOnPath(
  program: Program,
  pathDirs: readonly string[],
  versions: KnownVersions,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found: Record<string, string> = {};
  for (const executable of program.executables) {
    const path = await findExecutable(program, executable, pathDirs, versions, found);
    if (!path) return undefined;
    found[executable] = path;
  }
  return found;
}

async function findExecutable(
  program: Program,
  executable: Executable,
  pathDirs: readonly string[],
  versions: KnownVersions,
  found: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const ask = program.ask[executable];
  if (ask === undefined) return undefined;
  if (ask === "beside") {
    const first = found[program.executables[0] ?? ""];
    const beside = first && join(dirname(first), executable);
    return beside && isExecutable(beside) ? beside : undefined;
  }
  for (const dir of pathDirs) {
    const path = join(dir, executable);
    if (!isExecutable(path)) continue;
    const version = await versions.of(path, ask);
    if (version === program.version || (version !== null && program.fits?.(version))) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function reportedVersion(path: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" };
    execFile(path, [...args], { timeout: 10_000, env }, (error, stdout, stderr) => {
      resolve(error ? null : (/\bv?(\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?)/.exec(stdout + stderr)?.[1] ?? null));
    });
  });
}

function readVersions(file: string): Record<string, string | null> {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return {};
  }
}
