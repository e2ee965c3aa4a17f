/**
 * The campaign's log on this machine, a line of JSON for each action (ESC-20).
 *
 * @module
 */
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { maskedJson } from "../contract/identity";
import { fileNameOf } from "./file-name";
import type { CampaignLog, LogEntry } from "./log";

/** A line of the file: the entry with when and on which target. */
export interface LogLine extends LogEntry {
  /** ISO 8601. */
  readonly time: string;
  /** e.g. `cnf/core/amf`. */
  readonly target: string;
}

/** Folder of the logs: `ISSU_LOG_DIR`, else the user's state folder. */
export function logDir(): string {
  const state = process.env.XDG_STATE_HOME ?? path.join(os.homedir(), ".local", "state");
  return process.env.ISSU_LOG_DIR ?? path.join(state, "pulumi-issu");
}

/** File with the log of a target, whether or not it exists. */
export function logFileOf(target: string): string {
  return path.join(logDir(), `${fileNameOf(target)}.jsonl`);
}

export class LogFile implements CampaignLog {
  private readonly file: string;
  private readonly target: string;

  constructor(target: string) {
    this.target = target;
    this.file = logFileOf(target);
    fs.mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
  }

  write(entry: LogEntry): void {
    const line: LogLine = { time: new Date().toISOString(), target: this.target, ...entry };
    // One short synchronous append an action: a log that is lost with the process is of no use after a crash.
    fs.appendFileSync(this.file, `${maskedJson(line)}\n`, { mode: 0o600 });
  }
}
