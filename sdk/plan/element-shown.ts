/**
 * What an element that runs shows of itself, as a journal would say it: for beginning a journal anew when the old one is lost. Pure.
 *
 * @module
 */
import type { ElementInventory } from "../contract/element-inventory";
import type { ResolvedElementPolicy } from "../policy/element-policy";
import { resolveElementPolicy } from "../policy/resolve-element";
import type { ElementPlanSpec } from "./element-steps";
import type { Shown } from "./plan";

/** @throws Error if it can't be asked. */
export function shownByElement({ version, unreachable }: ElementInventory, name: string): Shown {
  if (version === undefined)
    throw new Error(`${name} does not say what it runs${unreachable ? `: ${unreachable}` : ""}`);
  const policy = resolveElementPolicy({}).policy as ResolvedElementPolicy;
  const spec: ElementPlanSpec = { element: { name, version, release: version, image: {} }, policy };
  return { serving: { version, release: version, spec } };
}
