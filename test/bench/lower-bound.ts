/**
 * The least time in which anybody could do what a campaign is asked to do: the critical path of boots, moves and soaks.
 * Worked out from the policy and from what the lab sets, never from what the campaign did.
 *
 * @module
 */

export interface Work {
  /** Instances to be exchanged. */
  readonly instances: number;
  /** Instances above the declared number. */
  readonly surge: number;
  /** Instances below it. */
  readonly maxUnavailable: number;
  /** Time from asking for an instance until it serves, ms. */
  readonly bootMs: number;
  /** Subscribers to be moved, each once. */
  readonly subscribers: number;
  /** What the load balancer moves in a second. */
  readonly movesPerSecond: number;
  /** Soak of each stage that has one, ms. */
  readonly soaksMs: readonly number[];
}

export interface LowerBound {
  /** Batches that boot one after the other. */
  readonly batches: number;
  readonly bootsMs: number;
  readonly movesMs: number;
  readonly soaksMs: number;
  readonly totalMs: number;
}

/**
 * While one batch boots, no more than `surge` instances are above the declared number and no more than `maxUnavailable`
 * below it, so a batch has at most both together. The next can't boot before subscribers have left the instances that it
 * replaces, so boots and moves follow each other. Nothing else is counted: no request takes time, nothing is saved,
 * nobody looks.
 *
 * @throws Error if nothing could ever be exchanged.
 */
export function lowerBound(work: Work): LowerBound {
  const batch = work.surge + work.maxUnavailable;
  if (batch < 1) throw new Error("surge and maxUnavailable are both 0: no instance could ever be exchanged");
  const batches = Math.ceil(work.instances / batch);
  const bootsMs = batches * work.bootMs;
  const movesMs = (1000 * work.subscribers) / work.movesPerSecond;
  const soaksMs = work.soaksMs.reduce((sum, one) => sum + one, 0);
  return { batches, bootsMs, movesMs, soaksMs, totalMs: bootsMs + movesMs + soaksMs };
}
