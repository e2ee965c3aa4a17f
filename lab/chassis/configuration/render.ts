/**
 * A configuration as the device shows it: nested in braces, or as differences by level.
 *
 * @module
 */
import type { Statements } from "./statements.ts";

/** Words that open a level, with the number of words that belong to its name. */
const LEVELS: Readonly<Record<string, number>> = {
  system: 0,
  login: 0,
  user: 1,
  authentication: 0,
  services: 0,
  chassis: 0,
  cluster: 0,
  redundancy: 0,
  "redundancy-group": 1,
  interfaces: 0,
  groups: 0,
  unit: 1,
  family: 1,
  "gigether-options": 0,
  "fabric-options": 0,
  "redundant-ether-options": 0,
  protocols: 0,
  ospf: 0,
  bgp: 0,
  pim: 0,
  igmp: 0,
  area: 1,
  "routing-options": 0,
  static: 0,
  security: 0,
  zones: 0,
  "security-zone": 1,
};

/** Levels whose members open levels of their own. */
const NAMED_MEMBERS = new Set(["interfaces", "groups"]);

/** Splits a statement into the levels it is in and what stands there. */
export function levelsOf(statement: string): { readonly levels: readonly string[]; readonly leaf: string } {
  const words = statement.match(/"[^"]*"|\S+/g) ?? [];
  const levels: string[] = [];
  let at = 0;
  while (at < words.length - 1) {
    const word = words[at] as string;
    const named = NAMED_MEMBERS.has(levels.at(-1) ?? "");
    const more = named ? 0 : LEVELS[word];
    if (more === undefined || at + more >= words.length - 1) break;
    levels.push(words.slice(at, at + more + 1).join(" "));
    at += more + 1;
  }
  return { levels, leaf: words.slice(at).join(" ") };
}

interface Level {
  readonly leaves: string[];
  readonly levels: Map<string, Level>;
}

const SECRET = /(encrypted-password|ssh-ed25519|ssh-rsa|pre-shared-key)/;

/** @returns lines without line ends */
export function renderConfiguration(statements: Statements): readonly string[] {
  const root: Level = { leaves: [], levels: new Map() };
  for (const statement of statements) {
    const { levels, leaf } = levelsOf(statement);
    let level = root;
    for (const name of levels) {
      const next = level.levels.get(name) ?? { leaves: [], levels: new Map() };
      level.levels.set(name, next);
      level = next;
    }
    level.leaves.push(leaf);
  }
  return linesOf(root, "");
}

function linesOf({ leaves, levels }: Level, indent: string): readonly string[] {
  return [
    ...leaves.map((leaf) => `${indent}${leaf};${SECRET.test(leaf) ? " ## SECRET-DATA" : ""}`),
    ...[...levels].flatMap(([name, level]) => [
      `${indent}${name} {`,
      ...linesOf(level, `${indent}    `),
      `${indent}}`,
    ]),
  ];
}

/** As `show | compare`. @returns lines without line ends; none if there is no difference */
export function renderDifference(before: Statements, after: Statements): readonly string[] {
  const changes = [
    ...before.filter((one) => !after.includes(one)).map((one) => ["-", one] as const),
    ...after.filter((one) => !before.includes(one)).map((one) => ["+", one] as const),
  ];
  const byLevel = Map.groupBy(changes, ([, statement]) => levelsOf(statement).levels.join(" "));
  return [...byLevel].flatMap(([level, lines]) => [
    level ? `[edit ${level}]` : "[edit]",
    ...lines.map(([sign, statement]) => `${sign}   ${levelsOf(statement).leaf};`),
  ]);
}
