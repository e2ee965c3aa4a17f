import type { Cluster } from "../cluster.ts";
import type { ChassisNode } from "../node.ts";

/** What stands before an operator's input, the line with the node's role included. Line ends are bare. */
export function promptOf(cluster: Cluster, node: ChassisNode, user: string, configuring: boolean): string {
  const group = cluster.groups[0];
  const role = group ? `{${cluster.statusOf(group, node.id, node.id)}:node${node.id}}` : "";
  const context = `${role}${configuring ? "[edit]" : ""}`;
  return `${context ? `\n${context}` : ""}\n${user}@${node.hostname}${configuring ? "#" : ">"} `;
}
