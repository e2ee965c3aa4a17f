import { CliError, type Command } from "../cli/command.ts";
import { chosenNodes, eachNode } from "../cli/per-node.ts";
import { dateText } from "./health.ts";
import { requireNoUpgrade } from "./software.ts";

export const takeSnapshot: Command = {
  words: "request system snapshot",
  async run(context) {
    const { cluster } = context;
    requireNoUpgrade(context, "snapshot");
    const targets = chosenNodes(context);
    await Promise.all(targets.map(({ life }) => cluster.clock.wait(cluster.shape.durations.snapshot, life)));
    for (const node of targets) {
      node.snapshot = { at: cluster.clock.now(), release: node.release };
      cluster.events.record("snapshot", { node: node.id, release: node.release });
    }
    eachNode(
      context,
      () =>
        "Verifying compatibility of destination media partitions...\nRunning snapshot on each filesystem...\nThe following filesystems were archived: / /config",
      targets,
    );
  },
};

export const showSnapshot: Command = {
  words: "show system snapshot",
  run(context) {
    const { clock } = context.cluster;
    eachNode(context, ({ snapshot }) =>
      snapshot
        ? [
            "Information for snapshot on       backup",
            `Creation date: ${dateText(clock.date(snapshot.at))}`,
            "JUNOS version on snapshot:",
            `  junos  : ${snapshot.release}`,
          ].join("\n")
        : "error: no snapshot on the backup media",
    );
  },
};

export const saveRescue: Command = {
  words: "request system configuration rescue save",
  run({ cluster, node }) {
    for (const one of cluster.nodes) {
      if (one.id === node.id || cluster.hears(node.id))
        one.configuration.rescue = one.configuration.committed.statements;
    }
  },
};

export const deleteRescue: Command = {
  words: "request system configuration rescue delete",
  run({ node }) {
    if (!node.configuration.rescue) throw new CliError("error: no rescue configuration is set");
    node.configuration.rescue = undefined;
  },
};
