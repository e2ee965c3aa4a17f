/**
 * Forms of records: what a new major version changes, so that the other can't read them unless a migration converts them
 * (ESC-04, ESC-24).
 *
 * @module
 */
import { PAYLOAD_LENGTH, RECORD_LENGTH } from "./record.ts";

export interface Form {
  /** The contract's `schema`. */
  readonly name: string;
  /** Turns a record as it is on the wire into this form, or one of this form into that; in place. */
  turn(record: Buffer, offset: number): void;
}

/** As on the wire. */
export const plainForm = (name: string): Form => ({ name, turn: () => {} });

/** Every other form of a context's record has its payload the other way round. */
export const contextForm = (name: string): Form =>
  Number(name) % 2 === 0 ? { name, turn: reverse } : plainForm(name);

/** Takes a record of one form in as one of another. */
export type Conversion = (record: Buffer, offset: number) => void;

/**
 * @param migration as the group names it: `records-A-to-B` converts between the forms A and B, in either direction
 * @throws {Error} that says why records of that form can't be read
 */
export function conversion(from: string, to: Form, migration: string | undefined): Conversion | undefined {
  if (from === to.name) return undefined;
  if (migration === undefined) {
    throw new Error(`schema ${from} can't be read: this version reads and writes ${to.name}`);
  }
  const [, one, other] = migration.match(/^records-(.+)-to-(.+)$/) ?? [];
  if (!((one === from && other === to.name) || (one === to.name && other === from))) {
    throw new Error(`schema ${from} can't be read: migration ${migration} does not convert it to ${to.name}`);
  }
  const source = contextForm(from);
  return (record, offset) => {
    source.turn(record, offset);
    to.turn(record, offset);
  };
}

function reverse(record: Buffer, offset: number): void {
  record.subarray(offset + RECORD_LENGTH - PAYLOAD_LENGTH, offset + RECORD_LENGTH).reverse();
}
