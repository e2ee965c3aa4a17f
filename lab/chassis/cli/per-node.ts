import type { ChassisNode } from "../node.ts";
import type { CommandContext } from "./command.ts";

const RULE = "-".repeat(74);

/**
 * Which nodes a command is about: those that `local` or `node 0|1|all|local|primary` at its end names, else all that can be
 * heard.
 */
export function chosenNodes({ cluster, node, args }: CommandContext): readonly ChassisNode[] {
  const all = cluster.nodes.filter(({ id }) => id === node.id || cluster.hears(node.id));
  // A routing engine speaks for itself unless it is asked about the others.
  if (!cluster.isCluster) return args.includes("all-routing-engines") ? all : [node];
  const at = args.indexOf("node");
  const which = at < 0 ? (args.includes("local") ? "local" : "all") : args[at + 1];
  if (which === "local") return [node];
  if (which === "primary") return all.filter(({ id }) => id === cluster.master);
  if (which === "0" || which === "1") return all.filter(({ id }) => String(id) === which);
  return all;
}

/** Prints a section for each node, headed by its name in a cluster. */
export function eachNode(
  context: CommandContext,
  textOf: (node: ChassisNode) => string,
  nodes: readonly ChassisNode[] = chosenNodes(context),
): void {
  if (!context.cluster.isCluster && !context.args.includes("all-routing-engines")) {
    for (const node of nodes) context.print(textOf(node));
    return;
  }
  context.print(
    nodes
      .map((node) => `${context.cluster.nameOf(node.id)}:\n${RULE}\n${textOf(node).replace(/\n$/, "")}\n`)
      .join("\n"),
  );
}
