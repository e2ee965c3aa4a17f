import type { Cluster } from "../cluster.ts";
import type { ChassisNode } from "../node.ts";

/** What stands before an operator's input, the line with the node's role included. Line ends are bare. */
export function promptOf(cluster: Cluster, node: ChassisNode, user: string, configuring: boolean): string {
  const group = cluster.groups[0];
  const status = group ? cluster.statusOf(group, node.id, node.id) : "";
  const role = cluster.isCluster
    ? `{${status}:node${node.id}}`
    : cluster.isPair
      ? `{${status === "primary" ? "master" : "backup"}}`
      : "";
  const context = `${role}${configuring ? "[edit]" : ""}`;
  return `${context ? `\n${context}` : ""}\n${user}@${node.hostname}${configuring ? "#" : ">"} `;
}
