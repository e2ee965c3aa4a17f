import type { Command } from "../cli/command.ts";
import { SLOT_OFFSET } from "../options.ts";
import { requireCluster } from "./cluster-status.ts";

export const showClusterInterfaces: Command = {
  words: "show chassis cluster interfaces",
  run({ cluster, node, print }) {
    requireCluster(cluster);
    const heard = cluster.hears(node.id);
    const state = (up: boolean) => (up ? "Up" : "Down");
    const control = state(heard);
    const fabric = cluster.links.fabric && heard;
    const serves = (group: number) => cluster.groups[group]?.primary !== undefined;
    print(
      [
        `Control link status: ${control}`,
        "",
        "Control interfaces:",
        "    Index   Interface   Monitored-Status   Internal-SA",
        `    0       em0         ${control.padEnd(19)}Disabled`,
        "",
        `Fabric link status: ${state(fabric)}`,
        "",
        "Fabric interfaces:",
        "    Name    Child-interface    Status                    Security",
        "                               (Physical/Monitored)",
        ...[0, SLOT_OFFSET].map((slot, id) => {
          const child = `xe-${slot}/0/9`.padEnd(19);
          return `    fab${id}    ${child}${state(fabric).padEnd(4)} / ${state(fabric).padEnd(19)}Disabled`;
        }),
        "",
        "Redundant-ethernet Information:",
        "    Name         Status      Redundancy-group",
        ...cluster.shape.interfaces.map(
          ({ name, group }) => `    ${name.padEnd(13)}${state(serves(group)).padEnd(12)}${group}`,
        ),
        "",
        "Redundant-pseudo-interface Information:",
        "    Name         Status      Redundancy-group",
        "    lo0          Up          0",
      ].join("\n"),
    );
  },
};
