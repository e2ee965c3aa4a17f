/**
 * Reads a part back and compares it with its record.
 *
 * @module
 */
import type { Chunks } from "../../contract/snapshot-parts";
import type { SnapshotStore } from "../../contract/snapshot-store";
import { decrypted } from "./age";
import { type Measure, Measured, measure } from "./measured";
import type { PartRecord, SnapshotRecord } from "./record";
import { SnapshotError } from "./snapshot-error";

/**
 * What lies in the store, against its checksum. Needs no identity.
 *
 * @throws SnapshotError `SNAPSHOT_DAMAGED`, `PART_MISSING`; as the store
 */
export async function compareStored(
  store: SnapshotStore,
  snapshot: Pick<SnapshotRecord, "target" | "id">,
  part: PartRecord,
  signal?: AbortSignal,
): Promise<void> {
  const expected = part.stored ?? part;
  agree(part.name, expected, await measure(store.get(snapshot, part.name, signal)));
}

/**
 * The content as the target gave it.
 *
 * @param identities needed if the snapshot is encrypted.
 * @throws SnapshotError `NO_IDENTITY`, `SNAPSHOT_DAMAGED`, once all was read; `PART_MISSING`; as the store
 */
export async function* contentOf(
  store: SnapshotStore,
  snapshot: SnapshotRecord,
  part: PartRecord,
  identities: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let chunks: Chunks = store.get(snapshot, part.name, signal);
  if (snapshot.recipients) {
    if (identities.length === 0) {
      throw new SnapshotError(
        "NO_IDENTITY",
        `${snapshot.id} is encrypted, and no identity was given. Give one with --identity FILE`,
      );
    }
    chunks = decrypted(chunks, identities);
  }
  const measured = new Measured();
  try {
    yield* measured.through(chunks);
  } catch (error) {
    if (error instanceof SnapshotError && !error.message.startsWith(part.name))
      throw new SnapshotError(error.code, `${part.name}: ${error.message}`, { cause: error });
    throw error;
  }
  agree(part.name, part, measured.end());
}

/** @throws SnapshotError `SNAPSHOT_DAMAGED` */
export function agree(name: string, expected: Partial<Measure>, got: Measure): void {
  if (expected.bytes !== undefined && expected.bytes !== got.bytes) {
    throw new SnapshotError(
      "SNAPSHOT_DAMAGED",
      `${name}: got ${got.bytes} bytes, expected ${expected.bytes}`,
    );
  }
  if (expected.sha256 !== undefined && expected.sha256 !== got.sha256) {
    throw new SnapshotError(
      "SNAPSHOT_DAMAGED",
      `${name}: got content with SHA-256 ${got.sha256.slice(0, 12)}…, expected ${expected.sha256.slice(0, 12)}…`,
    );
  }
}
