import { linkSync, rmSync } from "node:fs";
import { readJson, writeJson } from "./files.ts";
import { identify, isRunning } from "./processes.ts";

interface Holder {
  readonly pid: number;
  readonly startTicks: string;
  readonly bootId: string;
}

/**
 * Runs `work` while this process alone holds the lock at `path`. The lock of a process that is gone counts for nothing.
 *
 * @param what the lock stands for, as the error names it.
 * @throws {Error} at once if another process holds it.
 */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>): Promise<T> {
  const me = identify(process.pid);
  if (!me) throw new Error("/proc can't be read: the lab runs on Linux only");
  const draft = `${path}.${process.pid}.draft`;
  writeJson(draft, { pid: process.pid, ...me } satisfies Holder);
  try {
    while (!tryLink(draft, path)) {
      const holder = readJson<Holder>(path);
      if (holder && isRunning(holder)) {
        throw new Error(
          `${what} is being worked on by another command (pid ${holder.pid}); wait for it to end`,
        );
      }
      rmSync(path, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/** Fails where a rename would replace what another has just put there. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}
