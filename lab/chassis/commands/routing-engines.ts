/**
 * Two routing engines in one chassis: which is master, whether the other is ready to take over, and the change.
 *
 * @module
 */
import { CliError, type Command, type CommandContext } from "../cli/command.ts";
import { NON_STOP } from "../configuration/initial.ts";
import { type NodeId, other } from "../events.ts";

/** @throws {CliError} on boxes with one engine */
function requireEngines({ cluster }: CommandContext): void {
  if (cluster.shape.form !== "routing-engines")
    throw new CliError(`error: command is not valid on the ${cluster.shape.model}`);
}

/** Of an engine, as the one sees it that the operator is on. */
export const engineState = (
  { cluster, node }: Pick<CommandContext, "cluster" | "node">,
  id: NodeId,
): string =>
  id !== node.id && !cluster.hears(node.id) ? "Present" : cluster.master === id ? "Master" : "Backup";

export const showRoutingEngine: Command = {
  words: "show chassis routing-engine",
  run({ cluster, node, print }) {
    if (!cluster.isPair) {
      print(["Routing Engine status:", "    Model                          RE-S-1800x4"].join("\n"));
      return;
    }
    print(
      cluster.nodes
        .flatMap(({ id }) => [
          "Routing Engine status:",
          `  Slot ${id}:`,
          `    Current state                  ${engineState({ cluster, node }, id)}`,
          `    Election priority              ${id === 0 ? "Master" : "Backup"} (default)`,
          "    Model                          RE-S-1800x4",
        ])
        .join("\n"),
    );
  },
};

const has = ({ node }: CommandContext, statement: string | undefined): boolean =>
  node.configuration.committed.statements.includes(statement ?? "");

/** Told by the backup, of itself. */
export const showSwitchover: Command = {
  words: "show system switchover",
  run(context) {
    requireEngines(context);
    const { cluster, node, print } = context;
    if (cluster.master === node.id)
      throw new CliError("error: command is not valid on the master routing engine");
    const graceful = has(context, NON_STOP[0]);
    const ready = node.coldSync === "complete";
    print(
      [
        `Graceful switchover: ${graceful ? "On" : "Off"}`,
        `Configuration database: ${ready ? "Ready" : "Synchronizing"}`,
        `Kernel database: ${ready ? "Ready" : node.coldSync === "failed" ? "Version incompatible" : "Synchronizing"}`,
        `Switchover Status: ${graceful && ready ? "Ready" : "Not Ready"}`,
      ].join("\n"),
    );
  },
};

/** @throws {CliError} on boxes with one engine */
export function replicationOf(context: CommandContext) {
  requireEngines(context);
  const { cluster, node } = context;
  return {
    enabled: has(context, NON_STOP[1]),
    master: cluster.master === node.id,
    synced: cluster.peerOf(node.id)?.coldSync === "complete",
  };
}

/** Told by the master, of the protocols. */
export const showReplication: Command = {
  words: "show task replication",
  run(context) {
    const { enabled, master, synced } = replicationOf(context);
    context.print(
      [
        `        Stateful Replication: ${enabled ? "Enabled" : "Disabled"}`,
        `        RE mode: ${master ? "Master" : "Backup"}`,
        ...(master && enabled
          ? [
              "",
              "    Protocol                Synchronization Status",
              `    BGP                     ${synced ? "Complete" : "NotStarted"}`,
            ]
          : []),
      ].join("\n"),
    );
  },
};

export const switchMaster: Command = {
  words: "request chassis routing-engine master switch",
  async run(context) {
    requireEngines(context);
    const { cluster, node, args, ask, print, user } = context;
    const refuse = (text: string): never => {
      cluster.events.record("refused", { node: node.id, reason: text, user });
      throw new CliError(text);
    };
    const group = cluster.groups[0];
    const to = other(node.id);
    if (!group || cluster.master !== node.id)
      return refuse("error: command is not valid on the backup routing engine");
    if (context.upgrade.running) refuse("error: mastership switch is not allowed: ISSU in progress");
    if (!cluster.canTake(to) || !cluster.hears(node.id))
      refuse("error: other routing engine is not available");
    if (group.hold?.node === to || cluster.node(to).coldSync !== "complete")
      refuse("error: Not ready for mastership switch, try later");
    if (args.includes("check")) return print("Switchover Ready");
    if (!args.includes("no-confirm")) {
      const answer = await ask("Toggle mastership between routing engines ? [yes,no] (no) ");
      if (!/^y(es)?$/i.test(answer.trim())) return;
    }
    cluster.move(group, to, `switched by ${user}`);
    print("Resolving mastership...\nComplete. The other routing engine becomes the master.");
  },
};
