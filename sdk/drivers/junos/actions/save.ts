/**
 * What the device itself keeps before it is changed: rescue configuration, and the file systems with the release that runs.
 *
 * @module
 */
import type { Action, ActionContext } from "../../../contract/target";
import { nodeArg } from "../arguments";
import type { Chassis } from "../chassis-context";
import { command } from "../command";
import { commandsOf } from "../forms";
import { glance } from "../observe";

export async function saveRescue(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const node = nodeArg(action, "node");
  await command(chassis, node, "request system configuration rescue save", context);
  return `rescue configuration saved on ${node}`;
}

export async function saveSystem(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const node = nodeArg(action, "node");
  context.progress(`${node} saves its file systems`);
  if (chassis.form === undefined) await glance(chassis, context.signal);
  const output = await command(chassis, node, commandsOf(chassis.form).snapshot(node), context, {
    slow: true,
  });
  const last = output.trim().split("\n").at(-1)?.trim();
  return `snapshot of ${node}${last ? `: ${last}` : ""}`;
}
