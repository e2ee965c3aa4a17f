/**
 * How a chassis was before a campaign touched it: what the end and the way back restore.
 *
 * @module
 */
import {
  type ChassisInventory,
  type GroupsBefore,
  NODES,
  nodeOf,
  onlineOf,
  primaryOf,
} from "../contract/chassis-inventory";
import type { Json } from "./plan";

export function beforeOf(inventory: ChassisInventory): GroupsBefore {
  return {
    groups: inventory.groups.flatMap(({ id, members }) => {
      const primary = primaryOf(inventory, id);
      // Its priority of 255 says where it was failed over to; both nodes show the flag.
      const manual = NODES.find((node) => members[node]?.manual && members[node]?.priority === 255);
      return primary === undefined ? [] : [{ id, primary, ...(manual ? { manual } : {}) }];
    }),
    alarms: Object.fromEntries(NODES.map((node) => [node, nodeOf(inventory, node).alarms])),
    online: Object.fromEntries(NODES.map((node) => [node, onlineOf(nodeOf(inventory, node))])),
  };
}

/** As a journal has it. */
export const readBefore = (before: Json | undefined): GroupsBefore | undefined =>
  typeof before === "object" && before !== null && !Array.isArray(before)
    ? (before as unknown as GroupsBefore)
    : undefined;
