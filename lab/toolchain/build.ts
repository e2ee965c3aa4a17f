/**
 * Building from the pinned Go modules.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ToolchainError } from "./errors.ts";
import { modulesDir } from "./paths.ts";
import type { GoBuild } from "./programs.ts";

const run = promisify(execFile);

export interface BuildOptions {
  /** `go`, or its path. */
  readonly go: string;
  readonly signal?: AbortSignal | undefined;
  /** Environment that Go runs in. */
  readonly env: NodeJS.ProcessEnv;
}

/** Below this, no build is begun, bytes. */
const leastFree = 2 * 1024 ** 3;

/**
 * Checks that there is room to build at all.
 *
 * @param dir where programs are kept; must exist
 * @throws {ToolchainError} `no-disk`
 */
export async function checkDisk(dir: string, wanted: string): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (free >= leastFree) return;
  throw new ToolchainError(
    "no-disk",
    `To build ${wanted}, at least 2 GB of disk space are needed; ${(free / 1024 ** 3).toFixed(1)} GB are free in ${dir}. Free some, or set PULUMI_ISSU_CACHE to a folder with room, and run the command again.`,
  );
}

/**
 * Checks that Go is there and new enough for all pinned modules.
 *
 * @param wanted what is to be built, for the message: "kube-apiserver 1.34.2, kwok 0.8.0"
 * @throws {ToolchainError} `go-missing`, `go-too-old`
 */
export async function checkGo(
  { go, env }: BuildOptions,
  builds: readonly GoBuild[],
  wanted: string,
): Promise<void> {
  const needed = await neededGo(builds);
  const install = `Install Go ${needed} or newer from https://go.dev/dl or with the system's package manager, or put the programs named on the PATH, and run the command again.`;
  let version: string;
  let toolchain: string;
  try {
    const { stdout } = await run(go, ["env", "GOVERSION", "GOTOOLCHAIN"], { cwd: tmpdir(), env });
    [version = "", toolchain = ""] = stdout.split("\n");
  } catch (cause) {
    throw new ToolchainError(
      "go-missing",
      `These programs are neither on the PATH nor in the cache, and can't be downloaded: ${wanted}. They can be built, but Go is missing (\`${go}\`: ${(cause as NodeJS.ErrnoException).code ?? "can't be run"}). ${install}`,
      { cause },
    );
  }
  // An older Go fetches the newer one itself unless told not to.
  if (isOlder(version.replace(/^go/, ""), needed) && toolchain === "local") {
    throw new ToolchainError(
      "go-too-old",
      `To build ${wanted}, Go ${needed} or newer is needed; \`${go}\` is ${version}, and GOTOOLCHAIN=local keeps it from fetching a newer one. ${install}`,
    );
  }
}

async function neededGo(builds: readonly GoBuild[]): Promise<string> {
  let newest = "1.0";
  for (const module of new Set(builds.map((build) => build.module))) {
    const text = await readFile(join(modulesDir, module, "go.mod"), "utf8");
    const version = /^go (\S+)$/m.exec(text)?.[1];
    if (version && isOlder(newest, version)) newest = version;
  }
  return newest;
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}

/**
 * Builds one executable into a folder.
 *
 * @throws {ToolchainError} `no-network`, `no-disk`, `build-failed`, `aborted`; with the end of what the compiler said
 */
export async function goBuild(build: GoBuild, folder: string, options: BuildOptions): Promise<void> {
  await mkdir(folder, { recursive: true });
  let source = join(modulesDir, build.module);
  const scratch = build.embeds ? await mkdtemp(join(folder, ".source-")) : undefined;
  try {
    if (scratch && build.embeds) {
      await cp(source, scratch, { recursive: true });
      source = scratch;
      for (const embed of build.embeds) await copyEmbeds(embed, scratch, build, options);
    }
    const set = Object.entries(build.set).map(([name, value]) => `-X ${name}=${value}`);
    const ldflags = ["-s", "-w", ...set].join(" ");
    const output = join(folder, build.output);
    const tags = build.tags === undefined ? [] : ["-tags", build.tags];
    await runGo(
      ["build", "-trimpath", ...tags, "-ldflags", ldflags, "-o", output, build.package],
      source,
      build,
      options,
    );
  } finally {
    if (scratch) await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * The provider's release process embeds a schema that says its version, and a mapping; the published module holds both
 * without the version. They are taken from there rather than kept here: they are others' work, and 8 MB.
 */
async function copyEmbeds(
  embed: NonNullable<GoBuild["embeds"]>[number],
  scratch: string,
  build: GoBuild,
  options: BuildOptions,
): Promise<void> {
  const stdout = await runGo(["mod", "download", "-json", embed.module], scratch, build, options);
  const { Dir: dir } = JSON.parse(stdout) as { Dir: string };
  const schema = JSON.parse(await readFile(join(dir, embed.folder, "schema.json"), "utf8"));
  await writeFile(join(scratch, "schema.json"), JSON.stringify({ ...schema, version: embed.version }));
  const mapping = await readFile(join(dir, embed.folder, "terraform-mapping.json"));
  await writeFile(join(scratch, "terraform-mapping.json"), mapping); // written anew: the module cache is read-only
}

/** Runs Go and returns what it wrote to standard output. */
function runGo(args: readonly string[], cwd: string, build: GoBuild, options: BuildOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { ...options.env, CGO_ENABLED: "0", GOWORK: "off" };
    // A group of its own, so that the compilers it starts end with it.
    const child = spawn(options.go, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let said = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      said = (said + chunk).slice(-20_000);
    });
    const abort = () => child.pid !== undefined && process.kill(-child.pid, "SIGTERM");
    options.signal?.addEventListener("abort", abort, { once: true });
    child.once("error", (cause) => reject(buildError(build, cause.message, cause)));
    child.once("close", (code, signal) => {
      options.signal?.removeEventListener("abort", abort);
      if (options.signal?.aborted)
        reject(new ToolchainError("aborted", `The build of ${build.output} was stopped`));
      else if (code === 0) resolve(output);
      else reject(buildError(build, `${said}\n(go ended with ${signal ?? `exit code ${code}`})`));
    });
    if (options.signal?.aborted) abort();
  });
}

function buildError(build: GoBuild, said: string, cause?: unknown): ToolchainError {
  const lines = said.trim().split("\n");
  const telling = lines.filter((line) => !line.startsWith("go: downloading ")).slice(-12);
  const tail = telling.join("\n");
  if (/no space left on device|disk quota exceeded/i.test(said)) {
    return new ToolchainError(
      "no-disk",
      `No disk space left while building ${build.output}. A build of everything takes up to 12 GB in Go's caches (\`go env GOCACHE GOMODCACHE\`); free some space, or put these caches elsewhere, and run the command again.`,
      { cause },
    );
  }
  if (
    /no such host|dial tcp|connection refused|network is unreachable|i\/o timeout|TLS handshake|proxyconnect/i.test(
      said,
    )
  ) {
    return new ToolchainError(
      "no-network",
      `The Go modules of ${build.output} can't be fetched. Set GOPROXY to a module proxy that this machine reaches (and HTTPS_PROXY if it needs one), or put ${build.output} on the PATH.\n${tail}`,
      { cause },
    );
  }
  return new ToolchainError("build-failed", `Building ${build.output} failed:\n${tail}`, { cause });
}
