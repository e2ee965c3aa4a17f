/**
 * Looks at a snapshot again: what lies in the store against its checksums, and with an identity the content too (ESC-14).
 *
 * @module
 */
import type { SnapshotStore } from "../../contract/snapshot-store";
import { measure } from "./measured";
import { compareStored, contentOf } from "./read-part";
import type { CheckNote, SnapshotRecord } from "./record";
import type { SnapshotError } from "./snapshot-error";

export interface Verified {
  readonly note: CheckNote;
  /** Whether the content was decrypted and compared, rather than what lies there encrypted. */
  readonly content: boolean;
}

/**
 * Reads all of it and notes what it found beside it: a damaged one is no reason to remove others.
 *
 * @param identities none: what is encrypted is compared as it lies there.
 * @throws SnapshotError `NO_IDENTITY` if it is encrypted to others; as the store if that can't be read at all
 */
export async function verify(
  store: SnapshotStore,
  snapshot: SnapshotRecord,
  identities: readonly string[],
  looked: (part: string, damage: string | undefined) => void = () => undefined,
): Promise<Verified> {
  const damage: { [part: string]: string } = {};
  const decrypts = snapshot.recipients === undefined || identities.length > 0;
  for (const part of snapshot.parts) {
    try {
      await compareStored(store, snapshot, part);
      if (snapshot.recipients && decrypts) await measure(contentOf(store, snapshot, part, identities));
      looked(part.name, undefined);
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage[part.name] = error.message;
      looked(part.name, error.message);
    }
  }
  const note: CheckNote = { at: new Date().toISOString(), damage };
  await store.setNote(snapshot, JSON.stringify(note));
  return { note, content: decrypts };
}

/** The snapshot's own fault, and not that of the line, the rights or the identity. */
export const isDamage = (error: unknown): error is Error =>
  error instanceof Error &&
  ["SNAPSHOT_DAMAGED", "PART_MISSING"].includes(String((error as Partial<SnapshotError>).code));
