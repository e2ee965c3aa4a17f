/**
 * The way of a chassis to one release on both nodes, from wherever it is (ESC-09, ESC-18): abort what is under way, then roll
 * back node by node, never the one that carries the traffic, then put the groups where they were.
 *
 * @module
 */
import {
  type ChassisInventory,
  type GroupsBefore,
  otherNode,
  primaryOf,
} from "../contract/chassis-inventory";
import type { ChassisSteps } from "./chassis-steps";
import type { Step } from "./plan";

export interface WayBackArgs {
  readonly inventory: ChassisInventory;
  /** Release that both are to run. */
  readonly version: string;
  readonly before: GroupsBefore | undefined;
  readonly restore: "as-before" | "flags";
}

/**
 * Every step looks first, so that those whose end is reached do nothing: what the device is in the midst of can't be seen from
 * outside, and once it is aborted either node may run either release.
 */
export function wayBackOf(steps: ChassisSteps, { inventory, version, before, restore }: WayBackArgs): Step[] {
  const primary = primaryOf(inventory, 0) ?? before?.groups.find(({ id }) => id === 0)?.primary ?? "node0";
  return [
    steps.abort(),
    ...[otherNode(primary), primary].map((node) => steps.rollBackNode(node, version, true)),
    ...placed(steps, inventory, before, restore),
    steps.verify(version, before),
  ];
}

/** Every group where and as it was; RG-0 first, since the others are gathered around it. */
export function placed(
  steps: ChassisSteps,
  inventory: ChassisInventory,
  before: GroupsBefore | undefined,
  restore: "as-before" | "flags",
): Step[] {
  if (!before || restore === "flags") {
    const known = before?.groups ?? inventory.groups.map(({ id }) => ({ id }));
    return known.map(({ id }) => steps.unflag(id));
  }
  return before.groups.map(({ id, primary, manual }) => steps.place(id, primary, manual));
}
