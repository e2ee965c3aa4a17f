/**
 * What an element that runs shows of itself, as a journal would say it: for beginning a journal anew when the old one is lost. Pure.
 *
 * @module
 */
import { type ElementInventory, rootInService } from "../contract/element-inventory";
import type { ResolvedElementPolicy } from "../policy/element-policy";
import { rootRelease } from "../policy/element-spec";
import { resolveElementPolicy } from "../policy/resolve-element";
import type { ElementPlanSpec } from "./element-steps";
import type { Shown } from "./plan";

/** @throws Error if it can't be asked. */
export function shownByElement(inventory: ElementInventory, name: string): Shown {
  const { version, unreachable } = inventory;
  if (version === undefined)
    throw new Error(`${name} does not say what it runs${unreachable ? `: ${unreachable}` : ""}`);
  const policy = resolveElementPolicy({}).policy as ResolvedElementPolicy;
  const sha256 = rootInService(inventory)?.sha256;
  const release = rootRelease(version, sha256);
  const image = sha256 === undefined ? {} : { sha256 };
  const spec: ElementPlanSpec = { element: { name, version, release, image }, policy };
  return { serving: { version, release, spec } };
}
