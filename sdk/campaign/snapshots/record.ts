/**
 * What a snapshot is: its record, written last and as JSON, in clear. It holds names, sizes and checksums, no content.
 *
 * @module
 */
import type { PartFacts } from "../../contract/snapshot-parts";
import type { ReleaseRef } from "../../plan/plan";

export const SNAPSHOT_VERSION = 1;

export interface PartRecord extends PartFacts {
  /** Of the content as the target gave it. */
  readonly bytes: number;
  /** In hex, of the content as the target gave it. */
  readonly sha256: string;
  /** Of what lies in the store, where that is something else: the content encrypted. */
  readonly stored?: { readonly bytes: number; readonly sha256: string };
}

export interface SnapshotRecord {
  readonly schemaVersion: number;
  readonly id: string;
  readonly target: string;
  /** Campaign and stage before whose steps it was taken. */
  readonly campaign: string;
  readonly stage: string;
  /** When it was complete, read back and compared; ISO 8601. */
  readonly takenAt: string;
  /** Where the campaign comes from, and where it goes to. */
  readonly releases: { readonly from?: ReleaseRef; readonly to: ReleaseRef };
  /** To whom it is encrypted: public keys; absent if it lies there in clear. */
  readonly recipients?: readonly string[];
  readonly parts: readonly PartRecord[];
}

/** What a later look at a snapshot found. */
export interface CheckNote {
  /** ISO 8601 */
  readonly at: string;
  /** By part; empty if all is as it was written. */
  readonly damage: { readonly [part: string]: string };
}

export interface Snapshot extends SnapshotRecord {
  readonly lastCheck?: CheckNote;
}

/** Whole when it was last looked at. */
export const isVerified = ({ lastCheck }: Pick<Snapshot, "lastCheck">): boolean =>
  lastCheck === undefined || Object.keys(lastCheck.damage).length === 0;

/** What lies in the store takes so many bytes. */
export const bytesOf = ({ parts }: SnapshotRecord): number =>
  parts.reduce((sum, { bytes, stored }) => sum + (stored?.bytes ?? bytes), 0);

/**
 * Ids sort by time. None has as many digits in a row as a subscriber's identity, which would be masked wherever it is shown.
 *
 * @param now ms since 1970
 */
export function newId(campaign: string, stage: string, now: number): string {
  const [date = "", time = ""] = new Date(now).toISOString().split("T");
  const clock = time.slice(0, 8).replaceAll(":", "");
  const place = `c${campaign}-${stage}`.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return `${date.replaceAll("-", "")}-${clock}-${time.slice(9, 12)}-${place}`.slice(0, 60).replace(/-+$/, "");
}

/** @returns undefined for what is no record of this snapshot, or one of a later version. */
export function parseRecord(
  text: string | undefined,
  target: string,
  id: string,
): SnapshotRecord | undefined {
  if (text === undefined) return undefined;
  try {
    const record = JSON.parse(text) as Partial<SnapshotRecord> | null;
    const ours =
      record?.schemaVersion === SNAPSHOT_VERSION &&
      record.target === target &&
      record.id === id &&
      typeof record.takenAt === "string" &&
      Array.isArray(record.parts) &&
      record.parts.every((one) => typeof one?.name === "string" && typeof one.sha256 === "string");
    return ours ? (record as SnapshotRecord) : undefined;
  } catch {
    return undefined;
  }
}

export function parseNote(text: string | undefined): CheckNote | undefined {
  if (text === undefined) return undefined;
  try {
    const note = JSON.parse(text) as Partial<CheckNote> | null;
    return typeof note?.at === "string" && typeof note.damage === "object" ? (note as CheckNote) : undefined;
  } catch {
    return undefined;
  }
}
