/**
 * Redundancy groups of a network function as they stand.
 *
 * @module
 */
import type { GroupState } from "../../contract/cnf-inventory";
import { annotations } from "../../contract/names";
import type { GroupMember, RedundancyGroup } from "../../contract/redundancy-group";
import { isNotFound } from "./errors";
import { type Deployment, type KubeList, type Metadata, paths } from "./objects";
import type { Read } from "./read-split";

export type StoredGroup = Omit<RedundancyGroup, "metadata"> & { readonly metadata: Metadata };

/** Whether a workload's instances are members of a group. */
export const isGrouped = ({ metadata }: Pick<Deployment, "metadata">): boolean =>
  (metadata.annotations?.[annotations.serviceType] ?? "load-sharing") !== "load-sharing";

/**
 * Not asked for where no component keeps state in step: most network functions would wait for an empty answer.
 *
 * @returns none where the definition isn't installed.
 */
export async function groupsOf(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  deployments: readonly Deployment[],
  read: Read,
): Promise<readonly StoredGroup[]> {
  if (!deployments.some(isGrouped)) return [];
  try {
    const { items } = await read<KubeList<StoredGroup>>(paths.groups(namespace));
    return items.filter(({ spec }) => spec.cnf === name);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

export function groupState({ spec, status }: StoredGroup): GroupState {
  const { component, kind, workloads, active, selfHealing, migration } = spec;
  return {
    component,
    kind,
    workloads,
    ...(active === undefined ? {} : { wanted: active }),
    selfHealing,
    ...(migration === undefined ? {} : { migration }),
    ...(status?.members ? { reported: reportedBy(status.members, status.quorum) } : {}),
  };
}

function reportedBy(members: readonly GroupMember[], quorum: number): NonNullable<GroupState["reported"]> {
  const inStep: { [workload: string]: number } = {};
  for (const member of members) {
    if (!member.inStep || member.role === "leaving") continue;
    inStep[member.workload] = (inStep[member.workload] ?? 0) + 1;
  }
  const active = members.find(({ role }) => role === "active")?.workload;
  return {
    ...(active === undefined ? {} : { active }),
    inStep,
    quorum,
    troubles: members.flatMap(({ name, trouble }) => (trouble ? [`${name}: ${trouble}`] : [])),
  };
}
