import type { Command, CommandContext } from "../cli/command.ts";
import { CliError } from "../cli/command.ts";
import { chosenNodes } from "../cli/per-node.ts";
import { lastWords } from "../issu.ts";
import type { ChassisNode } from "../node.ts";
import { requireNoUpgrade } from "./software.ts";

/** Takes nodes down and boots them again, the one the operator is on last. */
export function rebootNodes({ cluster, node, user }: CommandContext, targets: readonly ChassisNode[]): void {
  const last = (target: ChassisNode) => (target.id === node.id ? 1 : 0);
  for (const target of [...targets].sort((a, b) => last(a) - last(b))) {
    cluster.takeDown(target.id, "orderly", `reboot by ${user}`, lastWords(target, user));
    cluster.boot(target.id);
  }
}

export const reboot: Command = {
  words: "request system reboot",
  async run(context) {
    requireNoUpgrade(context, "reboot");
    const targets = context.args.includes("node") ? chosenNodes(context) : [context.node];
    if (targets.length === 0) throw new CliError("error: the node can't be reached");
    const answer = await context.ask("Reboot the system ? [yes,no] (no) ");
    if (!/^y(es)?$/i.test(answer.trim())) return;
    // While the question stood, an upgrade may have begun.
    requireNoUpgrade(context, "reboot");
    context.print(`\nShutdown NOW!\n[pid ${3000 + Math.floor(Math.random() * 900)}]`);
    rebootNodes(context, targets);
  },
};

/** Named only to be refused: the lab's boxes have nobody who would switch them on again. */
const refused = (words: string, what: string): Command => ({
  words,
  run(context) {
    requireNoUpgrade(context, what);
    throw new CliError(`error: ${what} is not simulated`);
  },
});

export const halt = refused("request system halt", "halt");
export const powerOff = refused("request system power-off", "power-off");
export const restart = refused("restart", "restart");
export const picOnline = refused("request chassis pic", "request chassis pic");
export const fpcOnline = refused("request chassis fpc", "request chassis fpc");
