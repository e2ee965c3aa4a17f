/**
 * A store in a folder: for a single operator's machine and for tests. Atomic by exclusive creation and rename; not for
 * network file systems, where neither is.
 *
 * @module
 */
import { createHash, randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { type Acquired, type Document, type HeldLease, type Store, StoreConflict } from "../contract/store";
import { fileNameOf, targetOf } from "./file-name";

interface LeaseFile {
  readonly holder: string;
  readonly epoch: number;
  readonly until: number;
}

const revisionOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/** How long another process may keep a file locked for one write before its lock counts as left behind by a crash. */
const STALE_LOCK_MS = 10_000;

export class FileStore implements Store {
  private readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  async read(key: string): Promise<Document | undefined> {
    const text = await this.load(key, "json");
    return text === undefined ? undefined : { text, revision: revisionOf(text) };
  }

  async list(): Promise<readonly string[]> {
    const files = await fs.readdir(this.dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return files
      .filter((file) => file.endsWith(".json"))
      .map((file) => targetOf(path.basename(file, ".json")))
      .sort();
  }

  async holder(key: string): Promise<HeldLease | undefined> {
    const lease = await this.lease(key);
    if (!lease || lease.holder === "" || lease.until <= Date.now()) return undefined;
    return { heldBy: lease.holder, until: lease.until };
  }

  async write(key: string, text: string, expected: string | undefined): Promise<string> {
    return this.exclusively(key, async () => {
      const now = await this.read(key);
      if (now?.revision !== expected) throw new StoreConflict(key);
      await this.save(key, "json", text);
      return revisionOf(text);
    });
  }

  async acquire(key: string, holder: string, ttlMs: number): Promise<Acquired> {
    return this.exclusively(key, async () => {
      const lease = await this.lease(key);
      const held = lease !== undefined && lease.holder !== "" && lease.until > Date.now();
      if (held && lease.holder !== holder) return { heldBy: lease.holder, until: lease.until };
      const epoch = held ? lease.epoch : (lease?.epoch ?? 0) + 1;
      await this.save(key, "lease", JSON.stringify({ holder, epoch, until: Date.now() + ttlMs }));
      return { epoch };
    });
  }

  async renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    return this.exclusively(key, async () => {
      const lease = await this.lease(key);
      if (lease?.holder !== holder || lease.epoch !== epoch) return false;
      await this.save(key, "lease", JSON.stringify({ holder, epoch, until: Date.now() + ttlMs }));
      return true;
    });
  }

  async release(key: string, holder: string, epoch: number): Promise<void> {
    await this.exclusively(key, async () => {
      const lease = await this.lease(key);
      if (lease?.holder !== holder || lease.epoch !== epoch) return;
      await this.save(key, "lease", JSON.stringify({ holder: "", epoch, until: 0 }));
    });
  }

  private async lease(key: string): Promise<LeaseFile | undefined> {
    const text = await this.load(key, "lease");
    return text === undefined ? undefined : (JSON.parse(text) as LeaseFile);
  }

  private file(key: string, kind: string): string {
    return path.join(this.dir, `${fileNameOf(key)}.${kind}`);
  }

  private async load(key: string, kind: string): Promise<string | undefined> {
    try {
      return await fs.readFile(this.file(key, kind), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  private async save(key: string, kind: string, text: string): Promise<void> {
    const temporary = `${this.file(key, kind)}.${randomUUID()}`;
    await fs.writeFile(temporary, text, { mode: 0o600, flush: true });
    await fs.rename(temporary, this.file(key, kind));
  }

  private async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    await fs.mkdir(this.dir, { recursive: true, mode: 0o700 });
    const lock = this.file(key, "lock");
    for (;;) {
      try {
        await (await fs.open(lock, "wx")).close();
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        const age = await fs.stat(lock).then(
          (s) => Date.now() - s.mtimeMs,
          () => 0,
        );
        if (age > STALE_LOCK_MS) await fs.rm(lock, { force: true });
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    try {
      return await work();
    } finally {
      await fs.rm(lock, { force: true });
    }
  }
}
