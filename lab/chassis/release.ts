/**
 * Releases as this family of devices numbers and orders them: `12.1X46-D10`, `21.4R3-S5.4`.
 *
 * @module
 */

/** Of one train, test builds come first, and the special (X) trains branch off after the ordinary (R) one. */
const KINDS = ["I", "B", "A", "R", "F", "X"];

const SHAPE = /^(\d+)\.(\d+)([A-Z])(\d+)(?:\.(\d+))?(?:-([SD])(\d+)(?:\.(\d+))?)?$/;

function numbersOf(release: string): readonly number[] | undefined {
  const found = SHAPE.exec(release);
  if (!found) return undefined;
  const [, major, minor, kind = "", number, build, , service, serviceBuild] = found;
  if (!KINDS.includes(kind)) return undefined;
  return [major, minor, KINDS.indexOf(kind), number, service ?? 0, serviceBuild ?? build ?? 0].map(Number);
}

export const isRelease = (text: string): boolean => numbersOf(text) !== undefined;

/**
 * @returns below 0 if `a` is the earlier one, 0 if they are the same, else above 0
 * @throws {Error} if one of them is no release
 */
export function compareReleases(a: string, b: string): number {
  const [left, right] = [a, b].map((release) => {
    const numbers = numbersOf(release);
    if (!numbers) throw new Error(`release: got ${JSON.stringify(release)}, expected one as 21.4R3-S5.4`);
    return numbers;
  }) as [readonly number[], readonly number[]];
  for (const [at, number] of left.entries()) {
    const difference = number - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
