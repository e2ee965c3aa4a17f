/**
 * Where journals are kept: outside Pulumi's state and outside the target's own fate. Chosen by URL, as Pulumi's backends
 * are. An implementation needs compare-and-swap and a lease whose epoch never falls.
 *
 * @module
 */
export interface Document {
  readonly text: string;
  /** Changes with every write; handed back to `write` as `expected`. */
  readonly revision: string;
  /** Highest epoch under which it was written or sealed; undefined if nobody who wrote it held the lease. */
  readonly epoch?: number;
}

/** A lease that somebody holds. */
export interface HeldLease {
  readonly heldBy: string;
  /** ms since 1970 */
  readonly until: number;
}

/** Whoever holds the lease, or the epoch under which we hold it now. */
export type Acquired = { readonly epoch: number } | HeldLease;

export interface AcquireOptions {
  /** The epoch will be higher than this one too: the highest that the target has seen, should lease or journal be lost. */
  readonly above?: number;
  /** Takes it from this holder although it is not over; from nobody else, should it have changed hands meanwhile. */
  readonly from?: string;
}

export interface Store {
  /** Never creates anything. */
  read(key: string): Promise<Document | undefined>;
  /** Keys of the documents there are, in order. For people: never creates anything, and may lag behind a write. */
  list(): Promise<readonly string[]>;
  /** Who holds the lease at this moment, without touching it; undefined if nobody does. */
  holder(key: string): Promise<HeldLease | undefined>;
  /**
   * Writes only over the revision that was read (`undefined`: only if there is none), and under the epoch that this store
   * object acquired, if it did.
   *
   * @returns the new revision.
   * @throws an error named `StoreConflict` if someone else wrote in between, or took the lease since.
   */
  write(key: string, text: string, expected: string | undefined): Promise<string>;
  /**
   * Takes the lease if it is free, over, or ours. The epoch rises with every new holder and never falls. A document that is
   * there is sealed with a new epoch: whoever read it before can't write it any more.
   */
  acquire(key: string, holder: string, ttlMs: number, options?: AcquireOptions): Promise<Acquired>;
  /** @returns false if the lease is no longer ours. */
  renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean>;
  release(key: string, holder: string, epoch: number): Promise<void>;
}

export class StoreConflict extends Error {
  constructor(key: string, options?: ErrorOptions) {
    super(`the journal of ${key} was changed by someone else since it was read`, options);
    this.name = "StoreConflict";
  }
}
