/**
 * Which snapshots are kept (ESC-14). Pure.
 *
 * @module
 */
import { isVerified, type Snapshot } from "./record";

export interface Keep {
  /** The latest so many. */
  readonly count: number;
  /** None older than this, in ms. */
  readonly ageMs?: number;
}

/**
 * @param named ids that a campaign names which is open or held: it may have to go back to them.
 * @param now ms since 1970
 * @returns ids to be removed. The last one that is whole is never among them, however old.
 */
export function expired(
  snapshots: readonly Snapshot[],
  { count, ageMs }: Keep,
  named: readonly string[],
  now: number,
): readonly string[] {
  const latest = [...snapshots].sort((a, b) => (a.takenAt < b.takenAt ? 1 : -1));
  const last = latest.find(isVerified);
  return latest
    .filter((one, i) => i >= count || (ageMs !== undefined && now - Date.parse(one.takenAt) > ageMs))
    .filter((one) => one !== last && !named.includes(one.id))
    .map(({ id }) => id);
}
