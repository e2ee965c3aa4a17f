/**
 * What a snapshot is made of, between a target and the campaign: the target gives parts out and takes them back, the campaign
 * stores them, reads them back and compares (ESC-14, ESC-18, ESC-24).
 *
 * @module
 */

/**
 * `versions`: what ran, for people and comparisons, never put back. `configuration`: put back where it is asked for. `data`:
 * what a restore is mostly for.
 */
export type PartKind = "versions" | "configuration" | "data";

export interface PartFacts {
  /** Unique in its snapshot: letters, digits, `.`, `-`, `_`, and `/` between them, e.g. `data/csdb`. */
  readonly name: string;
  readonly kind: PartKind;
  /** e.g. `application/json` */
  readonly mediaType: string;
  /** What the target needs to put it back, and what tells people what it is, e.g. `{ component: "csdb", records: 1200 }`. */
  readonly about?: { readonly [name: string]: string | number };
}

/** Read to its end, or given up. */
export type Chunks = AsyncIterable<Uint8Array>;

/** A part as a target gives it out. */
export interface CapturedPart extends PartFacts {
  /** To be called once. */
  open(): Chunks;
  /** What the target says that it is going to give: compared with what comes. */
  readonly claimed?: { readonly sha256?: string; readonly bytes?: number };
}

/** A part as it comes back from a snapshot, whole and compared already. */
export interface SavedPart extends PartFacts {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  /** May be called more than once. */
  open(): Chunks;
}
