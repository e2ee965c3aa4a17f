/**
 * Network elements: one SSH address each, whose journal is kept elsewhere.
 *
 * @module
 */
import type { ElementInventory } from "../contract/element-inventory";
import type { Target } from "../contract/target";
import { elementRule } from "../plan/element";
import { elementRows } from "../plan/element-rows";
import { shownByElement } from "../plan/element-shown";
import type { ElementPlanSpec } from "../plan/element-steps";
import type { PlanRule } from "../plan/plan";
import { checkElement, checkElementAddress, type ElementAddress } from "../policy/element";
import type { ResolvedElementPolicy } from "../policy/element-policy";
import { resolveElementPolicy } from "../policy/resolve-element";
import type { CampaignPolicy } from "../policy/upgrade-policy";
import type { Kind } from ".";
import { clusterOf } from "./chassis";

const specOf = (spec: unknown): ElementPlanSpec => spec as ElementPlanSpec;

export const element: Kind = {
  apart: true,
  resolve: (raw) => resolveElementPolicy(raw),
  doubts: ({ at }) => checkElementAddress(at),
  onFailure(spec) {
    const { rollback } = (spec as { policy: CampaignPolicy }).policy;
    return { rollBack: rollback.onFailure, surge: 0, fallbackSurge: 0 };
  },
  // Nothing of the element is a resource of the program's, so nothing has to stay declared.
  live: (spec) => {
    const { version, release } = specOf(spec).element;
    return { version, release, components: [] };
  },
  parts: (spec) => [specOf(spec).element.release],
  rows: (inventory) => elementRows(inventory as ElementInventory),
  shown: (inventory, { name }) => shownByElement(inventory as ElementInventory, name),
  rule: elementRule as PlanRule<never, never>,
  declare(raw, policy) {
    const { problems, element: spec } = checkElement(raw);
    if (problems.length > 0 || !spec || !policy) return { problems };
    const { version, release } = spec;
    return {
      problems,
      declared: {
        spec: { element: spec, policy: policy as ResolvedElementPolicy } satisfies ElementPlanSpec,
        goal: { version, release },
      },
    };
  },
  async connect(address) {
    const { elementTarget } = await import("../drivers/element/index.js");
    const { hostKey, port = 22, storeToken, ...at } = address.at as ElementAddress;
    const target = elementTarget({
      id: `element/${address.namespace}/${address.name}`,
      at: { ...at, port, hostKeys: { pinned: [hostKey] } },
      ...(storeToken === undefined ? {} : { storeToken }),
    }) as Target<never>;
    return { target, ...(await clusterOf(address)) };
  },
};
