import type { AlarmNotice } from "../alarms";

/** A receiver of alarms. */
export interface AlarmSink {
  /** As the policy names it, e.g. `webhook`. */
  readonly name: string;
  /** Active alarms are sent again after this many ms, since the receiver takes silence for their end. */
  readonly resendMs?: number;
  /**
   * @param staysUntil ms since 1970 until which active ones are to stay though nobody sends them again.
   * @throws Undelivered
   */
  send(notices: readonly AlarmNotice[], signal: AbortSignal, staysUntil?: number): Promise<void>;
}
