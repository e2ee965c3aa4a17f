/**
 * Members of redundancy groups, seen as `scale` sees instances: whether they serve, and what would be lost with them.
 *
 * @module
 */
import type { GroupMember, RedundancyGroup, RedundancyGroupStatus } from "../../../contract/redundancy-group";
import type { CarryingInstance } from "../../../contract/subscriber-split";
import { TargetError } from "../../../contract/target";
import type { Cnf } from "../cnf-context";

/** Weights by which members are chosen to go: the active one last, those in step after those that aren't. */
const ACTIVE = 1_000_000;
const IN_STEP = 1_000;

/** A member that left carries nothing more; one that didn't still does, so it is waited for. */
export function carriedByMembers(group: RedundancyGroup | undefined): CarryingInstance[] {
  return (group?.status?.members ?? []).map((member) => ({
    name: member.name,
    workload: member.workload,
    serving: member.inStep && member.role !== "leaving",
    draining: member.role === "leaving",
    subscribers: 0,
    sessions: weightOf(member),
  }));
}

function weightOf({ role, inStep }: GroupMember): number {
  if (role === "leaving") return 0;
  return role === "active" ? ACTIVE : inStep ? IN_STEP : 1;
}

/**
 * @throws TargetError `ACTIVE_MEMBER` if the active member would go: the active role has to move first (ESC-23).
 */
export function refuseActive(
  workload: string,
  chosen: readonly string[],
  group: RedundancyGroup | undefined,
): void {
  const active = group?.status?.members?.find(({ role }) => role === "active");
  if (!active || !chosen.includes(active.name)) return;
  throw new TargetError(
    "ACTIVE_MEMBER",
    `deployment/${workload} is not scaled down: ${active.name} is the active member of ${group?.metadata.name}. Expected another to be active first (\`active\` of the RedundancyGroup). Plan anew.`,
  );
}

/** @param did what the network function failed to do. */
export function noGroup(cnf: Cnf, name: string, did: string): TargetError {
  return new TargetError(
    "NO_REDUNDANCY_GROUP",
    `the redundancy of ${cnf.name} ${did} within ${cnf.patience.silenceMs / 1000} s. Expected: a part of the network function that watches redundancygroup/${name} in namespace ${cnf.namespace} and writes its status (docs/contract.md). Check that it runs.`,
  );
}

/** A group in one line, for progress and messages. */
export function tallyOf(name: string, status: RedundancyGroupStatus | undefined): string {
  if (!status) return `${name}: no report yet`;
  const members = (status.members ?? []).filter(({ role }) => role !== "leaving");
  const inStep = members.filter((one) => one.inStep).length;
  const active = members.find(({ role }) => role === "active");
  const behind = members.filter((one) => !one.inStep);
  const troubles = [
    ...new Set(behind.flatMap((one) => (one.trouble ? [`${one.name}: ${one.trouble}`] : []))),
  ];
  const left = behind.reduce((sum, one) => sum + one.behind, 0);
  const { switchover } = status;
  return [
    `${name}: ${inStep} of ${members.length} in step`,
    ...(left > 0 ? [`${left} changes behind`] : []),
    ...(active ? [`${active.name} active`] : []),
    ...(switchover?.phase === "done" && switchover.gapMs !== undefined && switchover.to === active?.name
      ? [`nobody was for ${Math.round(switchover.gapMs)} ms`]
      : []),
    ...(switchover?.phase === "refused"
      ? [`switchover refused: ${switchover.reason ?? "no reason given"}`]
      : []),
    ...troubles,
  ].join(", ");
}
