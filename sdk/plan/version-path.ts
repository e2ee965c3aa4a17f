/**
 * A way from one version to another over others, by steps that are supported each (ESC-04, ESC-05). Pure.
 *
 * @module
 */
import * as semver from "semver";
import { accepts } from "../policy/compatibility";

/** What the newer version of a step says of it: a range of the older ones, or nothing. */
export type UpgradesFrom = (version: string) => string | undefined;

/**
 * Whether a step is supported, either way: by what the newer of the two says, else if both are of one MAJOR (MAJOR breaks,
 * MINOR adds, PATCH mends).
 *
 * @param a semantic version, and so is `b`.
 */
export function isDirect(a: string, b: string, upgradesFrom: UpgradesFrom): boolean {
  const [older, newer] = semver.lt(a, b) ? [a, b] : [b, a];
  if (semver.eq(older, newer)) return true;
  const range = upgradesFrom(newer);
  return range === undefined ? semver.major(older) === semver.major(newer) : accepts(range, older);
}

export interface Way {
  readonly from: string;
  readonly to: string;
  /** Versions that there are; those between `from` and `to` may be on the way. */
  readonly versions: readonly string[];
  readonly upgradesFrom: UpgradesFrom;
  /** Whether a version could serve here and now. Not asked of `from` and `to`. */
  readonly fits: (version: string) => boolean;
}

/**
 * The fewest direct steps, each nearer to the goal. Of several ways with as few, the one that goes farthest with each step.
 *
 * @returns the versions after `from`, `to` last; undefined if there is no way.
 */
export function pathOf({ from, to, versions, upgradesFrom, fits }: Way): string[] | undefined {
  const up = semver.lt(from, to);
  const ahead = (a: string, b: string) => (up ? semver.lt(a, b) : semver.gt(a, b));
  const between = versions.filter((one) => ahead(from, one) && ahead(one, to) && fits(one));
  // Nearest to the goal first.
  const stops = [to, ...between.sort((a, b) => (ahead(a, b) ? 1 : ahead(b, a) ? -1 : 0))];
  const reached = new Set<string>();
  let paths: string[][] = [[]];
  while (paths.length > 0) {
    const next: string[][] = [];
    for (const path of paths) {
      const at = path.at(-1) ?? from;
      for (const stop of stops) {
        if (reached.has(stop) || !ahead(at, stop) || !isDirect(at, stop, upgradesFrom)) continue;
        if (stop === to) return [...path, to];
        reached.add(stop);
        next.push([...path, stop]);
      }
    }
    paths = next;
  }
  return undefined;
}
