/**
 * One node back to the release it ran before: abort, rollback, reboot, in that order, then in step again.
 *
 * @module
 */
import { type NodeName, otherNode } from "../../../contract/chassis-inventory";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { isJunosRelease } from "../../../policy/junos-release";
import { flagArg, nodeArg, textArg } from "../arguments";
import type { Chassis } from "../chassis-context";
import { ask, command } from "../command";
import { commandsOf } from "../forms";
import { type Glance, glance } from "../observe";
import { parseNextBoot } from "../parse/software-list";
import { describeGlance, inStep } from "../progress";
import { waitFor } from "../wait";
import { move } from "./groups";

/** Times a node is rolled back before it is given up: a node that boots the other release again was told wrong. */
const TRIES = 2;

/** @throws TargetError `CARRIES_TRAFFIC`, `DEVICE_REFUSED`, `WRONG_RELEASE`, `TIMEOUT` */
export async function rollBackNode(
  chassis: Chassis,
  action: Action,
  context: ActionContext,
): Promise<string> {
  const node = nodeArg(action, "node");
  const version = textArg(action, "version");
  const aborts = flagArg(action, "aborts");
  let rebooted = 0;
  let gone = false;
  let seen: Glance | undefined;
  await waitFor(chassis, context, {
    what: `${node} to run ${version} and be in step`,
    seen: () => (seen ? describeGlance(seen) : "nothing was seen"),
    look: async () => {
      seen = await glance(chassis, context.signal).catch((error: unknown) => {
        if (error instanceof TargetError && error.code === "UNREACHABLE") return undefined;
        throw error;
      });
      const now = seen?.nodes[node];
      if (!seen || !now || now.unreachable !== undefined || now.version === undefined) {
        gone = true;
        context.progress(`${node} is away`);
        return undefined;
      }
      context.progress(describeGlance(seen));
      if (isJunosRelease(version, now.version)) return inStep(seen, node) ? true : undefined;
      // Told to reboot, it answers for a while yet.
      if (rebooted > 0 && !gone) return undefined;
      if (rebooted >= TRIES)
        throw new TargetError(
          "WRONG_RELEASE",
          `${node} runs ${now.version} after a rollback, expected ${version}: that is not the release it had before. Install ${version} there by hand (request system software add)`,
        );
      await handOver(chassis, seen, node, context);
      if (aborts)
        // Without an upgrade in hand the device complains, which is as good.
        await ask(chassis, node, "request system software abort in-service-upgrade", context);
      await stageRollback(chassis, node, version, context);
      gone = false;
      rebooted += 1;
      await reboot(chassis, node, context);
      return undefined;
    },
  });
  return rebooted > 0 ? `${node} was rolled back to ${version}` : `${node} ran ${version}`;
}

/** The session may end before the prompt comes back. */
export async function reboot(chassis: Chassis, node: NodeName, context: ActionContext): Promise<void> {
  try {
    await command(chassis, node, "request system reboot", context);
  } catch (error) {
    const lost = error instanceof TargetError && ["SESSION_LOST", "UNREACHABLE"].includes(error.code);
    if (!lost) throw error;
  }
}

/** An earlier run may have done it and not come to the reboot; a second rollback would take the first one back. */
export async function stageRollback(
  chassis: Chassis,
  node: NodeName,
  version: string,
  context: ActionContext,
): Promise<void> {
  const text = commandsOf(chassis.form).rollback(node);
  for (let turn = 1; turn <= 2; turn++) {
    const next = parseNextBoot(await command(chassis, node, text, context, { slow: true }));
    // A device that does not say what it will boot shows it when it has.
    if (next === undefined || isJunosRelease(version, next)) return;
    if (turn === 2)
      throw new TargetError(
        "WRONG_RELEASE",
        `${node} would boot ${next} after a rollback, expected ${version}: that is not the release it had before. Install ${version} there by hand (request system software add)`,
      );
  }
}

/** What carries traffic is not rebooted: its groups move to the other node first. */
async function handOver(
  chassis: Chassis,
  { groups, nodes }: Glance,
  node: NodeName,
  context: ActionContext,
): Promise<void> {
  const carried = groups.filter(({ members }) => members[node]?.status === "primary").map(({ id }) => id);
  if (carried.length === 0) return;
  const other = otherNode(node);
  if (nodes[other].unreachable !== undefined)
    throw new TargetError(
      "CARRIES_TRAFFIC",
      `${node} is primary of RG-${carried.join(", RG-")} and ${other} is away, so it is not rebooted. Bring ${other} back, then run again`,
    );
  // RG-0 last: with it the node that speaks for the cluster changes.
  for (const group of carried.sort((a, b) => b - a)) await move(chassis, group, other, context);
}
