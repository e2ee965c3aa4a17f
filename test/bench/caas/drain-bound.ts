/**
 * The least time in which anybody could drain nodes: pods that end, and budgets that let so many go before others have come up in
 * their place. Worked out from what the benchmark sets, never from what a drain did.
 *
 * @module
 */

/** Pods on the nodes that one disruption budget counts. */
export interface Counted {
  readonly pods: number;
  /** Disruptions that the budget allows when all of its pods are healthy; undefined: nothing counts these pods. */
  readonly atOnce?: number;
}

export interface DrainWork {
  readonly groups: readonly Counted[];
  /** Evictions under way at any time, of all budgets together. */
  readonly parallel: number;
  /** From its eviction until a pod is gone, at least, ms. */
  readonly endMs: number;
  /** From being placed until the pod that comes in its place is ready, ms. */
  readonly bootMs: number;
}

/**
 * A budget lets its first pods go at once, and each further one only when one of their successors is ready, so its pods go in
 * rounds that are `bootMs` apart; the last round is over when its pods are gone. And each pod takes up one of `parallel` places until
 * it is gone. Nothing else is counted: no request takes time, a successor is made and placed the moment its predecessor is told to
 * end, and every budget is used the moment that it allows.
 *
 * @returns ms.
 * @throws Error if a budget would never let its pods go, or nothing may be evicted at all.
 */
export function drainBound({ groups, parallel, endMs, bootMs }: DrainWork): number {
  if (parallel < 1) throw new Error(`parallel: got ${parallel}, expected 1 or more`);
  const all = groups.reduce((sum, { pods }) => sum + pods, 0);
  if (all === 0) return 0;
  const byBudget = groups.map(({ pods, atOnce }) => {
    if (pods === 0) return 0;
    if (atOnce === undefined) return endMs;
    if (atOnce < 1) throw new Error("a budget that allows no disruption never lets its pods go");
    return (Math.ceil(pods / atOnce) - 1) * bootMs + endMs;
  });
  return Math.max(...byBudget, Math.ceil(all / parallel) * endMs);
}
