/**
 * A chassis for `issu status`: its nodes, groups, cards and what is on them. Pure.
 *
 * @module
 */
import { type ChassisInventory, NODES, nodeOf, primaryOf } from "../contract/chassis-inventory";
import type { StatusRow } from "./plan";

export function chassisRows(inventory: ChassisInventory): readonly StatusRow[] {
  return [
    ...NODES.map((name): StatusRow => {
      const { version, unreachable, previous, varFreeBytes, alarms } = nodeOf(inventory, name);
      const room = varFreeBytes === undefined ? [] : [`${Math.round(varFreeBytes / 1e6)} MB free in /var`];
      return {
        object: name,
        state:
          unreachable === undefined ? (primaryOf(inventory, 0) === name ? "primary" : "secondary") : "away",
        ...(version === undefined ? {} : { version }),
        detail: [
          ...(unreachable === undefined ? [] : [unreachable]),
          ...(previous === undefined || previous === "none" ? [] : [`rolls back to ${previous}`]),
          ...room,
          ...alarms,
        ].join("; "),
      };
    }),
    ...inventory.groups.map(({ id, members, failovers }): StatusRow => {
      const primary = primaryOf(inventory, id);
      const failures = NODES.flatMap((node) =>
        (members[node]?.failures ?? []).map((one) => `${node}: ${one}`),
      );
      return {
        object: `RG-${id}`,
        state: primary === undefined ? "no primary" : `on ${primary}`,
        detail: [
          ...NODES.map((node) => `${node} ${members[node]?.status ?? "?"} ${members[node]?.priority ?? "?"}`),
          ...(NODES.some((node) => members[node]?.manual) ? ["failed over by hand"] : []),
          `${failovers} failovers`,
          ...failures,
        ].join(", "),
      };
    }),
    ...NODES.flatMap((name) => {
      const { fpcs, pics, pfes = [] } = nodeOf(inventory, name);
      return fpcs.flatMap(({ fpc, state, description }): StatusRow[] => [
        { object: `${name} FPC ${fpc}`, state, detail: description },
        ...pics
          .filter((one) => one.fpc === fpc)
          .map((one) => ({
            object: `${name} FPC ${fpc} PIC ${one.pic}`,
            state: one.state,
            detail: one.description,
          })),
        ...pfes
          .filter((one) => one.fpc === fpc)
          .map((one) => ({
            object: `${name} FPC ${fpc} PFE ${one.pfe}`,
            state: one.state,
            detail: "forwarding engine",
          })),
      ]);
    }),
  ];
}
