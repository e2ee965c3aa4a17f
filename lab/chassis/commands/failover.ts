import { CliError, type Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";
import { chosenGroups, requireCluster } from "./cluster-status.ts";

/** Names a refusal in the log and to the operator. */
function refuse(context: Parameters<Command["run"]>[0], text: string): never {
  const { cluster, node, user } = context;
  cluster.events.record("refused", { node: node.id, reason: text, user });
  throw new CliError(text);
}

export const failover: Command = {
  words: "request chassis cluster failover",
  run(context) {
    const { cluster, args } = context;
    requireCluster(cluster);
    if (!args.includes("redundancy-group")) throw new CliError("error: missing argument: redundancy-group");
    const [group] = chosenGroups(context);
    const target = args[args.indexOf("node") + 1];
    if (!group || !args.includes("node") || (target !== "0" && target !== "1"))
      throw new CliError("error: missing argument: node (0..1)");
    const to = target === "0" ? 0 : 1;
    const what = `Manual failover is not permitted for redundancy group ${group.id}`;
    if (context.upgrade.running) refuse(context, `error: ${what}: ISSU in progress`);
    if (group.manual !== undefined)
      refuse(context, `error: ${what}: its manual failover flag is set, reset it first`);
    if (group.primary === to) refuse(context, `error: ${what}: node${to} is primary already`);
    if (!cluster.canTake(to) || !cluster.hears(context.node.id))
      refuse(context, `error: ${what}: node${to} is not available`);
    if (group.hold?.node === to) refuse(context, `error: ${what}: node${to} is in secondary-hold`);
    if (cluster.priorityOf(group, to) === 0) refuse(context, `error: ${what}: priority of node${to} is 0`);
    cluster.setManual(group, to);
    cluster.move(group, to, `manual failover by ${context.user}`);
    eachNode(context, () => `Initiated manual failover for redundancy group ${group.id}`, [cluster.node(to)]);
  },
};

export const resetFailover: Command = {
  words: "request chassis cluster failover reset",
  run(context) {
    const { cluster } = context;
    requireCluster(cluster);
    if (!context.args.includes("redundancy-group"))
      throw new CliError("error: missing argument: redundancy-group");
    const [group] = chosenGroups(context);
    if (!group) return;
    if (context.upgrade.running)
      refuse(context, `error: Reset is not permitted for redundancy group ${group.id}: ISSU in progress`);
    const flagged = group.manual;
    cluster.resetManual(group);
    eachNode(
      context,
      ({ id }) =>
        flagged === id
          ? `Successfully reset manual failover for redundancy group ${group.id}`
          : `No reset required for redundancy group ${group.id}.`,
      cluster.nodes.filter(({ id }) => id === context.node.id || cluster.hears(context.node.id)),
    );
  },
};

export const clearFailoverCount: Command = {
  words: "clear chassis cluster failover-count",
  run({ cluster, print }) {
    requireCluster(cluster);
    for (const group of cluster.groups) group.failovers = 0;
    print("Cleared failover-count for all redundancy-groups");
  },
};
