/**
 * The campaign's log: one JSON object a line, with time stamp, object id, action name and error code (ESC-20), campaign and
 * stage.
 *
 * @module
 */
import type { Severity } from "./alarm-catalogue";

export interface LogEntry {
  readonly campaign: string;
  readonly stage: string;
  /** e.g. `scale`, `stage-begin`, `gate`, `rollback-begin`. */
  readonly action: string;
  /** What it was done to. */
  readonly object: string;
  /** `OK`, or the code of what went wrong. */
  readonly code: string;
  readonly message: string;
  readonly epoch?: number;
  readonly durationMs?: number;
  /** Of an alarm. */
  readonly severity?: Severity;
}

export interface CampaignLog {
  write(entry: LogEntry): void;
}
