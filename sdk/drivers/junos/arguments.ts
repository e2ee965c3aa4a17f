/**
 * Arguments of actions, read as what they have to be.
 *
 * @module
 */
import { type GroupsBefore, NODES, type NodeName } from "../../contract/chassis-inventory";
import { type Action, TargetError } from "../../contract/target";

/** @throws TargetError `BAD_ACTION` */
export function nodeArg(action: Action, name: string): NodeName {
  const value = action.args[name];
  if (NODES.includes(value as NodeName)) return value as NodeName;
  throw bad(action, name, "node0 or node1");
}

export const optionalNode = (action: Action, name: string): NodeName | undefined =>
  action.args[name] === undefined ? undefined : nodeArg(action, name);

/** @throws TargetError `BAD_ACTION` */
export function textArg(action: Action, name: string): string {
  const value = action.args[name];
  if (typeof value === "string") return value;
  throw bad(action, name, "text");
}

/** @throws TargetError `BAD_ACTION` */
export function numberArg(action: Action, name: string): number {
  const value = action.args[name];
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw bad(action, name, "a whole number");
}

export const flagArg = (action: Action, name: string): boolean => action.args[name] === true;

export const textsArg = (action: Action, name: string): readonly string[] => {
  const value = action.args[name];
  return Array.isArray(value) ? value.map(String) : [];
};

export const beforeArg = (action: Action): GroupsBefore | undefined =>
  action.args.before as unknown as GroupsBefore | undefined;

const bad = ({ action, args }: Action, name: string, expected: string): TargetError =>
  new TargetError(
    "BAD_ACTION",
    `${action}: got ${JSON.stringify(args[name])} for ${name}, expected ${expected}. The plan was made by another version of pulumi-issu; plan anew.`,
  );
