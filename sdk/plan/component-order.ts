/**
 * Which components of a network function can change in the same campaign, and in which order where not all can: while they
 * change, old and new of each serve side by side (GRY-02). Pure.
 *
 * @module
 */

import type { Ranges } from "../policy/cnf-spec";
import { accepts } from "../policy/compatibility";

/** One version of one component, with what it says of the others. */
export interface Member {
  readonly component: string;
  readonly version: string;
  /** Other components → versions that it works with. */
  readonly requires: Ranges;
}

/** A component before and after; the same member where it is kept. */
export interface Change {
  /** Undefined if it comes. */
  readonly old?: Member;
  /** Undefined if it goes. */
  readonly new?: Member;
}

/** `member` does not work with `other`, and both would serve at once. */
export interface Clash {
  readonly member: Member;
  readonly other: Member;
}

/** @returns every pair in which one does not accept the other. */
export function clashesAmong(members: readonly Member[]): Clash[] {
  return members.flatMap((member) =>
    members.flatMap((other): Clash[] => {
      const range = member.component === other.component ? undefined : member.requires[other.component];
      return range === undefined || accepts(range, other.version) ? [] : [{ member, other }];
    }),
  );
}

const present = (members: readonly (Member | undefined)[]): Member[] => [
  ...new Set(members.filter((one) => one !== undefined)),
];

/** @returns the clashes that there would be if all changed at once, and are not there already. */
export function newClashes(changes: readonly Change[]): Clash[] {
  const known = knownIn(changes);
  const clashes = clashesAmong(present(changes.flatMap((one) => [one.old, one.new])));
  return clashes.filter((clash) => !known.has(key(clash)));
}

const knownIn = (changes: readonly Change[]): ReadonlySet<string> =>
  new Set(clashesAmong(present(changes.map((one) => one.old))).map(key));

/** Beyond this many changed components, only ups of one component each are tried: there are too many sets of them. */
const MOST_FOR_SETS = 8;

/**
 * The fewest ups in which all components get there, none of them with a clash that was not there before.
 *
 * @returns the components of each up; undefined if no order does.
 */
export function orderOf(changes: readonly Change[]): readonly (readonly string[])[] | undefined {
  const moving = changes.filter((one) => one.old !== one.new);
  const kept = changes.filter((one) => one.old === one.new).map((one) => one.old);
  const known = knownIn(changes);
  const all = 2 ** moving.length - 1;
  const works = (done: number, now: number): boolean => {
    const live = moving.flatMap((one, i) =>
      now & (1 << i) ? [one.old, one.new] : [done & (1 << i) ? one.new : one.old],
    );
    return clashesAmong(present([...kept, ...live])).every((clash) => known.has(key(clash)));
  };
  const reached = new Set([0]);
  let ways: { readonly done: number; readonly ups: readonly number[] }[] = [{ done: 0, ups: [] }];
  while (ways.length > 0) {
    const next: typeof ways = [];
    for (const { done, ups } of ways) {
      for (const now of upsFrom(done, all, moving.length)) {
        const then = done | now;
        if (reached.has(then) || !works(done, now)) continue;
        reached.add(then);
        const way = { done: then, ups: [...ups, now] };
        if (then === all) return way.ups.map((up) => names(moving, up));
        next.push(way);
      }
    }
    ways = next;
  }
  return undefined;
}

/** Sets of components that are yet to change, the largest first. */
function upsFrom(done: number, all: number, count: number): number[] {
  const left = all & ~done;
  if (count > MOST_FOR_SETS)
    return Array.from({ length: count }, (_, i) => 1 << i).filter((one) => (left & one) !== 0);
  const sets: number[] = [];
  for (let set = left; set > 0; set = (set - 1) & left) sets.push(set);
  const size = (set: number) => set.toString(2).replaceAll("0", "").length;
  return sets.sort((a, b) => size(b) - size(a));
}

const names = (moving: readonly Change[], up: number): string[] =>
  moving.filter((_, i) => up & (1 << i)).map((one) => (one.new ?? one.old)?.component ?? "");

const key = ({ member, other }: Clash): string =>
  [member.component, member.version, other.component, other.version].join(" ");
