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

/** One node in one group, in the words of the device, as the node sees it that the operator is on. */
export function memberRow(
  { cluster, node: viewer }: Pick<CommandContext, "cluster" | "node">,
  group: RedundancyGroup,
  id: 0 | 1,
) {
  const status = cluster.statusOf(group, id, viewer.id);
  if (status === "lost") return { priority: 0, status, preempt: "n/a", manual: "n/a", failures: "n/a" };
  const yesNo = (is: boolean) => (is ? "yes" : "no");
  return {
    priority: cluster.priorityOf(group, id),
    status,
    preempt: yesNo(group.preempt),
    manual: yesNo(group.manual !== undefined),
    failures: cluster.failuresOf(group, id).join(" ") || "None",
  };
}

export const showClusterStatus: Command = {
  words: "show chassis cluster status",
  run(context) {
    const { cluster, print } = context;
    requireCluster(cluster);
    const groups = chosenGroups(context);
    const row = (group: RedundancyGroup, id: 0 | 1) => {
      const { priority, status, preempt, manual, failures } = memberRow(context, group, id);
      return `node${id}  ${String(priority).padEnd(9)}${status.padEnd(15)}${preempt.padEnd(8)}${manual.padEnd(9)}${failures}`;
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
