/**
 * What a campaign asks of a redundancy group besides its members: self-healing off and on (GRY-01), who takes part, who is
 * active.
 *
 * @module
 */
import type { ComponentSpec } from "../policy/cnf-spec";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import type { Draft } from "./cnf-draft";
import { type GroupLane, isGroup } from "./cnf-groups";

/** The network function must not take members that are being exchanged for failed ones. */
export function suspendHealing(
  draft: Draft,
  { component, kind }: Pick<GroupLane, "component" | "kind">,
): void {
  const group = draft.group(component);
  if (!group || group.selfHealing === "suspended") return;
  draft.regroup(component, { kind, selfHealing: "suspended" }, `suspend self-healing of ${component}`);
}

/** Members of the new version may join: they take over state, the old ones go on as before. */
export function readyToExchange(draft: Draft, lane: GroupLane, { migrations }: ResolvedPolicy): void {
  const { component, kind, grow, shrink } = lane;
  const workloads = [...(shrink === undefined ? [] : [shrink]), grow];
  const group = draft.group(component);
  const migration = migrations[component];
  const joined = group !== undefined && workloads.every((one) => group.workloads.includes(one));
  if (joined && group.migration === migration) return;
  draft.regroup(
    component,
    {
      kind,
      workloads,
      migration,
      // It stays where it is, also if the active member ends while both versions are there.
      ...(kind === "active-standby" && shrink !== undefined
        ? { active: draft.activeOf(component) ?? shrink }
        : {}),
      selfHealing: shrink === undefined ? "on" : "suspended",
    },
    `let ${grow} join the redundancy group of ${component}`,
  );
}

export function switchOver(draft: Draft, { component, kind, grow }: GroupLane, version: string): void {
  if (draft.activeOf(component) === grow && draft.group(component)?.active === grow) return;
  draft.regroup(component, { kind, active: grow }, `switch ${component} over to ${version}`);
}

/** To the member that came last: it has the place of the one that was active in the beginning. */
export function switchBack(draft: Draft, { component, kind, grow }: GroupLane): void {
  if (kind !== "active-standby") return;
  draft.regroup(component, { kind, active: grow }, `switch ${component} back to the half upgraded last`, {
    youngest: true,
  });
}

/** Only this workload is in the group, and the network function looks after it again. */
export function becomeAlone(
  draft: Draft,
  component: Pick<ComponentSpec, "name" | "workload" | "serviceType">,
): void {
  if (!isGroup(component)) return;
  const { name, workload, serviceType } = component;
  const group = draft.group(name);
  const alone = group?.workloads.length === 1 && group.workloads[0] === workload;
  if (alone && group?.selfHealing === "on" && group.migration === undefined) return;
  draft.regroup(
    name,
    {
      kind: serviceType as GroupLane["kind"],
      workloads: [workload],
      selfHealing: "on",
      migration: undefined,
      ...(serviceType === "active-standby" ? { active: workload } : {}),
    },
    group?.selfHealing === "suspended"
      ? `restore self-healing of ${name}`
      : `${name} is a redundancy group of ${workload}`,
  );
}

/** The first members there are, which have nobody to take state over from. */
export function found(draft: Draft, { name, workload, serviceType }: ComponentSpec, members: number): void {
  const group = draft.group(name);
  if (group?.workloads.includes(workload) && draft.count(workload).serving >= members) return;
  draft.regroup(
    name,
    {
      kind: serviceType as GroupLane["kind"],
      workloads: [workload],
      selfHealing: "on",
      migration: undefined,
      ...(serviceType === "active-standby" ? { active: workload } : {}),
    },
    `${workload} becomes the redundancy group of ${name}`,
    { members: { [workload]: members } },
  );
}

/** Nobody is a member any more: the last ones can't hand over to anybody. */
export function giveUp(
  draft: Draft,
  { name, serviceType }: Pick<ComponentSpec, "name" | "serviceType">,
): void {
  const group = draft.group(name);
  if (serviceType === "load-sharing" || !group || group.workloads.length === 0) return;
  draft.regroup(
    name,
    { kind: serviceType, workloads: [], active: undefined, selfHealing: "on", migration: undefined },
    `the redundancy group of ${name} is given up`,
  );
}

/** Another number of members of the same workload; one at a time downwards, so that a majority stays in step. */
export function resize(draft: Draft, { workload }: ComponentSpec, target: number): void {
  const count = draft.count(workload);
  if (count.asked < target || (count.asked === target && count.serving < target))
    draft.scale(workload, target, true);
  while (count.asked > target) draft.scale(workload, count.asked - 1, true);
}
