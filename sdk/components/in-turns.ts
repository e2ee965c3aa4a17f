import type * as pulumi from "@pulumi/pulumi";

/**
 * Declares components of which no more than so many are in their upgrade at a time: each waits for the one that many places
 * before it, so one that fails keeps those behind it from beginning. (`pulumi up --parallel` limits stages: between two stages
 * of one component another may have its turn.)
 *
 * @param limit most at a time; of a fleet that shares a fault this many are hit at most.
 * @param all in the order in which they are to begin; those whose failure costs least first.
 * @param declare is given the options to create the component with, beside others of its own.
 * @returns the components, in the same order.
 * @throws RangeError if `limit` is no whole number of at least 1.
 */
export function inTurns<T, C extends pulumi.Resource>(
  limit: number,
  all: readonly T[],
  declare: (one: T, options: pulumi.ComponentResourceOptions) => C,
): readonly C[] {
  if (!Number.isInteger(limit) || limit < 1)
    throw new RangeError(`inTurns: got a limit of ${limit}; expected a whole number of at least 1, e.g. 10`);
  const declared: C[] = [];
  for (const one of all) {
    const before = declared[declared.length - limit];
    declared.push(declare(one, before ? { dependsOn: [before] } : {}));
  }
  return declared;
}
