/**
 * What has to be so before an element's root is replaced (ESC-03, ESC-05, INI-10). Pure.
 *
 * @module
 */
import { type ElementInventory, otherPartition, type RootRelease } from "../contract/element-inventory";
import { formatDuration } from "../policy/duration";
import type { ElementSpec } from "../policy/element-spec";
import type { Problem } from "../policy/problem";
import type { ElementPlanSpec } from "./element-steps";

/** Whether a root is the one that is declared: of its version, and of its content where that is declared. */
export const isWanted = ({ version, image }: ElementSpec, root: RootRelease | null | undefined): boolean =>
  root?.version === version && (image.sha256 === undefined || root.sha256 === image.sha256);

/** Why a root can't be changed to without a reboot; undefined if it can, or if nobody knows what it needs yet. */
export function needsReboot(
  root: RootRelease | null | undefined,
  inventory: ElementInventory,
): string | undefined {
  if (!root) return undefined;
  if (root.kernelAbi !== inventory.kernelAbi)
    return `${root.version} is built for kernel ABI ${root.kernelAbi}, and ${inventory.kernelAbi} runs`;
  for (const [name, abi] of Object.entries(root.modules)) {
    const loaded = inventory.modules[name];
    if (loaded !== abi)
      return `${root.version} needs module ${name} with ABI ${abi}, and ${loaded ?? "none"} is loaded`;
  }
  return undefined;
}

/** @returns every reason not to begin. */
export function elementProblems(
  { element, policy }: ElementPlanSpec,
  inventory: ElementInventory,
): Problem[] {
  const problems: Problem[] = [];
  const wrong = (path: string, message: string) => void problems.push({ path, message });
  const { partition = "a", switch: last } = inventory;
  const target = otherPartition(partition);
  if (last?.state === "running") {
    wrong(
      "element",
      `Got a change to ${last.to.version} under way that no campaign began. Expected none. Wait for its end.`,
    );
  }
  const shortest = Math.min(...inventory.holdMs);
  if (inventory.holdMs.length > 0 && shortest <= policy.absenceMs) {
    wrong(
      "upgrade.absence",
      `Got an expected absence of ${formatDuration(policy.absenceMs)} and a neighbour that waits ${formatDuration(shortest)}: it would drop the adjacency. Expected a longer hold time. Lengthen it at the neighbour, or state the absence that was measured.`,
    );
  }
  const { path, device, url, sha256, unpackedBytes } = element.image;
  const there = inventory.partitions[target];
  const comes = path ?? device ?? url;
  if (comes === undefined && !isWanted(element, there)) {
    const other = there?.version === element.version ? `${element.version} of another image` : there?.version;
    wrong(
      "image",
      `Got ${other ?? "no root file system"} on partition ${target}. Expected ${element.version}${sha256 === undefined ? "" : ` of ${sha256.slice(0, 12)}…`}, since it is not said where an image comes from. Give image.path, image.device or image.url, or put it there.`,
    );
  }
  if (policy.traffic === "partner" && inventory.otherWays.some((ways) => ways === 0)) {
    wrong(
      "upgrade.traffic",
      `Got "partner", and a neighbour that has no other way than this element. Expected a partner that takes the traffic. Bring it back, or write traffic: "stays".`,
    );
  }
  const total = inventory.room[target]?.total;
  if (unpackedBytes !== undefined && total !== undefined && total < unpackedBytes) {
    wrong(
      "image.unpackedBytes",
      `Got ${unpackedBytes} bytes for partition ${target}, which has ${total}. Expected room for all of it. Use a smaller image.`,
    );
  }
  const why = isWanted(element, there) ? needsReboot(there, inventory) : undefined;
  if (why !== undefined && policy.reboot === "refused") {
    wrong(
      "upgrade.reboot",
      `Got "refused", and ${why}: it takes a reboot, which loses all that goes through the element. Expected an image for this kernel, or consent. Write reboot: "if-needed" to consent.`,
    );
  }
  return problems;
}
