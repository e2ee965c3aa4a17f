import { setTimeout as delay } from "node:timers/promises";

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
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs} ms in vain: ${what}`);
    await delay(20);
  }
}
