/**
 * Both nodes as they should be: release, redundancy, cards, alarms (ESC-17).
 *
 * @module
 */
import {
  type ChassisInventory,
  type GroupsBefore,
  NODES,
  nodeOf,
  onlineOf,
} from "../../../contract/chassis-inventory";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { isJunosRelease } from "../../../policy/junos-release";
import { beforeArg, textArg } from "../arguments";
import { type Chassis, sessionOf } from "../chassis-context";
import { failureText } from "../failure-text";
import { unmarkBegun } from "../markers";
import { observe } from "../observe";
import { inStep } from "../progress";
import { waitFor } from "../wait";

/** @throws TargetError `TIMEOUT` with what is not as it should be. */
export async function verify(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const version = textArg(action, "version");
  const before = beforeArg(action);
  let faults: string[] = [];
  await waitFor(chassis, context, {
    what: `both nodes to be well on ${version}`,
    seen: () => faults.join("; "),
    look: async () => {
      faults = await observe(chassis, context.signal).then(
        (inventory) => faultsOf(inventory, version, before),
        (error: unknown) => {
          if (error instanceof TargetError && error.code === "UNREACHABLE") return [failureText(error)];
          throw error;
        },
      );
      if (faults.length > 0) context.progress(faults.join("; "));
      return faults.length === 0 ? true : undefined;
    },
  });
  for (const node of NODES) await unmarkBegun(sessionOf(chassis, node), chassis.name, context.signal);
  return `both nodes run ${version} and are in step`;
}

/** What is not as it should be, in words; empty if all is well. */
export function faultsOf(
  inventory: ChassisInventory,
  version: string,
  before: GroupsBefore | undefined,
): string[] {
  return [
    ...(inventory.upgrading ? ["an upgrade is still under way"] : []),
    ...(inventory.form === "alone" ? NODES.slice(0, 1) : NODES).flatMap((name) => {
      const node = nodeOf(inventory, name);
      if (node.unreachable !== undefined) return [`${name} can't be asked: ${node.unreachable}`];
      const online = new Set(onlineOf(node));
      const missing = (before?.online[name] ?? []).filter((one) => !online.has(one));
      const alarms = before ? node.alarms.filter((one) => !before.alarms[name]?.includes(one)) : [];
      return [
        ...(isJunosRelease(version, node.version ?? "")
          ? []
          : [`${name} runs ${node.version ?? "an unknown release"}`]),
        ...(inventory.form === "alone" || inStep(inventory, name)
          ? []
          : [`${name} is not in step in every group`]),
        ...missing.map((one) => `${one} of ${name} is not online`),
        ...alarms.map((one) => `new alarm on ${name}: ${one}`),
      ];
    }),
  ];
}
