/**
 * Why a snapshot could not be taken, read or put back.
 *
 * @module
 */
export type SnapshotErrorCode =
  /** What came, or what lies in the store, is not what it should be. */
  | "SNAPSHOT_DAMAGED"
  /** A part of it is not in the store. */
  | "PART_MISSING"
  /** No such snapshot, or no such part. */
  | "NO_SNAPSHOT"
  /** It can't be decrypted with the identities given. */
  | "NO_IDENTITY"
  /** It was not taken in the time that the policy gives it. */
  | "TIMEOUT";

export class SnapshotError extends Error {
  readonly code: SnapshotErrorCode;

  constructor(code: SnapshotErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SnapshotError";
    this.code = code;
  }
}
