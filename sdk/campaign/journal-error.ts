/**
 * A journal that can't be gone by. Nothing is touched until a person has looked.
 *
 * @module
 */
export type JournalErrorCode =
  /** There is none, though the target is between two versions. */
  | "JOURNAL_LOST"
  /** The target was written under a later epoch than the journal. */
  | "JOURNAL_OLD"
  /** What is there can't be read. */
  | "JOURNAL_DAMAGED";

export class JournalError extends Error {
  readonly code: JournalErrorCode;

  constructor(code: JournalErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JournalError";
    this.code = code;
  }
}

/** How to go on, the same for all of them. */
export const rebuildHint = (target: string): string =>
  `Nothing was touched. Look at the target (issu status ${target}) and at what the last run said (issu log ${target}, on the machine where it ran); then begin a new journal from what the target shows: issu journal rebuild ${target} --reason "…". It does not know what was quarantined or why a campaign stopped.`;
