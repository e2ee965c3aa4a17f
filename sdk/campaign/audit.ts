/**
 * What people did to the lease or the journal of a target, besides running campaigns: who, when, and why (ESC-20, ESC-21).
 *
 * @module
 */
import * as os from "node:os";

export interface AuditEntry {
  /** ISO 8601. */
  readonly at: string;
  readonly action: "unlock" | "journal-rebuild" | "snapshot-restore";
  readonly by: Person;
  /** As they gave it. */
  readonly reason: string;
  /** What it changed, for people. */
  readonly detail: string;
  /** Epoch under which it was done. */
  readonly epoch: number;
}

export interface Person {
  /** Of the operating system. */
  readonly user: string;
  readonly host: string;
  /** As the target itself knows them, where it tells, e.g. `issu-operator` of a cluster. */
  readonly identity?: string;
}

const KEPT = 50;

/** Whoever runs this process. */
export function thisPerson(identity?: string): Person {
  let user = "";
  try {
    user = os.userInfo().username;
  } catch {
    // A container without an entry for its number.
    user = `uid ${process.getuid?.() ?? "unknown"}`;
  }
  return { user, host: os.hostname(), ...(identity === undefined ? {} : { identity }) };
}

export const personText = ({ user, host, identity }: Person): string =>
  `${user}@${host}${identity === undefined ? "" : ` (${identity})`}`;

/** Adds an entry; of many the oldest go. */
export function noteInAudit(journal: { audit?: AuditEntry[] }, entry: AuditEntry): void {
  journal.audit = [...(journal.audit ?? []), entry].slice(-KEPT);
}
