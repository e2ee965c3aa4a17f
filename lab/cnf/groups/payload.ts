/**
 * All records of a data-storage component as they go into a snapshot: a line that says what they are, then the records.
 *
 * @module
 */
import { decodeRecord, RECORD_LENGTH, type RecordTable } from "./record.ts";

const FORM = "lab-records";
/** The first line is shorter than that. */
const LONGEST_LINE = 1_000;

export interface Payload {
  readonly schema: string;
  readonly records: number;
  /** Records one behind the other. */
  readonly bytes: Buffer;
}

export function writePayload(table: RecordTable, schema: string): Buffer {
  const bytes = table.bytes();
  const records = bytes.length / RECORD_LENGTH;
  return Buffer.concat([Buffer.from(`${JSON.stringify({ form: FORM, schema, records })}\n`), bytes]);
}

/** @throws {Error} that says what is wrong, if it is anything but what `writePayload` makes */
export function readPayload(payload: Buffer): Payload {
  const end = payload.subarray(0, LONGEST_LINE).indexOf("\n");
  let head: { form?: unknown; schema?: unknown; records?: unknown } = {};
  try {
    head = JSON.parse(payload.toString("utf8", 0, Math.max(0, end)));
  } catch {}
  const { form, schema, records } = head ?? {};
  if (form !== FORM || typeof schema !== "string" || typeof records !== "number") {
    throw new Error("these are no records of a data-storage component: the first line does not say so");
  }
  const bytes = payload.subarray(end + 1);
  if (bytes.length !== records * RECORD_LENGTH) {
    throw new Error(
      `${records} records take ${records * RECORD_LENGTH} bytes, and there are ${bytes.length}`,
    );
  }
  const keys = new Set<number>();
  for (let at = 0; at < bytes.length; at += RECORD_LENGTH) {
    const { key, deleted } = decodeRecord(bytes, at);
    if (deleted || keys.has(key)) throw new Error(`record ${at / RECORD_LENGTH} can't be read`);
    keys.add(key);
  }
  return { schema, records, bytes };
}
