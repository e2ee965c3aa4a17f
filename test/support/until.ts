import { setTimeout as delay } from "node:timers/promises";

/** First and longest pause between two looks, ms: what takes long need not be seen at once, and looking costs. */
const PAUSE_MS = { first: 20, longest: 100 };

/**
 * Waits for a condition.
 *
 * @throws {Error} that names the condition, if it does not hold in time
 */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 20_000,
): Promise<void> {
  const began = performance.now();
  const deadline = began + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await delay(Math.min(PAUSE_MS.longest, PAUSE_MS.first + (performance.now() - began) / 20));
  }
}
