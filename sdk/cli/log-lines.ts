/**
 * The campaign's log on this machine, read back (ESC-20).
 *
 * @module
 */
import * as fs from "node:fs";
import * as fsp from "node:fs/promises";
import * as path from "node:path";
import { targetOf } from "../campaign/file-name";
import { type LogLine, logDir } from "../campaign/log-file";
import { formatDuration } from "../policy/duration";
import { clock } from "./format";
import { hanging, type Page } from "./layout";

const SUFFIX = ".jsonl";

/** Targets that this machine has a log of. */
export async function loggedTargets(): Promise<string[]> {
  const files = await fsp.readdir(logDir()).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return files
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => targetOf(path.basename(file, SUFFIX)))
    .sort();
}

/**
 * Whole lines of a file as they are; with `follow`, those to come as well, until the signal.
 *
 * A line that is not ended yet is being written: it is given out once it is.
 */
export async function* linesOf(file: string, follow: boolean, signal?: AbortSignal): AsyncGenerator<string> {
  const handle = await fsp.open(file, "r");
  try {
    const changed = follow ? changesIn(file, signal) : undefined;
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(64 * 1024);
    let rest = "";
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
      if (bytesRead > 0) {
        const lines = (rest + decoder.decode(buffer.subarray(0, bytesRead), { stream: true })).split("\n");
        rest = lines.pop() ?? "";
        yield* lines.filter((line) => line !== "");
        continue;
      }
      if (!changed || !(await changed())) return;
    }
  } finally {
    await handle.close();
  }
}

/** @returns waits for the next change, also for one since the last call; false once the signal was given. */
function changesIn(file: string, signal?: AbortSignal): () => Promise<boolean> {
  let seen = true;
  let wake: () => void = () => undefined;
  const listener = () => {
    seen = true;
    wake();
  };
  // By looking at its size rather than by inotify, so that it works on every file system.
  fs.watchFile(file, { interval: 250 }, listener);
  signal?.addEventListener("abort", () => {
    fs.unwatchFile(file, listener);
    wake();
  });
  return async () => {
    if (!seen && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    seen = false;
    return !signal?.aborted;
  };
}

/** @returns undefined for a line that a crash left unfinished. */
export function parseLine(line: string): LogLine | undefined {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return undefined;
  }
}

/** One entry for people. */
export function logText(entry: LogLine, now: number, page: Page): string {
  const { time, campaign, stage, action, object, code, message, durationMs } = entry;
  const took = durationMs === undefined ? "" : ` (${formatDuration(durationMs)})`;
  const ok = code === "OK";
  const head = `${clock(time, now)} ${ok ? " " : "!"} `;
  const text = `${campaign}/${stage} ${action} ${object}${ok ? "" : ` ${code}`}: ${message}${took}`;
  return hanging(head, text, page, ok ? "dim" : "red").join("\n");
}
