/**
 * Instances change over in batches while subscribers follow (GRY-05, GRY-06 c): one version grows, subscribers move to what
 * it can carry, the other shrinks. The same for the way there (the new version grows) and the way back (the old one does).
 *
 * What holds after every step, and while one runs:
 * - a component has at most `limit` instances in all;
 * - each side has the instances for the share that it carries, short of it by at most `slack` together;
 * - a side that carries anyone has an instance.
 *
 * Time is lost where a place that the budget gives stands empty: a batch of one takes as long as a batch of all. So what is less
 * than a batch is not done for its own sake at a goal on the way: what the next goal needs boots along where there is room, and
 * a few instances of the shrinking side stay for the next batch. Both only within `limit`, and not where the way ends or
 * a campaign rests for days.
 *
 * @module
 */
import { type Draft, percent } from "./cnf-draft";

/** One component on its way. */
export interface Lane {
  readonly component: string;
  /** Workload that is to carry more. */
  readonly grow: string;
  /** Workload that is to carry less; undefined if the component is new. */
  readonly shrink?: string;
  /** Instances that carry everybody. */
  readonly full: number;
  /** Instances with which the shrinking side carried everybody, if those were more. */
  readonly shrinkFull: number;
  /** Most instances of both together. */
  readonly limit: number;
  /** Instances by which capacity may lie below what the shares ask for while a batch is exchanged. */
  readonly slack: number;
  /** Most instances added at a time. */
  readonly batch: number;
}

export interface Direction {
  /** Share of the growing side, in percent, as a ratio of the split, and the reverse. */
  readonly ratioOf: (share: number) => number;
  /** What a move of subscribers is called in preview. */
  readonly summary: (from: number, to: number) => string;
  /** An instance of the shrinking side stays until whoever asked takes it away. */
  readonly keepLast: boolean;
  /** Designated subscribers follow the ratio again. */
  readonly unpins: boolean;
  /** The shrinking side is one to wait for when instances of it are missing: it serves well. Not on the way back. */
  readonly healShrinking: boolean;
  /** Share of the growing side, in percent, at which the way ends or rests: the goal at hand, or a later one. */
  readonly endsAt: number;
}

export const forward = (version: string, endsAt: number): Direction => ({
  ratioOf: (share) => share,
  summary: (from, to) => `move subscribers to ${version}: ${percent(from)} → ${percent(to)}`,
  keepLast: false,
  unpins: false,
  healShrinking: true,
  endsAt,
});

export const backward = (version: string): Direction => ({
  ratioOf: (share) => 100 - share,
  summary: (from, to) => `move subscribers back to ${version}: ${percent(100 - from)} → ${percent(100 - to)}`,
  keepLast: true,
  unpins: true,
  healShrinking: false,
  endsAt: 100,
});

/** A hundredth of an instance is not worth another one: ratios are rounded. */
const EPSILON = 0.01;

/** Far more than any way has; a planner that went round in circles would hang preview without a word. */
const MOST_ROUNDS = 20_000;

/** Instances that carry a share of the subscribers, at least one if it carries anyone. */
export const needed = (full: number, share: number): number =>
  share <= 0 ? 0 : Math.max(1, Math.ceil((full * share) / 100 - EPSILON));

/** Instances of the growing side at the goal; one place stays for the other side while it carries anyone. */
function goalOf(lane: Lane, goal: number): number {
  const wanted = needed(lane.full, goal);
  return goal >= 100 || lane.shrink === undefined ? wanted : Math.max(1, Math.min(wanted, lane.limit - 1));
}

/** Rounded down so that a ratio is never more than the instances carry. */
const shareOf = (instances: number, full: number): number =>
  Math.min(100, Math.floor((instances / full) * 100_000) / 1000);

/**
 * Drafts the steps until the growing side carries `goal` percent with the instances for it.
 *
 * @param draft at rest or anywhere on the way; the steps are added to it.
 */
export function advance(draft: Draft, given: readonly Lane[], goal: number, direction: Direction): void {
  let lanes = given;
  heal(draft, lanes, direction);
  for (let round = 0; ; round++) {
    if (round > MOST_ROUNDS)
      throw new Error(`no way to ${goal} % was found for ${JSON.stringify(given)}; this is a bug`);
    const before = draft.steps.length;
    const share = () => direction.ratioOf(draft.split.ratio);
    for (const lane of lanes) grow(draft, lane, goal, direction);
    const carried = Math.min(goal, ...lanes.map((lane) => reach(draft, lane, goal)));
    if (carried > share()) {
      const pinned = direction.unpins ? { pinned: [] } : {};
      draft.move({ ratio: direction.ratioOf(carried), ...pinned }, direction.summary(share(), carried));
    }
    for (const lane of lanes) shrink(draft, lane, goal, share(), direction);
    if (draft.steps.length > before) continue;
    if (share() >= goal && lanes.every((lane) => draft.count(lane.grow).asked >= goalOf(lane, goal))) return;
    // Nothing fits the budget (one instance and no surge, or others took the room): one more leads on, staying does not.
    lanes = lanes.map((lane) => ({ ...lane, limit: lane.limit + 1 }));
  }
}

/** What a killed run or a fault left short is brought back first, before anybody is moved. */
function heal(draft: Draft, lanes: readonly Lane[], direction: Direction): void {
  if (!direction.healShrinking) return;
  const share = 100 - direction.ratioOf(draft.split.ratio);
  for (const lane of lanes) {
    if (lane.shrink === undefined) continue;
    const count = draft.count(lane.shrink);
    const least = needed(lane.shrinkFull, share) - lane.slack;
    if (count.serving < count.asked && count.serving < least) draft.scale(lane.shrink, count.asked, true);
  }
}

function grow(draft: Draft, lane: Lane, goal: number, { endsAt }: Direction): void {
  const count = draft.count(lane.grow);
  const others = lane.shrink === undefined ? 0 : draft.count(lane.shrink).asked;
  const room = Math.max(0, Math.min(lane.limit - count.asked - others, lane.batch));
  // A batch that there is anyway is not cut short at the goal.
  const most = count.asked < goalOf(lane, goal) ? goalOf(lane, endsAt) : count.asked;
  const to = Math.max(count.asked, Math.min(most, count.asked + room));
  if (to > count.asked || (count.serving < to && count.serving < goalOf(lane, goal)))
    draft.scale(lane.grow, to, true);
}

/** Share that the growing side can carry now. */
function reach(draft: Draft, lane: Lane, goal: number): number {
  const { asked, serving } = draft.count(lane.grow);
  if (serving === 0) return 0;
  // Enough for the goal within a hundredth of an instance is enough.
  if (serving >= goalOf(lane, goal)) return goal;
  const others = lane.shrink === undefined ? 0 : draft.count(lane.shrink).asked;
  const grown = asked >= goalOf(lane, goal);
  // The larger side bears being short of an instance better than the smaller one.
  const short = !grown && serving >= others ? lane.slack : 0;
  return shareOf(serving + short, lane.full);
}

function shrink(draft: Draft, lane: Lane, goal: number, share: number, direction: Direction): void {
  if (lane.shrink === undefined) return;
  const growing = draft.count(lane.grow);
  const count = draft.count(lane.shrink);
  const goalGrow = goalOf(lane, goal);
  const last = share < 100 || direction.keepLast ? 1 : 0;
  if (share >= 100 && direction.keepLast && growing.asked >= goalGrow) return;
  const goalShrink =
    goal >= 100 ? 0 : Math.max(1, Math.min(needed(lane.shrinkFull, 100 - goal), lane.limit - goalGrow));
  // Exact, not in whole instances: both sides may be short of a fraction each.
  const borrowed = Math.max(0, (lane.full * share) / 100 - growing.serving);
  const short = growing.asked < goalGrow ? Math.max(0, lane.slack - borrowed) : 0;
  const carrying = Math.ceil((lane.shrinkFull * (100 - share)) / 100 - short - EPSILON);
  const least = Math.max(last, goalShrink, carrying);
  if (least >= count.asked || waits(lane, count.asked - least)) return;
  draft.scale(lane.shrink, least, true);

  /** Less than a batch waits for the next goal's first one, unless that one needs its room. */
  function waits({ limit, batch }: Lane, surplus: number): boolean {
    const reached = share >= goal && growing.asked >= goalGrow;
    if (!reached || goal >= direction.endsAt || surplus >= batch) return false;
    const free = limit - growing.asked - count.asked;
    const next = Math.min(batch, goalOf(lane, direction.endsAt) - growing.asked);
    return free === 0 || free >= next;
  }
}
