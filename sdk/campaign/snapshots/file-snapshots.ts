/**
 * Snapshots in a folder: one below it for each target, one below that for each snapshot. The record comes last and by rename,
 * so what was interrupted is never taken for a snapshot.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { Chunks } from "../../contract/snapshot-parts";
import type { SnapshotAt, SnapshotStore } from "../../contract/snapshot-store";
import { fileNameOf } from "../file-name";
import { StoreError, type StoreErrorCode } from "../store-error";
import { SnapshotError } from "./snapshot-error";

const RECORD = "snapshot.json";
const NOTE = "check.json";
const PART = ".part";

export class FileSnapshots implements SnapshotStore {
  readonly where: string;
  readonly takesData = true;
  private readonly dir: string;

  /** @param where the URL as it was given. */
  constructor(dir: string, where: string) {
    this.dir = dir;
    this.where = where;
  }

  /** What is missing of the folder is made with the first snapshot; here it is seen whether that will do. */
  async check(): Promise<void> {
    for (let dir = this.dir; ; dir = path.dirname(dir)) {
      try {
        const stat = await fs.stat(dir);
        if (!stat.isDirectory()) {
          throw new StoreError(
            "STORE_UNFIT",
            `snapshots: ${dir} is a file, expected a folder. Name another one`,
          );
        }
        return await fs.access(dir, constants.W_OK | constants.X_OK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT" && path.dirname(dir) !== dir) continue;
        throw explained(error, `looking at ${dir}`);
      }
    }
  }

  async records(target: string): Promise<ReadonlyMap<string, string | undefined>> {
    const found = new Map<string, string | undefined>();
    for (const id of await this.ids(target)) {
      const text = await this.read({ target, id }, RECORD);
      if (text !== undefined) found.set(id, text);
    }
    return found;
  }

  async leftovers(target: string): Promise<readonly string[]> {
    const ids = await this.ids(target);
    const there = await this.records(target);
    return ids.filter((id) => !there.has(id));
  }

  async put(at: SnapshotAt, part: string, chunks: Chunks, signal?: AbortSignal): Promise<void> {
    const file = this.file(at, part + PART);
    try {
      await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      const handle = await fs.open(file, "w", 0o600);
      try {
        for await (const chunk of chunks) {
          signal?.throwIfAborted();
          await writeAll(handle, chunk);
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw explained(error, `writing ${file}`);
    }
  }

  async *get(at: SnapshotAt, part: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const file = this.file(at, part + PART);
    try {
      const handle = await fs.open(file, "r");
      try {
        for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1 << 18 })) {
          signal?.throwIfAborted();
          yield chunk as Buffer;
        }
      } finally {
        await handle.close();
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw missing(part, this.where);
      throw explained(error, `reading ${file}`);
    }
  }

  finish(at: SnapshotAt, record: string): Promise<void> {
    return this.write(at, RECORD, record);
  }

  note(at: SnapshotAt): Promise<string | undefined> {
    return this.read(at, NOTE);
  }

  setNote(at: SnapshotAt, text: string): Promise<void> {
    return this.write(at, NOTE, text);
  }

  async remove(at: SnapshotAt): Promise<void> {
    const dir = this.file(at, "");
    try {
      await fs.rm(path.join(dir, RECORD), { force: true });
      await fs.rm(dir, { recursive: true, force: true });
    } catch (error) {
      throw explained(error, `removing ${dir}`);
    }
  }

  private async ids(target: string): Promise<string[]> {
    const dir = path.join(this.dir, fileNameOf(target));
    try {
      const entries = await fs.readdir(dir, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory())
        .map(({ name }) => name)
        .sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw explained(error, `listing ${dir}`);
    }
  }

  private async read(at: SnapshotAt, name: string): Promise<string | undefined> {
    const file = this.file(at, name);
    try {
      return await fs.readFile(file, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw explained(error, `reading ${file}`);
    }
  }

  private async write(at: SnapshotAt, name: string, text: string): Promise<void> {
    const file = this.file(at, name);
    const temporary = `${file}.${randomUUID()}`;
    try {
      await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await fs.writeFile(temporary, text, { mode: 0o600, flush: true });
      await fs.rename(temporary, file);
    } catch (error) {
      await fs.rm(temporary, { force: true }).catch(() => undefined);
      throw explained(error, `writing ${file}`);
    }
  }

  private file({ target, id }: SnapshotAt, name: string): string {
    return path.join(this.dir, fileNameOf(target), fileNameOf(id), fileNameOf(name));
  }
}

/** A disk that fills up takes part of a chunk, without an error. */
async function writeAll(handle: fs.FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.length - at);
    at += bytesWritten;
  }
}

export const missing = (part: string, where: string): SnapshotError =>
  new SnapshotError("PART_MISSING", `${part} is not in ${where}`);

const MEANING: { readonly [code: string]: readonly [StoreErrorCode, string] } = {
  ENOSPC: ["STORE_FULL", "the disk is full. Make room, or keep fewer (upgrade.snapshot.keep)"],
  EDQUOT: ["STORE_FULL", "the quota is used up. Make room, or keep fewer (upgrade.snapshot.keep)"],
  EFBIG: ["STORE_FULL", "the file system takes no file as large. Keep snapshots elsewhere"],
  EACCES: ["STORE_UNAUTHORIZED", "this user may not. Grant it, or name another folder"],
  EPERM: ["STORE_UNAUTHORIZED", "this user may not. Grant it, or name another folder"],
  EROFS: ["STORE_UNAUTHORIZED", "the file system is read-only. Name another folder"],
  ENOTDIR: ["STORE_UNFIT", "a part of the path is a file. Name another folder"],
};

/** Errors of what is being written pass as they are: they are not the folder's. */
function explained(error: unknown, doing: string): unknown {
  const { code = "", syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || error instanceof StoreError) return error;
  const [kind, text] = MEANING[code] ?? (["STORE_UNREACHABLE", `${(error as Error).message}`] as const);
  return new StoreError(kind, `snapshots: ${doing}: ${text}`, { cause: error });
}
