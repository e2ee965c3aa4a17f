/**
 * Official downloads. Nothing is kept whose checksum was not compared with the publisher's; a network that leads nowhere
 * is noticed within seconds, and a host that can't be reached is not asked again in the same run.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import type { Download, Executable } from "./programs.ts";

export interface DownloadOptions {
  /**
   * Base address that takes the publishers' place: `https://host/path` is fetched from `<mirror>/host/path`. The
   * checksum lists come from there too, so a mirror is trusted as its publisher would be.
   */
  readonly mirror?: string | undefined;
  /** Hosts that could not be reached; read, and added to. Share one set over a run. */
  readonly unreachable: Set<string>;
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for an answer's head, milliseconds. */
  readonly answerWithinMs?: number;
  /** Longest pause within an answer, milliseconds. */
  readonly stallAfterMs?: number;
  /** Called when the file itself begins to arrive. */
  readonly onAnswer?: () => void;
}

/** Why a download failed. `checksum` is the one to worry about; after the others, another way is simply taken. */
export type DownloadFailure = "unreachable" | "refused" | "interrupted" | "checksum" | "unpack";

export class DownloadError extends Error {
  override readonly name = "DownloadError";
  readonly reason: DownloadFailure;

  constructor(reason: DownloadFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Fetches one download and puts its executables into a folder. The folder gets nothing but complete, checked files.
 *
 * @throws {DownloadError}
 */
export async function download(item: Download, folder: string, options: DownloadOptions): Promise<void> {
  const fileName = basename(new URL(item.url).pathname);
  const wanted = await expectedSum(item, fileName, options);
  await mkdir(folder, { recursive: true });
  const partial = join(folder, `.${fileName}.partial`);
  try {
    const answer = await request(item.url, options);
    options.onAnswer?.();
    const got = await save(answer, partial, wanted.algorithm, item.url, options);
    if (got !== wanted.sum) {
      throw new DownloadError(
        "checksum",
        `${item.url}: expected ${wanted.algorithm} ${wanted.sum}, got ${got}; the file was thrown away`,
      );
    }
    if (item.archive) await unpack(partial, item, folder);
    else await place(partial, join(folder, Object.keys(item.members)[0] ?? fileName));
  } finally {
    await rm(partial, { force: true });
  }
}

interface Sum {
  readonly algorithm: "sha256" | "sha512";
  /** Lower-case hexadecimal. */
  readonly sum: string;
}

async function expectedSum(item: Download, fileName: string, options: DownloadOptions): Promise<Sum> {
  if ("sha256" in item.checksum) return { algorithm: "sha256", sum: item.checksum.sha256.toLowerCase() };
  const { listUrl } = item.checksum;
  const answer = await request(listUrl, options);
  let text: string;
  try {
    text = await answer.text();
  } catch (cause) {
    throw new DownloadError("interrupted", `${listUrl}: the answer broke off`, { cause });
  }
  const sum = findSum(text, fileName);
  if (!sum) {
    throw new DownloadError(
      "checksum",
      `${listUrl} names no checksum for ${fileName}; nothing unchecked is used`,
    );
  }
  return sum;
}

/** Finds a file's sum in a list as `sha256sum` and `shasum` write it, or in a file that holds the sum alone. */
export function findSum(list: string, fileName: string): Sum | undefined {
  for (const line of list.split("\n")) {
    const match = /^([0-9a-fA-F]{64}|[0-9a-fA-F]{128})(?:\s+\*?(?:\.\/)?(\S+))?\s*$/.exec(line);
    if (!match?.[1] || (match[2] !== undefined && match[2] !== fileName)) continue;
    return { algorithm: match[1].length === 64 ? "sha256" : "sha512", sum: match[1].toLowerCase() };
  }
  return undefined;
}

/** Finds out, for all hosts at once, which can't be reached, and adds them to `options.unreachable`. */
export async function probe(urls: readonly string[], options: DownloadOptions): Promise<void> {
  const hosts = new Map(urls.map((url) => addressOf(url, options)).map((url) => [url.host, url]));
  const asked = [...hosts.values()].map(async (url) => {
    const answer = await ask(url, "HEAD", options).catch(() => undefined);
    await answer?.body?.cancel();
  });
  await Promise.all(asked);
  options.signal?.throwIfAborted();
}

function addressOf(publisherUrl: string, { mirror }: DownloadOptions): URL {
  const url = new URL(publisherUrl);
  return mirror ? new URL(`${mirror.replace(/\/+$/, "")}/${url.host}${url.pathname}`) : url;
}

async function request(publisherUrl: string, options: DownloadOptions): Promise<Response> {
  const url = addressOf(publisherUrl, options);
  const answer = await ask(url, "GET", options);
  if (answer.ok && answer.body) return answer;
  await answer.body?.cancel();
  throw new DownloadError("refused", `${url}: HTTP ${answer.status}`);
}

async function ask(url: URL, method: "GET" | "HEAD", options: DownloadOptions): Promise<Response> {
  if (options.unreachable.has(url.host)) {
    throw new DownloadError("unreachable", `${url.host} could not be reached before`);
  }
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), options.answerWithinMs ?? 4_000);
  const signals = [late.signal, ...(options.signal ? [options.signal] : [])];
  try {
    return await fetch(url, { method, signal: AbortSignal.any(signals) });
  } catch (cause) {
    options.signal?.throwIfAborted();
    options.unreachable.add(url.host);
    throw new DownloadError("unreachable", `${url.host} can't be reached (${reasonOf(cause, late.signal)})`, {
      cause,
    });
  } finally {
    clearTimeout(timer);
  }
}

/** Writes the body to a file and returns its sum. */
async function save(
  answer: Response,
  file: string,
  algorithm: Sum["algorithm"],
  url: string,
  options: DownloadOptions,
): Promise<string> {
  const hash = createHash(algorithm);
  const stalled = new AbortController();
  const stallAfterMs = options.stallAfterMs ?? 20_000;
  let watchdog = setTimeout(() => stalled.abort(), stallAfterMs);
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(watchdog);
      watchdog = setTimeout(() => stalled.abort(), stallAfterMs);
      hash.update(chunk);
      done(null, chunk);
    },
  });
  const signals = [stalled.signal, ...(options.signal ? [options.signal] : [])];
  try {
    const body = Readable.fromWeb(answer.body as ReadableStream);
    await pipeline(body, count, createWriteStream(file), { signal: AbortSignal.any(signals) });
  } catch (cause) {
    options.signal?.throwIfAborted();
    // A full disk is no fault of the network, and the next way would meet it as well.
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC") throw cause;
    throw new DownloadError(
      "interrupted",
      `${url}: the download broke off (${reasonOf(cause, stalled.signal)})`,
      {
        cause,
      },
    );
  } finally {
    clearTimeout(watchdog);
  }
  return hash.digest("hex");
}

/** Unpacks with the system's `tar`: only the members named, each checked to have come out. */
async function unpack(archive: string, item: Download, folder: string): Promise<void> {
  const members = Object.entries(item.members) as [Executable, string][];
  const scratch = `${archive}.d`;
  await mkdir(scratch, { recursive: true });
  try {
    await untar(archive, scratch, item.url);
    for (const [executable, member] of members) {
      try {
        await place(join(scratch, member), join(folder, executable));
      } catch (cause) {
        throw new DownloadError("unpack", `${item.url} holds no ${member}`, { cause });
      }
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function untar(archive: string, scratch: string, url: string): Promise<void> {
  const tar = spawn("tar", ["-xzf", "-", "-C", scratch], { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  tar.stderr.on("data", (chunk) => {
    complaint += chunk;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once("error", reject);
    tar.once("close", resolve);
  });
  const fed = pipeline(createReadStream(archive), tar.stdin).catch(() => {}); // tar says what was wrong
  try {
    const [code] = await Promise.all([ended, fed]);
    if (code === 0) return;
  } catch (cause) {
    throw new DownloadError("unpack", `${url} can't be unpacked: ${(cause as Error).message}`, { cause });
  }
  throw new DownloadError("unpack", `${url} can't be unpacked: ${complaint.trim()}`);
}

async function place(from: string, to: string): Promise<void> {
  await chmod(from, 0o755);
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
}

function reasonOf(cause: unknown, late: AbortSignal): string {
  if (late.aborted) return "no answer in time";
  const inner = (cause as { cause?: { code?: string; message?: string } }).cause;
  return inner?.code ?? inner?.message ?? (cause as Error).message;
}
