import { CliError, type Command, type CommandContext } from "../cli/command.ts";
import type { Cluster } from "../cluster.ts";
import type { RedundancyGroup } from "../redundancy-group.ts";

const LEGEND = [
  "CS  Cold Sync monitoring        FL  Fabric Connection monitoring",
  "GR  GRES monitoring             HW  Hardware monitoring",
  "IF  Interface monitoring        IP  IP monitoring",
  "LB  Loopback monitoring         MB  Mbuf monitoring",
  "NH  Nexthop monitoring          NP  NPC monitoring",
  "SP  SPU monitoring              SM  Schedule monitoring",
  "CF  Config Sync monitoring      RE  Relinquish monitoring",
];

/** @throws {CliError} on a stand-alone box */
export function requireCluster(cluster: Cluster): void {
  if (!cluster.isCluster) throw new CliError("error: Chassis cluster is not enabled.");
}

/**
 * The groups that `redundancy-group N` names, or all.
 *
 * @throws {CliError} if there is no such group
 */
export function chosenGroups({
  cluster,
  args,
}: Pick<CommandContext, "cluster" | "args">): readonly RedundancyGroup[] {
  const at = args.indexOf("redundancy-group");
  if (at < 0) return cluster.groups;
  const group = cluster.groups[Number(args[at + 1])];
  if (!group) throw new CliError(`error: Redundancy group ${args[at + 1] ?? ""} is not configured.`);
  return [group];
}

export const showClusterStatus: Command = {
  words: "show chassis cluster status",
  run(context) {
    const { cluster, node: viewer, print } = context;
    requireCluster(cluster);
    const groups = chosenGroups(context);
    const row = (group: RedundancyGroup, id: 0 | 1) => {
      const status = cluster.statusOf(group, id, viewer.id);
      const yesNo = (is: boolean) => (is ? "yes" : "no");
      const cells =
        status === "lost"
          ? ["0", status, "n/a", "n/a", "n/a"]
          : [
              String(cluster.priorityOf(group, id)),
              status,
              yesNo(group.preempt),
              yesNo(group.manual !== undefined),
              cluster.failuresOf(group, id).join(" ") || "None",
            ];
      const [priority = "", state = "", preempt = "", manual = "", failures = ""] = cells;
      return `node${id}  ${priority.padEnd(9)}${state.padEnd(15)}${preempt.padEnd(8)}${manual.padEnd(9)}${failures}`;
    };
    print(
      [
        "Monitor Failure codes:",
        ...LEGEND,
        "",
        `Cluster ID: ${cluster.shape.clusterId}`,
        "Node   Priority Status         Preempt Manual   Monitor-failures",
        ...groups.flatMap((group) => [
          "",
          `Redundancy group: ${group.id} , Failover count: ${group.failovers}`,
          row(group, 0),
          row(group, 1),
        ]),
      ].join("\n"),
    );
  },
};
