/**
 * The least time in which anybody could do what a campaign is asked to do: instances that boot and end within the places
 * that the policy gives, subscribers that move, soaks. Worked out from the policy and from what the lab sets, never from
 * what the campaign did.
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
  /** Time from telling an instance to end until its place is free, ms. */
  readonly endMs: number;
  /** Subscribers to be moved, each once. */
  readonly subscribers: number;
  /** What the load balancer moves in a second. */
  readonly movesPerSecond: number;
  /** Soak of each stage that has one, ms. */
  readonly soaksMs: readonly number[];
}

export interface LowerBound {
  /** Instances booting and ending. */
  readonly exchangeMs: number;
  readonly movesMs: number;
  readonly soaksMs: number;
  readonly totalMs: number;
}

/**
 * An instance that boots does not serve yet, and one that ends does not serve any more but holds its place (TEF-4: no extra
 * hardware). At most `surge` are there above the declared number and at most `maxUnavailable` serve below it, so no more
 * than both together are on their way in or out at any time. Each instance is on its way in once and out once. Subscribers
 * move and soaks pass while none is. Nothing else is counted: no request takes time, nothing is saved, nobody looks, and
 * every place is always in use.
 *
 * @throws Error if nothing could ever be exchanged.
 */
export function lowerBound(work: Work): LowerBound {
  const places = work.surge + work.maxUnavailable;
  if (places < 1) throw new Error("surge and maxUnavailable are both 0: no instance could ever be exchanged");
  const exchangeMs = (work.instances * (work.bootMs + work.endMs)) / places;
  const movesMs = (1000 * work.subscribers) / work.movesPerSecond;
  const soaksMs = work.soaksMs.reduce((sum, one) => sum + one, 0);
  return { exchangeMs, movesMs, soaksMs, totalMs: exchangeMs + movesMs + soaksMs };
}
