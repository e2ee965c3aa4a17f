/**
 * What a policy says of snapshots (ESC-14).
 *
 * @module
 */
import type { Duration } from "./upgrade-policy";

/** Before each stage that changes traffic or capacity, or once, before the campaign's first change. */
export type SnapshotWhen = "each-step" | "once";

export interface SnapshotPolicy {
  /** @default "each-step" */
  readonly when?: SnapshotWhen;
  /**
   * Where snapshots are put: `kubernetes`, beside the target (versions, manifests and configuration only, up to 1 MiB each), or
   * a URL like `file:///var/lib/issu` or `s3://bucket/prefix?region=…`, written as for `journal`; these take the records of
   * data-storage components too.
   *
   * @default "kubernetes"
   */
  readonly store?: string;
  /** Public keys of age identities, `age1…`: whoever has one of the identities can read snapshots, and nobody else. */
  readonly recipients?: readonly string[];
  /** In place of `recipients`: snapshots lie in the store in clear. Has to be said for every store but `kubernetes`. */
  readonly encrypt?: "none";
  readonly keep?: SnapshotKeep;
  /**
   * Longest time for one snapshot, its reading back included.
   *
   * @default "5m"
   */
  readonly within?: Duration;
}

/** The last snapshot that is whole stays in any case, and so do those of a campaign that is open or held. */
export interface SnapshotKeep {
  /** The latest so many of a target. @default 10 */
  readonly count?: number;
  /** None that is older, e.g. `"720h"`. @default any age */
  readonly age?: Duration;
}

export interface ResolvedSnapshots {
  readonly when: SnapshotWhen;
  readonly store: string;
  /** Empty: in clear. */
  readonly recipients: readonly string[];
  readonly keep: { readonly count: number; readonly ageMs?: number };
  readonly withinMs: number;
}
