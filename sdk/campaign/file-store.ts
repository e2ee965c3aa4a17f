/**
 * A store in a folder: for a single operator's machine and for tests. Atomic by a lock and rename; not for network file
 * systems, where neither is.
 *
 * @module
 */
import { createHash, randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { claimLease, heldLease, parseLease, type SeenLease } from "../contract/lease-record";
import {
  type Acquired,
  type AcquireOptions,
  type Document,
  type HeldLease,
  type Store,
  StoreConflict,
} from "../contract/store";
import { withLock } from "./file-lock";
import { fileNameOf, targetOf } from "./file-name";
import { seal, unseal } from "./sealed";

const revisionOf = (whole: string): string => createHash("sha256").update(whole).digest("hex");

export class FileStore implements Store {
  private readonly dir: string;
  /** Epochs taken by us: what we write is written under them. */
  private readonly epochs = new Map<string, number>();

  constructor(dir: string) {
    this.dir = dir;
  }

  async read(key: string): Promise<Document | undefined> {
    const whole = await this.load(key, "json");
    if (whole === undefined) return undefined;
    const { text, epoch } = unseal(whole);
    return { text, revision: revisionOf(whole), ...(epoch ? { epoch } : {}) };
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
    return heldLease(await this.lease(key), Date.now());
  }

  async write(key: string, text: string, expected: string | undefined): Promise<string> {
    return this.exclusively(key, async () => {
      const now = await this.load(key, "json");
      if ((now === undefined ? undefined : revisionOf(now)) !== expected) throw new StoreConflict(key);
      const noted = now === undefined ? 0 : (unseal(now).epoch ?? 0);
      const epoch = this.epochs.get(key) ?? noted;
      if (epoch < noted) throw new StoreConflict(key);
      return this.seal(key, text, epoch);
    });
  }

  async acquire(key: string, holder: string, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    return this.exclusively(key, async () => {
      const document = await this.read(key);
      const got = claimLease(await this.lease(key), holder, document?.epoch ?? 0, options, Date.now());
      if ("heldBy" in got) return got;
      const { epoch } = got;
      await this.save(key, "lease", JSON.stringify({ holder, epoch, ttlMs }));
      if (document && got.risen) await this.seal(key, document.text, epoch);
      this.epochs.set(key, epoch);
      return { epoch };
    });
  }

  async renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    return this.exclusively(key, async () => {
      const lease = await this.lease(key);
      if (lease?.holder !== holder || lease.epoch !== epoch) return false;
      await this.save(key, "lease", JSON.stringify({ holder, epoch, ttlMs }));
      return true;
    });
  }

  async release(key: string, holder: string, epoch: number): Promise<void> {
    await this.exclusively(key, async () => {
      const lease = await this.lease(key);
      if (lease?.holder !== holder || lease.epoch !== epoch) return;
      await this.save(key, "lease", JSON.stringify({ holder: "", epoch, ttlMs: 0 }));
    });
  }

  /** Its age is that of the file: the file system's clock, which all who share the folder share. */
  private async lease(key: string): Promise<SeenLease | undefined> {
    const file = this.file(key, "lease");
    const [text, stat] = await Promise.all([this.load(key, "lease"), fs.stat(file).catch(() => undefined)]);
    const lease = text === undefined ? undefined : parseLease(text);
    return lease && stat ? { ...lease, ageMs: Math.max(0, Date.now() - stat.mtimeMs) } : undefined;
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

  private async seal(key: string, text: string, epoch: number): Promise<string> {
    const { whole } = seal(text, epoch);
    await this.save(key, "json", whole);
    return revisionOf(whole);
  }

  private async save(key: string, kind: string, text: string): Promise<void> {
    const temporary = `${this.file(key, kind)}.${randomUUID()}`;
    await fs.writeFile(temporary, text, { mode: 0o600, flush: true });
    await fs.rename(temporary, this.file(key, kind));
  }

  private async exclusively<T>(key: string, work: () => Promise<T>): Promise<T> {
    await fs.mkdir(this.dir, { recursive: true, mode: 0o700 });
    return withLock(this.file(key, "lock"), work);
  }
}
