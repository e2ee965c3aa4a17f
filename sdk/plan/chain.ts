/**
 * The stages of a target that no gate watches and that has no soak: each with what it does, or why it does nothing.
 *
 * @module
 */
import type { StagePlan, Step } from "./plan";

export type Filled = Partial<Pick<StagePlan, "steps" | "skipped">>;

export const nothing = (why: string): Filled => ({ skipped: why });

export const stepsOr = (steps: readonly Step[], why: string): Filled =>
  steps.length > 0 ? { steps } : nothing(why);

/** @param limitMs after which a stage is taken for hung, if the policy says so */
export function chainOf<Name extends string>(
  names: readonly Name[],
  limitMs: number | undefined,
  fill: (name: Name) => Filled,
): StagePlan[] {
  return names.map((name) => {
    const { steps = [], skipped } = fill(name);
    return {
      name,
      ...(skipped === undefined ? {} : { skipped }),
      steps,
      soakMs: 0,
      gates: [],
      gateLimitMs: 0,
      expectedMs: steps.reduce((sum, step) => sum + step.expectedMs, 0),
      ...(limitMs === undefined ? {} : { limitMs }),
    };
  });
}
