/**
 * What the targets of all drivers do alike with the actions of a plan.
 *
 * @module
 */
import { type Action, type ActionContext, TargetError } from "../contract/target";

/** By verb, on whatever a driver reaches its target by; each tells what it observed. */
export interface Actions<Reached> {
  readonly [action: string]: (reached: Reached, action: Action, context: ActionContext) => Promise<string>;
}

/** @throws TargetError `BAD_ACTION` if the driver has no such action; as the action */
export async function performBy<Reached>(
  actions: Actions<Reached>,
  id: string,
  reached: Reached,
  action: Action,
  context: ActionContext,
): Promise<{ readonly detail: string }> {
  const run = Object.hasOwn(actions, action.action) ? actions[action.action] : undefined;
  if (run) return { detail: await run(reached, action, context) };
  throw new TargetError(
    "BAD_ACTION",
    `${id} can't do "${action.action}"; it can do ${Object.keys(actions).join(", ")}. The plan was made by another version of pulumi-issu; plan anew.`,
  );
}
