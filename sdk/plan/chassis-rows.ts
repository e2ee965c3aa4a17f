/**
 * A chassis for `issu status`: its nodes, groups, cards and what is on them. Pure.
 *
 * @module
 */
import { type ChassisInventory, inWordsOf, NODES, nodeOf, primaryOf } from "../contract/chassis-inventory";
import type { StatusRow } from "./plan";

export function chassisRows(inventory: ChassisInventory): readonly StatusRow[] {
  const { form } = inventory;
  return rowsOf(inventory).map((row) => ({
    ...row,
    object: inWordsOf(form, row.object),
    state: inWordsOf(form, row.state),
    detail: inWordsOf(form, row.detail),
  }));
}

function rowsOf(inventory: ChassisInventory): readonly StatusRow[] {
  const engines = inventory.form !== undefined && inventory.form !== "cluster";
  return [
    ...(inventory.form === "alone" ? NODES.slice(0, 1) : NODES).map((name): StatusRow => {
      const { version, unreachable, previous, varFreeBytes, alarms } = nodeOf(inventory, name);
      const room = varFreeBytes === undefined ? [] : [`${Math.round(varFreeBytes / 1e6)} MB free in /var`];
      return {
        object: name,
        state:
          unreachable === undefined && inventory.form === "alone"
            ? "alone"
            : unreachable === undefined
              ? primaryOf(inventory, 0) === name
                ? "primary"
                : "secondary"
              : "away",
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
    // Two routing engines have their cards in common.
    ...(engines ? NODES.slice(0, 1) : NODES).flatMap((name) => {
      const { fpcs, pics, pfes = [] } = nodeOf(inventory, name);
      const at = engines ? "" : `${name} `;
      return fpcs.flatMap(({ fpc, state, description }): StatusRow[] => [
        { object: `${at}FPC ${fpc}`, state, detail: description },
        ...pics
          .filter((one) => one.fpc === fpc)
          .map((one) => ({
            object: `${at}FPC ${fpc} PIC ${one.pic}`,
            state: one.state,
            detail: one.description,
          })),
        ...pfes
          .filter((one) => one.fpc === fpc)
          .map((one) => ({
            object: `${at}FPC ${fpc} PFE ${one.pfe}`,
            state: one.state,
            detail: "forwarding engine",
          })),
      ]);
    }),
  ];
}
