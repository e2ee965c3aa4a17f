import { CliError, type Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";
import { requireCluster } from "./cluster-status.ts";

export const showPicStatus: Command = {
  words: "show chassis fpc pic-status",
  run(context) {
    eachNode(context, ({ fpcs }) =>
      fpcs
        .flatMap(({ slot, state, type, pics }) => [
          `Slot ${String(slot).padEnd(3)}${state.padEnd(9)}${type}`,
          ...(state === "Offline"
            ? []
            : pics.map((pic) => `  PIC ${pic.slot}  ${pic.state.padEnd(9)}${pic.type}`)),
        ])
        .join("\n"),
    );
  },
};

export const showFpc: Command = {
  words: "show chassis fpc",
  run(context) {
    eachNode(context, ({ fpcs }) =>
      [
        "                     Temp  CPU Utilization (%)   Memory    Utilization (%)",
        "Slot State            (C)  Total  Interrupt      DRAM (MB) Heap     Buffer",
        ...fpcs.map(({ slot, state }) =>
          state === "Online"
            ? `${String(slot).padStart(3)}  ${state.padEnd(16)}36      5          0       2048       11         26`
            : `${String(slot).padStart(3)}  ${state}`,
        ),
      ].join("\n"),
    );
  },
};

export const showHardware: Command = {
  words: "show chassis hardware",
  run(context) {
    const { model } = context.cluster.shape;
    const line = (item: string, version: string, part: string, serial: string, description: string) =>
      `${item.padEnd(17)}${version.padEnd(9)}${part.padEnd(12)}${serial.padEnd(18)}${description}`;
    eachNode(context, ({ id, fpcs }) =>
      [
        "Hardware inventory:",
        line("Item", "Version", "Part number", "Serial number", "Description"),
        line("Chassis", "", "", `LAB${id}A0001`, model.toUpperCase()),
        line("Midplane", "REV 03", "710-013698", `LAB${id}M0001`, `${model.toUpperCase()} Midplane`),
        line("Routing Engine 0", "REV 08", "740-023530", `LAB${id}R0001`, "RE-S-1800x4"),
        ...fpcs.flatMap((fpc) => [
          line(`FPC ${fpc.slot}`, "REV 11", "750-062243", `LAB${id}F000${fpc.slot}`, fpc.type),
          line("  CPU", "REV 04", "711-043360", `LAB${id}C000${fpc.slot}`, "IOC CPU"),
          ...fpc.pics.map((pic) => line(`  PIC ${pic.slot}`, "", "BUILTIN", "BUILTIN", pic.type)),
        ]),
      ].join("\n"),
    );
  },
};

/** Cards as the last upgrade left them, or as it has them now. */
export const showInServiceUpgrade: Command = {
  words: "show chassis in-service-upgrade",
  run(context) {
    const { cluster, node, upgrade, print } = context;
    if (cluster.isPair && cluster.master !== node.id)
      throw new CliError("error: command must be issued on the primary node");
    const row = (item: string, state: string, reason = "") =>
      `${item.padEnd(15)}${state.padEnd(24)}${reason}`.trimEnd();
    const reason = upgrade.running ? "ISSU in progress" : "";
    print(
      [
        row("Item", "Status", "Reason"),
        ...node.fpcs.flatMap((fpc) => [
          row(`FPC ${fpc.slot}`, fpc.state, fpc.state === "Online" ? "" : reason),
          ...fpc.pics.map((pic) => row(`  PIC ${pic.slot}`, pic.state, pic.state === "Online" ? "" : reason)),
        ]),
      ].join("\n"),
    );
  },
};

/** What the table of cold synchronisation counts. */
const UNITS = 2;
const PREREQUISITES = ["if_state sync", "fabric link", "policy data sync", "cp ready", "VPN data sync"];

export const showClusterIssu: Command = {
  words: "show chassis cluster information issu",
  run(context) {
    const { cluster } = context;
    requireCluster(cluster);
    eachNode(context, ({ coldSync, fpcs }) => {
      const cards = fpcs.every(({ state }) => state === "Online");
      const ready = cards && cluster.links.fabric;
      const before = (at: number) => (at === 1 ? cluster.links.fabric : cards);
      const done = (is: boolean) => (is ? UNITS : 0);
      return [
        "Cold Synchronization Progress:",
        `    CS Prereq               ${done(ready)} of ${UNITS} SPUs completed`,
        ...PREREQUISITES.map(
          (what, at) => `       ${at + 1}. ${what.padEnd(23)}${done(before(at))} SPUs completed`,
        ),
        `    CS RTO sync             ${done(coldSync === "complete")} of ${UNITS} SPUs completed`,
        `    CS Postreq              ${done(coldSync === "complete")} of ${UNITS} SPUs completed`,
      ].join("\n");
    });
  },
};
