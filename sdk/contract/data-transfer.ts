/**
 * `DataTransfer`: what a data-storage component holds is given out for a snapshot, or taken back from one (ESC-14, ESC-24).
 * The network function prepares it and says where; the campaign fetches or sends it, and both compare checksums.
 *
 * @module
 */

export type TransferKind = "save" | "restore";

export interface DataTransferSpec {
  readonly cnf: string;
  readonly component: string;
  readonly kind: TransferKind;
  /**
   * SHA-256, in hex, of the bearer token that whoever fetches or sends has to show. The token itself is nowhere on the
   * cluster.
   */
  readonly tokenSha256: string;
  /** Restore: what is going to be sent. */
  readonly sha256?: string;
  readonly bytes?: number;
  readonly schema?: string;
  /** As in `SubscriberSplitSpec`. */
  readonly epoch: number;
}

export interface DataTransferStatus {
  readonly observedGeneration: number;
  /**
   * `ready`: the data can be fetched (`GET`) from `url`, or sent (`PUT`) there. `done`: a restore has reached all members that
   * are in step. A save stays `ready` until the object is deleted.
   */
  readonly phase: "preparing" | "ready" | "done" | "failed";
  readonly url?: string;
  /** Save: of what is given out. Restore: of what was taken over. */
  readonly sha256?: string;
  readonly bytes?: number;
  readonly records?: number;
  /** Version of the records' form. */
  readonly schema?: string;
  /** Why it failed. */
  readonly message?: string;
}

export interface DataTransfer {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly generation?: number };
  readonly spec: DataTransferSpec;
  readonly status?: DataTransferStatus;
}
