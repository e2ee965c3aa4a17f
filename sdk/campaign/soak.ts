/**
 * The wait of a stage after its last step.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { StagePlan } from "../plan/plan";
import type { GateWatch } from "./gate-watch";

const LOOK_EVERY_MS = 200;

/**
 * Watches the gates for the soak, and on until each can judge; fails closed at the limit.
 *
 * @param paused waits while the campaign is paused, and tells for how many milliseconds.
 * @param holding told while a gate that lacks data holds the stage after its soak.
 * @throws Error with code `GATE_NO_DATA`, `GATE_TOO_FEW` or `GATE_ZERO_BASELINE` at the limit; the signal's reason.
 */
export async function soak(
  { soakMs, gates, gateLimitMs }: StagePlan,
  watch: GateWatch,
  signal: AbortSignal,
  tick: (line: string) => void,
  paused: () => Promise<number>,
  holding: (what: string) => void,
): Promise<void> {
  const startedAt = Date.now();
  let pausedMs = 0;
  for (;;) {
    // A pause makes the soak no shorter; the gates are watched on.
    pausedMs += await paused();
    signal.throwIfAborted();
    const elapsed = Date.now() - startedAt - pausedMs;
    if (elapsed >= soakMs) watch.conclude();
    const { undecided } = watch;
    if (elapsed >= soakMs && undecided.length === 0) return;
    if (elapsed >= soakMs + (gates.length > 0 ? gateLimitMs : 0)) {
      const code = undecided[0]?.outcome.toUpperCase().replace("-", "_") ?? "NO_DATA";
      const why = undecided.map((verdict) => verdict.message).join("; ");
      throw Object.assign(new Error(`gate held the stage until its limit and fails closed: ${why}`), {
        code: `GATE_${code}`,
      });
    }
    const leftMs = Math.max(0, soakMs - elapsed);
    const left = Math.ceil(leftMs / 1000);
    const state = watch.verdicts.map((verdict) => verdict.message).join("; ");
    if (elapsed >= soakMs) holding(`waiting for data: ${state}`);
    tick(
      elapsed < soakMs ? `soak, ${left} s left${state ? `; ${state}` : ""}` : `waiting for data: ${state}`,
    );
    const pauseMs = leftMs > 0 ? Math.min(LOOK_EVERY_MS, leftMs) : LOOK_EVERY_MS;
    await delay(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}
