/**
 * Programs kept on disk between runs and checkouts. An entry appears whole or not at all, by a rename; a lock keeps two
 * processes from building the same thing at once.
 *
 * @module
 */
import { mkdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import lockfile from "proper-lockfile";

/** How an entry came to be. */
export type Origin = "download" | "build";

interface Entry {
  readonly origin: Origin;
  /** Sizes in bytes by file name. */
  readonly files: Readonly<Record<string, number>>;
}

const entryFile = "entry.json";

export class Store {
  readonly #programs: string;
  readonly #locks: string;

  /** @param dir created when something is put into it */
  constructor(dir: string) {
    this.#programs = join(dir, "programs");
    this.#locks = join(dir, "locks");
  }

  /**
   * Paths of an entry's files, or undefined if it isn't there or isn't whole. Sizes tell a damaged entry; times of change
   * don't count, since a cache that a pipeline saved and restored is as good as new.
   */
  find(
    key: string,
  ): { readonly origin: Origin; readonly paths: Readonly<Record<string, string>> } | undefined {
    const dir = join(this.#programs, key);
    try {
      const entry: Entry = JSON.parse(readFileSync(join(dir, entryFile), "utf8"));
      const paths: Record<string, string> = {};
      for (const [name, size] of Object.entries(entry.files)) {
        const path = join(dir, name);
        if (statSync(path).size !== size) return undefined;
        paths[name] = path;
      }
      return { origin: entry.origin, paths };
    } catch {
      return undefined;
    }
  }

  /**
   * Fills an entry: `fill` puts the files into a folder beside it, which then takes the entry's place.
   *
   * @param names the files that must be there afterwards
   */
  async put(
    key: string,
    names: readonly string[],
    origin: Origin,
    fill: (folder: string) => Promise<void>,
  ): Promise<void> {
    await mkdir(this.#programs, { recursive: true });
    const folder = await mkdtemp(join(this.#programs, `.${key}-`));
    const target = join(this.#programs, key);
    try {
      await fill(folder);
      const files = Object.fromEntries(names.map((name) => [name, statSync(join(folder, name)).size]));
      await writeFile(join(folder, entryFile), `${JSON.stringify({ origin, files }, null, 2)}\n`);
      if (this.find(key)) return; // somebody else's, as good as ours, and perhaps running by now
      await rm(target, { recursive: true, force: true }); // a damaged one
      await rename(folder, target);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /**
   * Runs `work` while no other process holds the lock of `key`. The lock of a process that died counts for nothing 15 s
   * after.
   *
   * @param onWait called once if the lock is taken
   */
  async locked<T>(key: string, work: () => Promise<T>, onWait: () => void, signal?: AbortSignal): Promise<T> {
    mkdirSync(this.#locks, { recursive: true });
    const file = join(this.#locks, basename(key));
    let waiting = false;
    for (;;) {
      const release = await this.#tryLock(file);
      if (release) {
        try {
          return await work();
        } finally {
          await release().catch(() => {}); // lost meanwhile, see below
        }
      }
      if (!waiting) onWait();
      waiting = true;
      await delay(500, undefined, signal ? { signal } : {});
    }
  }

  async #tryLock(file: string): Promise<(() => Promise<void>) | undefined> {
    try {
      return await lockfile.lock(file, {
        realpath: false,
        stale: 15_000,
        update: 5_000,
        // A machine that slept lets the lock lapse, and then two may build: wasteful, yet sound, as entries are renamed
        // into place.
        onCompromised: () => {},
      });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ELOCKED") return undefined;
      throw error;
    }
  }
}
