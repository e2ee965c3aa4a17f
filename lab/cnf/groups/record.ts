/**
 * What members of a group hold in common: small records of one length, each under a number, the last write of which wins
 * by its version. They lie in one buffer, for there may be a hundred thousand in each member.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Key (4 bytes), flags (1), 3 spare, version (8, a double), payload (8). */
export const RECORD_LENGTH = 24;
export const PAYLOAD_LENGTH = 8;
const at = { key: 0, flags: 4, version: 8, payload: 16 } as const;
const DELETED = 1;

export interface StoredRecord {
  readonly key: number;
  /** Higher wins. */
  readonly version: number;
  /** What is left of a record that was deleted, so that no older write brings it back. */
  readonly deleted: boolean;
  /** `PAYLOAD_LENGTH` bytes. */
  readonly payload: Buffer;
}

const NOTHING = Buffer.alloc(PAYLOAD_LENGTH);

export function encodeRecord(key: number, version: number, payload: Buffer | undefined): Buffer {
  const record = Buffer.alloc(RECORD_LENGTH);
  record.writeUInt32LE(key, at.key);
  record[at.flags] = payload ? 0 : DELETED;
  record.writeDoubleLE(version, at.version);
  (payload ?? NOTHING).copy(record, at.payload);
  return record;
}

export function decodeRecord(from: Buffer, offset: number): StoredRecord {
  return {
    key: from.readUInt32LE(offset + at.key),
    version: from.readDoubleLE(offset + at.version),
    deleted: ((from[offset + at.flags] ?? 0) & DELETED) !== 0,
    payload: from.subarray(offset + at.payload, offset + RECORD_LENGTH),
  };
}

let last = 0;

/** Version of a write made now: microseconds since 1970, and always more than the one before. */
export function nextVersion(): number {
  last = Math.max(last + 1, Date.now() * 1_000);
  return last;
}

export class RecordTable {
  readonly #slots = new Map<number, number>();
  #bytes = Buffer.alloc(256 * RECORD_LENGTH);
  readonly #free: number[] = [];
  #next = 0;
  #deleted = 0;
  /** Those deleted, in the order in which that was heard. */
  #graves: { readonly key: number; readonly version: number }[] = [];

  /** Records, those deleted left out. */
  get size(): number {
    return this.#slots.size - this.#deleted;
  }

  /**
   * Takes over a record, unless a later one is here.
   *
   * @param from holds `RECORD_LENGTH` bytes at the offset
   */
  apply(from: Buffer, offset: number): void {
    const key = from.readUInt32LE(offset + at.key);
    const version = from.readDoubleLE(offset + at.version);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = this.#free.pop() ?? this.#next++;
      if (slot * RECORD_LENGTH >= this.#bytes.length)
        this.#bytes = Buffer.concat([this.#bytes], 2 * this.#bytes.length);
      this.#slots.set(key, slot);
    } else {
      const here = slot * RECORD_LENGTH;
      if (this.#bytes.readDoubleLE(here + at.version) >= version) return;
      if ((this.#bytes[here + at.flags] ?? 0) & DELETED) this.#deleted--;
    }
    from.copy(this.#bytes, slot * RECORD_LENGTH, offset, offset + RECORD_LENGTH);
    if (((from[offset + at.flags] ?? 0) & DELETED) === 0) return;
    this.#deleted++;
    this.#graves.push({ key, version });
  }

  /**
   * Writes a record as it is here.
   *
   * @returns false if there is none
   */
  copy(key: number, into: Buffer, offset: number): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    this.#bytes.copy(into, offset, slot * RECORD_LENGTH, (slot + 1) * RECORD_LENGTH);
    return true;
  }

  get(key: number): StoredRecord | undefined {
    const record = Buffer.alloc(RECORD_LENGTH);
    return this.copy(key, record, 0) ? decodeRecord(record, 0) : undefined;
  }

  /** All keys, those deleted included, and those that come while it goes on. */
  keys(): IterableIterator<number> {
    return this.#slots.keys();
  }

  /** Forgets for good what was deleted by a version before that one. */
  sweep(before: number): void {
    let done = 0;
    for (const { key, version } of this.#graves) {
      if (version >= before) break;
      done++;
      const slot = this.#slots.get(key);
      if (slot === undefined) continue;
      const here = slot * RECORD_LENGTH;
      if (this.#bytes.readDoubleLE(here + at.version) !== version) continue;
      if (((this.#bytes[here + at.flags] ?? 0) & DELETED) === 0) continue;
      this.#slots.delete(key);
      this.#free.push(slot);
      this.#deleted--;
    }
    if (done > 0) this.#graves = this.#graves.slice(done);
  }

  /** Records one behind the other, those deleted left out. */
  bytes(): Buffer {
    const all = Buffer.allocUnsafe(this.size * RECORD_LENGTH);
    let end = 0;
    for (const slot of this.#slots.values()) {
      const here = slot * RECORD_LENGTH;
      if ((this.#bytes[here + at.flags] ?? 0) & DELETED) continue;
      end += this.#bytes.copy(all, end, here, here + RECORD_LENGTH);
    }
    return all;
  }

  /** SHA-256 over the records in the order of their keys: equal where the contents are. */
  digest(): string {
    const hash = createHash("sha256");
    const all = this.bytes();
    const offsets = Array.from({ length: this.size }, (_, i) => i * RECORD_LENGTH);
    offsets.sort((a, b) => all.readUInt32LE(a) - all.readUInt32LE(b));
    for (const offset of offsets) hash.update(all.subarray(offset, offset + RECORD_LENGTH));
    return hash.digest("hex");
  }
}
