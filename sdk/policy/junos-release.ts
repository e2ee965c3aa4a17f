/**
 * Junos OS releases and their order, as their vendor numbers them: `12.1X46-D10`, `21.4R3-S5`, `11.4R7.5`. Not semantic
 * versions: 12.1 is later than 9.6, `R3-S5` comes before `R4`, and `X46` after every `R` of its train (CHA-1).
 *
 * @module
 */

export interface JunosRelease {
  readonly major: number;
  readonly minor: number;
  /** `R` for releases, `F` for feature releases, `X` for special trains, `B` for beta, `I` for builds of the vendor's own. */
  readonly type: "A" | "B" | "F" | "I" | "R" | "X";
  /** Number behind the letter: 3 in `R3`, 46 in `X46`. */
  readonly number: number;
  /** 5 in `-S5`, 10 in `-D10`; 0 without. */
  readonly service: number;
  /** Build behind the last point; undefined if it is not said. */
  readonly spin?: number;
  /** Junos OS Evolved, whose releases are no steps from or to Junos OS. */
  readonly evolved: boolean;
}

const FORM = /^(\d+)\.(\d+)([ABFIRX])(\d+)(?:-([SD])(\d+))?(?:\.(\d+))?(-EVO)?$/i;
/** Within one train: what is not released yet, what is, and what was branched off from that. */
const TYPES = ["A", "B", "I", "R", "F", "X"] as const;

/** @returns undefined if the text is no release, e.g. `21.4`. */
export function parseJunosRelease(text: string): JunosRelease | undefined {
  const match = FORM.exec(text.trim());
  if (!match) return undefined;
  const [, major, minor, type = "", number, kind, service, spin, evolved] = match;
  const letter = type.toUpperCase() as JunosRelease["type"];
  // `-D` belongs to special trains, `-S` to all others.
  if (kind !== undefined && (kind.toUpperCase() === "D") !== (letter === "X")) return undefined;
  return {
    major: Number(major),
    minor: Number(minor),
    type: letter,
    number: Number(number),
    service: Number(service ?? 0),
    ...(spin === undefined ? {} : { spin: Number(spin) }),
    evolved: evolved !== undefined,
  };
}

/**
 * @returns negative if `a` is the earlier one, positive if it is the later one, 0 if there is nothing between them. A release
 *   without its build comes before those with one.
 * @throws RangeError if one of them is no release.
 */
export function compareJunosReleases(a: string, b: string): number {
  const [left, right] = [known(a), known(b)];
  for (const key of KEYS) {
    const difference = key(left) - key(right);
    if (difference !== 0) return difference;
  }
  return 0;
}

const KEYS: readonly ((release: JunosRelease) => number)[] = [
  ({ evolved }) => (evolved ? 1 : 0),
  ({ major }) => major,
  ({ minor }) => minor,
  ({ type }) => TYPES.indexOf(type),
  ({ number }) => number,
  ({ service }) => service,
  ({ spin }) => spin ?? -1,
];

/** Whether what runs is the release that was asked for: `12.1X46-D10` is satisfied by its build `12.1X46-D10.2`. */
export function isJunosRelease(wanted: string, running: string): boolean {
  const [left, right] = [parseJunosRelease(wanted), parseJunosRelease(running)];
  if (!left || !right) return wanted === running;
  return KEYS.every((key, i) =>
    i === KEYS.length - 1 ? left.spin === undefined || left.spin === right.spin : key(left) === key(right),
  );
}

/** The release without its build, e.g. `12.1X46-D10` of `12.1X46-D10.2`; what is no release stays as it is. */
export function withoutSpin(release: string): string {
  const parsed = parseJunosRelease(release);
  return parsed?.spin === undefined ? release : release.replace(/\.\d+(-EVO)?$/i, "$1");
}

function known(text: string): JunosRelease {
  const release = parseJunosRelease(text);
  if (!release) throw new RangeError(`got ${text}, expected a Junos release like 12.1X46-D10 or 21.4R3-S5`);
  return release;
}
