import type { Command } from "../cli/command.ts";
import { eachNode } from "../cli/per-node.ts";

/** Parts of a release that have lines of their own. */
const PARTS = [
  "OS Kernel 64-bit ",
  "OS libs",
  "OS runtime",
  "OS crypto",
  "network stack and utilities",
  "libs",
  "runtime",
  "srx platform support",
  "daemons",
  "Online Documentation",
];

export const showVersion: Command = {
  words: "show version",
  run(context) {
    eachNode(context, (node) =>
      [
        `Hostname: ${node.hostname}`,
        `Model: ${context.cluster.shape.model}`,
        `Junos: ${node.release}`,
        ...PARTS.map((part) => `JUNOS ${part} [${node.release}]`),
      ].join("\n"),
    );
  },
};
