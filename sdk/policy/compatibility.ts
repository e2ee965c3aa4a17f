/**
 * Which versions go together (ESC-04): ranges and what a version says of itself, in its own words or its vendor's catalogue.
 *
 * @module
 */
import * as semver from "semver";
import type { CataloguedRelease, Compatibility } from "./cnf-spec";

/** Pre-releases count as they sort: `>=1.1.0` does not accept `1.1.0-rc.1`, and `>=1.0.0` does. */
export const accepts = (range: string, version: string): boolean =>
  semver.satisfies(version, range, { includePrerelease: true });

const FIELDS = ["upgradesFrom", "kubernetes", "requires"] as const;

/**
 * What a version says of its compatibility: in the declaration itself, else in the catalogue's entry for it.
 *
 * @param given of which nothing is taken for granted but that a list of releases is one of objects, as far as it is a list.
 */
export function compatibilityOf(
  version: string,
  given: Compatibility & { readonly releases?: readonly CataloguedRelease[] },
): Compatibility {
  const { releases } = given;
  const entry = Array.isArray(releases) ? releases.find((one) => one?.version === version) : undefined;
  return Object.fromEntries(
    FIELDS.flatMap((name) => {
      const value = given[name] ?? entry?.[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The network functions that a version, or one on the way to it, requires; as written. */
export function namesRequired({
  requires,
  releases = [],
}: Compatibility & { readonly releases?: readonly CataloguedRelease[] }): string[] {
  const all = [requires, ...releases.map((one) => one.requires)];
  return [...new Set(all.flatMap((ranges) => Object.keys(ranges ?? {})))];
}
