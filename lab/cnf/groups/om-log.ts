/**
 * The log of an O&M unit: every entry carries a check over all before it, so that two members that hold the same newest
 * entry have the same history. The oldest entries make room for new ones.
 *
 * @module
 */
import { encodeRecord, PAYLOAD_LENGTH, type RecordTable } from "./record.ts";

const ENTRIES = 4_096;

export class OmLog {
  readonly #table: RecordTable;
  /** Entries ever written. */
  count = 0;
  check = 0;

  /** Goes on where the table ends. */
  constructor(table: RecordTable) {
    this.#table = table;
    for (const key of table.keys()) {
      const entry = table.get(key);
      if (!entry || entry.version <= this.count) continue;
      this.count = entry.version;
      this.check = entry.payload.readUInt32LE(4);
    }
  }

  /** @returns the entry, for others to have it too */
  append(event: number): { readonly key: number; readonly bytes: Buffer } {
    this.count++;
    this.check = Math.imul(this.check ^ event, 0x01000193) >>> 0;
    const payload = Buffer.alloc(PAYLOAD_LENGTH);
    payload.writeUInt32LE(event, 0);
    payload.writeUInt32LE(this.check, 4);
    const key = this.count % ENTRIES;
    const bytes = encodeRecord(key, this.count, payload);
    this.#table.apply(bytes, 0);
    return { key, bytes };
  }
}
