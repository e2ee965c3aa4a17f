/**
 * Redundancy groups: moves them, sets and clears their manual flags, waits while they are held.
 *
 * @module
 */
import {
  NODES,
  type NodeName,
  otherNode,
  primaryOf,
  type RedundancyGroupState,
} from "../../../contract/chassis-inventory";
import { type Action, type ActionContext, TargetError } from "../../../contract/target";
import { nodeArg, numberArg, optionalNode } from "../arguments";
import type { Chassis } from "../chassis-context";
import { command } from "../command";
import { failureText } from "../failure-text";
import { commandsOf } from "../forms";
import { type Glance, glance } from "../observe";
import { waitFor } from "../wait";

/** Waits until no group is in secondary-hold. */
export async function waitHold(chassis: Chassis, _action: Action, context: ActionContext): Promise<string> {
  let seen = "";
  await waitFor(chassis, context, {
    what: "groups in secondary-hold",
    seen: () => seen,
    look: async () => {
      const { groups } = await glance(chassis, context.signal);
      const held = groups.filter((group) => NODES.some((node) => isHeld(group, node)));
      seen = `RG-${held.map(({ id }) => id).join(", RG-")} still in secondary-hold`;
      context.progress(seen);
      return held.length === 0 && groups.length > 0 ? true : undefined;
    },
  });
  return "no group is in secondary-hold";
}

/** One group to RG-0's primary, as an operator of 11.4 would. */
export async function gather(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const group = numberArg(action, "group");
  const node = nodeArg(action, "node");
  return (await move(chassis, group, node, context))
    ? `RG-${group} moved to ${node}`
    : `RG-${group} was on ${node}`;
}

/** Every group to one node. */
export async function takeOver(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const node = nodeArg(action, "node");
  const { groups } = await seenGroups(chassis, context);
  // RG-0 last: with it the node that speaks for the cluster changes.
  const order = groups.map(({ id }) => id).sort((a, b) => b - a);
  const moved: number[] = [];
  for (const group of order) if (await move(chassis, group, node, context)) moved.push(group);
  return moved.length > 0
    ? `RG-${moved.join(", RG-")} moved to ${node}`
    : `${node} was primary of every group`;
}

/** One group where and as it was before. */
export async function placeGroup(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const group = numberArg(action, "group");
  const primary = nodeArg(action, "primary");
  const manual = optionalNode(action, "manual");
  if (manual === undefined) {
    // A node with preempt takes its group back by itself once the flag is gone.
    await unflag(chassis, group, context);
    const moved = await move(chassis, group, primary, context);
    await unflag(chassis, group, context);
    return `RG-${group} ${moved ? "moved back to" : "is on"} ${primary}, without a manual flag`;
  }
  const now = await stateOf(chassis, group, context);
  if (now.members[manual]?.manual && now.members[manual]?.priority === 255)
    return `RG-${group} is failed over to ${manual} by hand, as before`;
  await unflag(chassis, group, context);
  const { members } = await stateOf(chassis, group, context);
  // Only a group that moves gets the flag.
  if (members[manual]?.status === "primary") await move(chassis, group, otherNode(manual), context);
  await unflag(chassis, group, context);
  await move(chassis, group, manual, context);
  return `RG-${group} failed over to ${manual} by hand, as before`;
}

/** Takes the manual flag off one group. */
export async function resetGroup(chassis: Chassis, action: Action, context: ActionContext): Promise<string> {
  const group = numberArg(action, "group");
  return (await unflag(chassis, group, context))
    ? `RG-${group}: manual flag taken off`
    : `RG-${group} had no manual flag`;
}

/** @returns whether it had to move. */
export async function move(
  chassis: Chassis,
  group: number,
  node: NodeName,
  context: ActionContext,
): Promise<boolean> {
  let moved = false;
  let seen = "";
  await waitFor(chassis, context, {
    what: `RG-${group} to be primary on ${node}`,
    seen: () => seen,
    look: async () => {
      const all = await glance(chassis, context.signal);
      const { members } = groupIn(all, group);
      if (members[node]?.status === "primary") return true;
      const status = members[node]?.status ?? "not shown";
      seen = `it is ${status} there`;
      context.progress(`RG-${group}: ${node} is ${status}`);
      if (status !== "secondary") return undefined;
      // The primary speaks for all groups; it is there, since somebody said that this node is secondary.
      const speaker = primaryOf(all, 0) ?? node;
      try {
        // A group that was failed over by hand stays there until its flag is off.
        if (flagged(groupIn(all, group)))
          await command(
            chassis,
            speaker,
            `request chassis cluster failover reset redundancy-group ${group}`,
            context,
          );
        await command(chassis, speaker, commandsOf(chassis.form).failover(group, node), context);
        moved = true;
      } catch (error) {
        // It may be held, or about to change hands; the deadline ends it with the device's own words.
        if (!(error instanceof TargetError) || error.code !== "DEVICE_REFUSED") throw error;
        seen = failureText(error);
      }
      return undefined;
    },
  });
  return moved;
}

/** @returns whether there was a flag. */
async function unflag(chassis: Chassis, group: number, context: ActionContext): Promise<boolean> {
  let had = false;
  await waitFor(chassis, context, {
    what: `RG-${group} to be without its manual flag`,
    look: async () => {
      const all = await glance(chassis, context.signal);
      if (!flagged(groupIn(all, group))) return true;
      had = true;
      const speaker = primaryOf(all, 0) ?? "node0";
      await command(
        chassis,
        speaker,
        `request chassis cluster failover reset redundancy-group ${group}`,
        context,
      );
      return undefined;
    },
  });
  return had;
}

const flagged = ({ members }: RedundancyGroupState): boolean =>
  NODES.some((node) => members[node]?.manual || members[node]?.priority === 255);

const isHeld = ({ members }: RedundancyGroupState, node: NodeName): boolean =>
  members[node]?.status === "secondary-hold";

async function stateOf(
  chassis: Chassis,
  group: number,
  context: ActionContext,
): Promise<RedundancyGroupState> {
  return groupIn(await glance(chassis, context.signal), group);
}

async function seenGroups(chassis: Chassis, context: ActionContext): Promise<Glance> {
  return waitFor(chassis, context, {
    what: "the groups' status",
    look: async () => {
      const all = await glance(chassis, context.signal);
      return all.groups.length > 0 ? all : undefined;
    },
  });
}

function groupIn({ groups }: Glance, group: number): RedundancyGroupState {
  const found = groups.find(({ id }) => id === group);
  if (found) return found;
  throw new TargetError("NOT_FOUND", `there is no redundancy group ${group} any more`);
}
