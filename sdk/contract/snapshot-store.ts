/**
 * Where snapshots are kept. A store knows files of bytes in a folder for each snapshot; what they mean is the campaign's
 * affair. A snapshot is there once its record is: the record is written last, and at one stroke.
 *
 * @module
 */
import type { Chunks } from "./snapshot-parts";

/** A snapshot of a target. */
export interface SnapshotAt {
  /** e.g. `cnf/core/amf` */
  readonly target: string;
  /** Letters, digits and `-`; later ones sort after earlier ones. */
  readonly id: string;
}

export interface SnapshotStore {
  /** For people and the journal: a URL, or `kubernetes`. */
  readonly where: string;
  /** Whether records of data go here too, or only what is small. */
  readonly takesData: boolean;
  /** Looks whether it can be reached and, as far as that can be seen without writing, written. @throws as below */
  check(signal?: AbortSignal): Promise<void>;
  /** Records of the snapshots that there are, by id. Unreadable ones are `undefined`. */
  records(target: string): Promise<ReadonlyMap<string, string | undefined>>;
  /** Ids that have parts but no record: somebody was interrupted. */
  leftovers(target: string): Promise<readonly string[]>;
  /** Writes one part; large ones are never whole in memory. @throws an error whose `code` says why, e.g. `STORE_FULL` */
  put(at: SnapshotAt, part: string, chunks: Chunks, signal?: AbortSignal): Promise<void>;
  /** Reads one part. @throws an error with code `PART_MISSING` if it isn't there */
  get(at: SnapshotAt, part: string, signal?: AbortSignal): Chunks;
  /** Makes the snapshot one that is there. */
  finish(at: SnapshotAt, record: string): Promise<void>;
  /** What a later look found; undefined if there was none. */
  note(at: SnapshotAt): Promise<string | undefined>;
  setNote(at: SnapshotAt, text: string): Promise<void>;
  /** Takes the record away first, then the parts. Nothing there is no mistake. */
  remove(at: SnapshotAt): Promise<void>;
}
