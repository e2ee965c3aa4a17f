/**
 * Keeping the processes of one machine apart while each changes a file. The lock names the process that holds it: it is
 * broken when that process is dead, and not because it takes long, since a process that was frozen in between would go on
 * writing when it wakes.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import { setTimeout as delay } from "node:timers/promises";

/** Of another machine, or of a version that did not name itself, a lock this old counts as left behind. */
const STALE_MS = 10_000;
/** Longest wait for a process that lives. */
const PATIENCE_MS = 20_000;

/** @throws Error that names the process which holds the lock and does not let go. */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const mine = `${os.hostname()} ${process.pid} ${randomUUID()}`;
  const giveUp = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      // Made whole before it gets its name: a lock without a name in it can't be told from another machine's.
      const made = `${file}.${randomUUID()}`;
      await fs.writeFile(made, mine, { mode: 0o600 });
      try {
        await fs.link(made, file);
      } finally {
        await fs.rm(made, { force: true });
      }
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const holder = await fs.readFile(file, "utf8").catch(() => undefined);
      if (holder !== undefined && (await isLeftBehind(file, holder))) await breakLock(file, holder);
      else if (performance.now() > giveUp) {
        const [host, pid] = holder?.split(" ") ?? [];
        throw new Error(
          `${file} is held by process ${pid} of ${host}, which lives but does not go on; it may be stopped. Let it go on (kill -CONT ${pid}) or end it, then run again.`,
        );
      }
      await delay(10);
    }
  }
  try {
    return await work();
  } finally {
    await fs.rm(file, { force: true });
  }
}

async function isLeftBehind(file: string, holder: string): Promise<boolean> {
  const [host, pid] = holder.split(" ");
  const stat = await fs.stat(file).catch(() => undefined);
  if (!stat) return false;
  if (host !== os.hostname() || !(Number(pid) > 0)) return Date.now() - stat.mtimeMs > STALE_MS;
  if (!isThere(Number(pid))) return true;
  // After a restart of the machine another process may have the number.
  const since = await startOf(Number(pid));
  return since !== undefined && since > stat.mtimeMs + 2_000;
}

/** ms since 1970; undefined where the system does not tell. */
async function startOf(pid: number): Promise<number | undefined> {
  const stat = await fs.readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // Field 22, in hundredths of a second since the machine started; the name before it, in brackets, may hold anything.
  const ticks = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return Number.isFinite(ticks) ? Date.now() - os.uptime() * 1000 + ticks * 10 : undefined;
}

/** Moved aside first, so that of two who break it only one does, and neither breaks the next one's. */
async function breakLock(file: string, holder: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await fs.rename(file, aside);
  } catch {
    return;
  }
  if ((await fs.readFile(aside, "utf8").catch(() => "")) !== holder) {
    await fs.link(aside, file).catch(() => undefined);
  }
  await fs.rm(aside, { force: true });
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
