/**
 * Checks what a user declares of compatibility: ranges, names, the catalogue (ESC-04, ESC-05).
 *
 * @module
 */
import * as semver from "semver";
import type { CataloguedRelease, Compatibility, ComponentSpec, Ranges } from "./cnf-spec";
import { accepts } from "./compatibility";
import { type Fields, join, type Reader } from "./reader";
import { canonicalJson } from "./release";

const LABEL = "[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?";
const CNF = new RegExp(`^(?:${LABEL}/)?${LABEL}$`);

/** Of what the ranges are, and an example of one. */
const OF = {
  upgradesFrom: [
    "the versions of this network function between which and this one a direct step is supported",
    ">=1.4.0 <2.1.0",
  ],
  kubernetes: ["the Kubernetes versions that this version runs on", ">=1.32 <1.36"],
  requires: ["the versions that this one works with", ">=2.1.0 <3.0.0"],
} as const;

/** Path of a property whose name need not be an identifier. */
const named = (path: string, name: string): string =>
  /^[a-z]\w*$/i.test(name) ? join(path, name) : `${path}[${JSON.stringify(name)}]`;

function readRange(reader: Reader, raw: unknown, path: string, of: keyof typeof OF): string | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw === "string" && raw.trim() !== "" && semver.validRange(raw) !== null) return raw;
  const [what, example] = OF[of];
  return reader.wrong(
    path,
    raw,
    `a semver range of ${what}`,
    `Write e.g. "${example}", or leave it out if all are`,
  );
}

/** @param known which names may be there, and what they are. */
function readRanges(
  reader: Reader,
  raw: unknown,
  path: string,
  known: (name: string) => { readonly expected: string; readonly mend: string } | undefined,
): Ranges | undefined {
  if (raw === undefined) return undefined;
  const ranges = Object.entries(reader.fields(raw, path)).flatMap(([name, value]): [string, string][] => {
    const wrong = known(name);
    if (wrong) reader.wrong(named(path, name), name, wrong.expected, wrong.mend);
    const range = readRange(reader, value, named(path, name), "requires");
    return wrong || range === undefined ? [] : [[name, range]];
  });
  return ranges.length > 0 ? Object.fromEntries(ranges) : undefined;
}

/** What a version says of itself; `given` is it, or an entry of the catalogue. */
function readOne(reader: Reader, given: Fields, path: string, cnf: string | undefined): Compatibility {
  const upgradesFrom = readRange(reader, given.upgradesFrom, join(path, "upgradesFrom"), "upgradesFrom");
  const kubernetes = readRange(reader, given.kubernetes, join(path, "kubernetes"), "kubernetes");
  const requires = readRanges(reader, given.requires, join(path, "requires"), (name) => {
    const mend = 'Write e.g. { udr: ">=2.1.0" }, or { "data/udr": ">=2.1.0" } for one in namespace data';
    if (!CNF.test(name))
      return { expected: "the name of a network function, or its namespace and name", mend };
    return name === cnf
      ? { expected: "another network function", mend: "Use upgradesFrom for its own versions" }
      : undefined;
  });
  return {
    ...(upgradesFrom === undefined ? {} : { upgradesFrom }),
    ...(kubernetes === undefined ? {} : { kubernetes }),
    ...(requires === undefined ? {} : { requires }),
  };
}

/**
 * @param given the network function as declared.
 * @param self its name and version, as far as they are right.
 */
export function readCompatibility(
  reader: Reader,
  given: Fields,
  self: { readonly name: string | undefined; readonly version: string | undefined },
): Compatibility & { readonly releases?: readonly CataloguedRelease[] } {
  const own = readOne(reader, given, "", self.name);
  if (given.releases === undefined) return own;
  const seen = new Map<string, number>();
  const releases = reader
    .list(given.releases, "releases", "versions")
    .flatMap((one, i): CataloguedRelease[] => {
      const path = `releases[${i}]`;
      const entry = reader.fields(one ?? null, path, ["version", "upgradesFrom", "kubernetes", "requires"]);
      const said = readOne(reader, entry, path, self.name);
      const { version } = entry;
      if (typeof version !== "string" || semver.valid(version) === null || !/^\d/.test(version)) {
        reader.wrong(
          `${path}.version`,
          version,
          "a semantic version MAJOR.MINOR.PATCH (semver.org)",
          'Write e.g. "1.1.0"',
        );
        return [];
      }
      const first = seen.get(version);
      if (first !== undefined) {
        reader.wrong(
          `${path}.version`,
          version,
          `each version once: releases[${first}] is of it`,
          "Remove one of them",
        );
        return [];
      }
      seen.set(version, i);
      if (version === self.version) refuseTwoAnswers(reader, own, said, path);
      return [{ version, ...said }];
    });
  return { ...own, releases };
}

/** The declaration and the catalogue must not say two different things of one version. */
function refuseTwoAnswers(reader: Reader, own: Compatibility, said: Compatibility, path: string): void {
  for (const name of ["upgradesFrom", "kubernetes", "requires"] as const) {
    const [a, b] = [own[name], said[name]];
    if (a === undefined || b === undefined || canonicalJson(a) === canonicalJson(b)) continue;
    reader.wrong(
      name,
      a,
      `what the catalogue says of the same version (${path}.${name})`,
      "Leave it to the catalogue, or correct one of them",
    );
  }
}

/** @param component as it stands in the declaration, at `path`. */
export function readComponentRanges(reader: Reader, raw: unknown, path: string): Ranges | undefined {
  return readRanges(reader, raw, join(path, "requires"), () => undefined);
}

/** What components declared side by side say of each other has to be true of them. */
export function checkBesideEachOther(
  reader: Reader,
  components: readonly (ComponentSpec & { readonly index: number })[],
): void {
  for (const { name: own, index, requires = {} } of components) {
    for (const [name, range] of Object.entries(requires)) {
      const path = named(`components[${index}].requires`, name);
      const other = components.find((one) => one.name === name);
      if (name === own || !other) {
        const others = components.filter((one) => one.name !== own).map((one) => one.name);
        reader.wrong(
          path,
          name,
          `another component of this network function${others.length > 0 ? ` (${others.join(", ")})` : ", and it has none"}`,
          "Correct the name; for another network function write requires beside version",
        );
      } else if (!accepts(range, other.version)) {
        reader.wrong(
          path,
          range,
          `a range that has ${other.version} in it, the version of ${name} declared beside ${own}`,
          `Declare a version of ${name} that ${own} works with, or a version of ${own} that works with this one`,
        );
      }
    }
  }
}
