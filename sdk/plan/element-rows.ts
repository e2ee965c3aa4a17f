/**
 * A network element for `issu status`: what it runs, its partitions, its neighbours, its last change. Pure.
 *
 * @module
 */
import type { ElementInventory, PartitionName } from "../contract/element-inventory";
import { formatDuration } from "../policy/duration";
import type { StatusRow } from "./plan";

export function elementRows(inventory: ElementInventory): readonly StatusRow[] {
  const { unreachable, version, partition, bootId, kernelAbi, overload, holdMs, otherWays } = inventory;
  const last = inventory.switch;
  if (unreachable !== undefined) return [{ object: "element", state: "away", detail: unreachable }];
  return [
    {
      object: "element",
      state: overload ? "in service, traffic asked to go another way" : "in service",
      ...(version === undefined ? {} : { version }),
      detail: `partition ${partition}, kernel ABI ${kernelAbi}, boot ${bootId}`,
    },
    ...(["a", "b"] as const).map((name) => partitionRow(name, inventory)),
    ...holdMs.map((hold, i): StatusRow => {
      const ways = otherWays[i] ?? 0;
      return {
        object: `neighbour ${i + 1}`,
        state: `waits ${formatDuration(hold)}`,
        detail: ways === 0 ? "no other way" : `${ways} other way${ways === 1 ? "" : "s"}`,
      };
    }),
    ...(last
      ? [
          {
            object: `last ${last.path}`,
            state: last.state,
            version: last.to.version,
            detail: [
              `from ${last.from.version} on ${last.from.partition} to ${last.to.version} on ${last.to.partition}`,
              ...(last.reason === undefined ? [] : [last.reason]),
              ...(last.warnings ?? []),
            ].join("; "),
          },
        ]
      : []),
  ];
}

function partitionRow(name: PartitionName, { partition, partitions, room }: ElementInventory): StatusRow {
  const root = partitions[name];
  const free = room[name]?.free;
  return {
    object: `partition ${name}`,
    state: root ? (name === partition ? "root" : "ready") : "no root",
    ...(root ? { version: root.version } : {}),
    detail: [
      ...(root ? [root.sha256 === undefined ? "image unknown" : `image ${root.sha256.slice(0, 12)}…`] : []),
      ...(free === undefined ? [] : [`${Math.round(free / 1e6)} MB free`]),
    ].join(", "),
  };
}
