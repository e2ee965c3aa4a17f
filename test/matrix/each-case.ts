/**
 * A test for each case of a matrix.
 *
 * @module
 */
import { full } from "../support/full.ts";
import { type Kept, keep, type PartName } from "./parts.ts";
import { isOurs } from "./random.ts";

/**
 * Declares a test for each case whose title matches `ISSU_CASE`, if that is set, and which is of this shard. Where all of the
 * matrix is run, what they come to is kept.
 */
export function eachCase<C, T extends Kept>(
  part: PartName,
  cases: readonly C[],
  titleOf: (one: C) => string,
  run: (one: C) => Promise<T>,
): void {
  const only = new RegExp(process.env.ISSU_CASE ?? "");
  for (const [index, one] of cases.entries()) {
    const number = index + 1;
    const title = `${number}. ${titleOf(one)}`;
    if (!only.test(title) || !isOurs(number)) continue;
    it(title, async () => {
      const outcome = await run(one);
      if (full) await keep(part, number, cases.length, outcome);
    });
  }
}
