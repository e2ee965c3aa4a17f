/**
 * Arguments of an action, checked before anything is touched: they come from a journal that an older or newer version of
 * the planner may have written.
 *
 * @module
 */
import { type Action, type Json, TargetError } from "../../contract/target";

const shown = (value: Json | undefined): string => (value === undefined ? "nothing" : JSON.stringify(value));

function wrong(action: Action, name: string, expected: string): TargetError {
  return new TargetError(
    "BAD_ACTION",
    `${action.action} ${action.object}: args.${name} is ${shown(action.args[name])}, expected ${expected}. The plan was made by another version of pulumi-issu; plan anew.`,
  );
}

export function countArg(action: Action, name: string): number {
  const value = action.args[name];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw wrong(action, name, "a whole number from 0");
}

export function textArg(action: Action, name: string): string {
  const value = action.args[name];
  if (typeof value === "string" && value !== "") return value;
  throw wrong(action, name, "a text");
}

export function textsArg(action: Action, name: string): string[] {
  const value = action.args[name];
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value as string[];
  throw wrong(action, name, "a list of texts");
}

export function choiceArg<T extends string>(action: Action, name: string, choices: readonly T[]): T {
  const value = action.args[name];
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  throw wrong(action, name, `one of ${choices.join(", ")}`);
}

/** Name in an object id such as `deployment/amf`. @throws TargetError `BAD_ACTION` if it is of another kind. */
export function nameIn(action: Action, kind: string): string {
  const [prefix, ...rest] = action.object.split("/");
  const name = rest.at(-1);
  if (prefix === kind && name) return name;
  throw new TargetError(
    "BAD_ACTION",
    `${action.action}: got the object ${action.object}, expected ${kind}/<name>. Plan anew.`,
  );
}
