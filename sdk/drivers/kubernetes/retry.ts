/**
 * Trying again, within limits, what failed for a moment only.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { TargetError } from "../../contract/target";
import { ApiError, isConflict, isTransient } from "./errors";

export interface Limits {
  readonly signal?: AbortSignal | undefined;
  /** Instant (ms since 1970) after which nothing is tried again. */
  readonly deadline: number;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 1_000;

/** @throws TargetError `ABORTED` */
export function checkAborted(signal: AbortSignal | undefined, doing: string): void {
  if (signal?.aborted)
    throw new TargetError("ABORTED", `stopped on request while ${doing}; the next run goes on from there`);
}

/**
 * Runs `attempt` until it succeeds or fails for good.
 *
 * @param doing for messages, e.g. `scaling deployment/amf`.
 * @param attempt reads anew what it builds on, so that it may be repeated after a conflict.
 * @throws TargetError `ABORTED`; else what `attempt` threw last.
 */
export async function retrying<T>(limits: Limits, doing: string, attempt: () => Promise<T>): Promise<T> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    checkAborted(limits.signal, doing);
    try {
      return await attempt();
    } catch (error) {
      checkAborted(limits.signal, doing);
      if (!isTransient(error) && !isConflict(error)) throw error;
      const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
      // Spread, so that those who were turned away together don't come back together.
      const wait = Math.max(asked, pause * (0.5 + Math.random() / 2));
      if (Date.now() + wait > limits.deadline) throw error;
      await delay(wait, undefined, limits.signal ? { signal: limits.signal } : {}).catch(() => undefined);
    }
  }
}
