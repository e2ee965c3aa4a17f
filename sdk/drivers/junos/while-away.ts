/**
 * Nodes that are away for a while: what was to be done is done once they are back, within the step's time.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { type ActionContext, TargetError } from "../../contract/target";

const AWAY = ["UNREACHABLE", "SESSION_LOST"];

/**
 * Does it again as long as no node can be reached for it. It has to look before it acts.
 *
 * @throws what `work` throws otherwise, or when the deadline is over.
 */
export async function whileAway<T>(
  { signal, deadline, progress }: ActionContext,
  pauseMs: number,
  work: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isAway = error instanceof TargetError && AWAY.includes(error.code);
      if (!isAway || signal.aborted || Date.now() + pauseMs >= deadline) throw error;
      progress(`${error.message}; tried again`);
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
