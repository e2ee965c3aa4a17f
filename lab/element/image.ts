/**
 * Root file systems of elements, as images: gzipped tar archives.
 *
 * @module
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** What can be wrong with an image's init. */
export type Defect =
  /** There is none. */
  | "missing"
  /** It may not be executed. */
  | "not-executable"
  /** It is no program, though it looks like one. */
  | "no-program"
  /** It ends as soon as it is started. */
  | "crash"
  /** It hangs, but for its watchdog. */
  | "hang"
  /** It hangs altogether. */
  | "dead";

export interface ImageOptions {
  /** `element-agent`. */
  readonly agent: string;
  readonly version: string;
  /** File to write. */
  readonly out: string;
  /** ABI of the kernel that it was built for. Default: that of the elements' kernel. */
  readonly kernelAbi?: string;
  /** Kernel modules and the ABI of each. */
  readonly modules?: Readonly<Record<string, string>>;
  readonly defect?: Defect;
  /** Another content under the same version, e.g. `rebuilt`. */
  readonly build?: string;
}

export interface Image {
  readonly version: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Of the archive; hexadecimal. */
  readonly sha256: string;
  /** Of its init. */
  readonly initSha256: string;
}

/** ABI of the kernel that elements start with. */
export const kernelAbi = "ne-6.6-1";

const folders = ["dev", "proc", "sys", "run", "config", "oldroot", "newroot", "sbin", "etc", "var/spool"];

/** Makes an image. Two versions differ in their init: each carries its version behind the program. */
export async function makeImage(options: ImageOptions): Promise<Image> {
  const { agent, version, out, defect } = options;
  mkdirSync(dirname(out), { recursive: true, mode: 0o700 });
  const root = mkdtempSync(`${out}-`);
  try {
    for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
    const init = join(root, "sbin/init");
    copyFileSync(agent, init);
    appendFileSync(init, `\nrelease ${version} ${options.build ?? ""}\n`);
    if (defect === "no-program")
      writeFileSync(init, Buffer.concat([Buffer.from("\x7fELF"), Buffer.alloc(4096)]));
    chmodSync(init, 0o755);
    const release = {
      version,
      kernelAbi: options.kernelAbi ?? kernelAbi,
      modules: options.modules ?? { "line-card": `${kernelAbi}`, "switch-fabric": `${kernelAbi}` },
    };
    writeFileSync(join(root, "etc/release.json"), JSON.stringify(release));
    if (defect === "crash" || defect === "hang" || defect === "dead")
      writeFileSync(join(root, "etc/defect"), defect);
    const initSha256 = sum(init);
    const manifest: Record<string, string> = { "etc/release.json": sum(join(root, "etc/release.json")) };
    if (defect === "missing") rmSync(init);
    else manifest["sbin/init"] = initSha256;
    if (defect === "not-executable") chmodSync(init, 0o644);
    writeFileSync(join(root, "etc/manifest.json"), JSON.stringify(manifest));
    // Fast rather than small: it is unpacked on the same machine. The same content makes the same image.
    await run("tar", [
      "--sort=name",
      "--mtime=@0",
      "--owner=0",
      "--group=0",
      "-I",
      "gzip -n -1",
      "-cf",
      out,
      "-C",
      root,
      ".",
    ]);
    return { version, path: out, size: statSync(out).size, sha256: sum(out), initSha256 };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Makes images and keeps them in an element's folder. */
export const imageIn =
  (dir: string, agent: string) =>
  (options: Omit<ImageOptions, "agent" | "out">): Promise<Image> =>
    makeImage({
      ...options,
      agent,
      out: join(dir, "images", `${options.version}-${options.defect ?? options.build ?? "good"}.tar.gz`),
    });

const sum = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
