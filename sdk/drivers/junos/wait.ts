/**
 * Waits until the device shows something, by looking again.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ActionContext, TargetError } from "../../contract/target";
import { formatDuration } from "../../policy/duration";
import type { Chassis } from "./chassis-context";

const FIRST_PAUSE_MS = 100;

export interface Waiting<T> {
  /** For people, e.g. `RG-1 to be primary on node0`. */
  readonly what: string;
  /** Looks; undefined while it is not so. What it throws ends the wait. */
  readonly look: () => Promise<T | undefined>;
  /** What was seen last, for whoever has to find out why it never came. */
  readonly seen?: () => string;
}

/** @throws TargetError `TIMEOUT`, the signal's reason, what `look` throws. */
export async function waitFor<T>(chassis: Chassis, context: ActionContext, waiting: Waiting<T>): Promise<T> {
  const began = Date.now();
  for (let looks = 0; ; looks++) {
    context.signal.throwIfAborted();
    const got = await waiting.look();
    if (got !== undefined) return got;
    const left = context.deadline - Date.now();
    if (left <= 0) {
      const seen = waiting.seen?.();
      throw new TargetError(
        "TIMEOUT",
        `waited ${formatDuration(context.deadline - began)} for ${waiting.what}, in vain${seen ? `: ${seen}` : ""}`,
      );
    }
    // What takes long is not asked about all the time; what is done at once is seen at once.
    const pause = Math.min(left, chassis.pollMs, FIRST_PAUSE_MS * 2 ** looks);
    if (chassis.run && chassis.run.over === undefined) await chassis.run.news(pause, context.signal);
    else await delay(pause, undefined, { signal: context.signal }).catch(() => undefined);
  }
}
