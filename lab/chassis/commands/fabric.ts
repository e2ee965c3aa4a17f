import { CliError, type Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";

/** Each card of these boxes has one forwarding engine. */
export const showFabricPlane: Command = {
  words: "show chassis fabric plane",
  run(context) {
    const { family, model } = context.cluster.shape;
    if (family === "branch") throw new CliError(`error: command is not valid on the ${model}`);
    eachNode(context, ({ fpcs }) =>
      [
        "Fabric management PLANE state",
        "Plane 0",
        "  Plane state: ACTIVE",
        ...fpcs.flatMap(({ slot, state }) =>
          state === "Offline"
            ? []
            : [`      FPC ${slot}`, `          PFE 0 :${state === "Online" ? "Links ok" : "Link error"}`],
        ),
      ].join("\n"),
    );
  },
};
