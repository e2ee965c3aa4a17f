/**
 * The way back to the version that served before, from wherever the target is (ESC-09, ESC-18, GRY-06 f).
 *
 * @module
 */

import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import type { CnfSpec } from "../policy/cnf-spec";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { advance, backward, type Lane } from "./cnf-batches";
import type { Draft } from "./cnf-draft";
import { becomeAlone, giveUp, readyToExchange, suspendHealing, switchOver } from "./cnf-group-steps";
import { exchange, type GroupLane, half } from "./cnf-groups";
import { autoscalerOf, sameDomain, targetOf, workloadOf } from "./cnf-tracks";
import type { Step } from "./plan";

/** The steps by what they bring back; carried out in this order. */
export interface WayBack {
  /** The old version's instances, scaled and serving before anybody returns to them. */
  readonly capacity: readonly Step[];
  /** Subscribers, in batches with the rest of the capacity if there is no room for all at once; then the active role. */
  readonly traffic: readonly Step[];
  /** Redundancy groups change over: the old version's members come into step before the abandoned one's leave. */
  readonly data: readonly Step[];
  /** What the abandoned version leaves: its instances go. */
  readonly cleanup: readonly Step[];
  readonly elasticity: readonly Step[];
}

/** In the order in which they are carried out. */
export const inOrder = ({ capacity, traffic, data, cleanup, elasticity }: WayBack): Step[] => [
  ...capacity,
  ...traffic,
  ...data,
  ...cleanup,
  ...elasticity,
];

export interface WayBackArgs {
  readonly cnf: CnfSpec;
  readonly policy: ResolvedPolicy;
  readonly inventory: CnfInventory;
  /** What is to serve alone again. */
  readonly home: DomainState;
  /** What is to go. */
  readonly away: DomainState | undefined;
  /** Instances above the full number while both run; `"all"`: as many as the cluster has room for. */
  readonly surge: number | "all";
}

/** @param draft freshly made from the inventory. */
export function wayBack(draft: Draft, args: WayBackArgs): WayBack {
  const { home, away, inventory, cnf, policy } = args;
  const leaving = (away?.workloads ?? []).filter((name) => !home.workloads.includes(name));
  const all = lanesOf(draft, args, leaving);
  const lanes = all.flatMap((one) => ("kind" in one ? [] : [one]));
  const groups = all.flatMap((one) => ("kind" in one ? [one] : []));

  // An autoscaler that has the new workload already would follow it down, and so lose the number to come back to.
  for (const { component, full } of lanes) {
    const autoscaler = inventory.autoscalers.find(
      (one) => workloadOf(inventory, one.workload)?.component === component,
    );
    if (autoscaler && !autoscaler.suspended && leaving.includes(autoscaler.workload))
      draft.suspendAutoscaler(autoscaler.name, autoscaler.workload, full);
  }
  // Those who come back need the state there, and the active role a member that can take it.
  for (const lane of groups) {
    const whole = draft.count(lane.grow).asked >= lane.full;
    if (whole && (lane.shrink === undefined || draft.count(lane.shrink).asked === 0)) continue;
    suspendHealing(draft, lane);
    readyToExchange(draft, lane, policy);
    exchange(draft, lane, half(lane), 1);
  }
  const state = draft.take();
  if (draft.split.left && !sameDomain(draft.split.left, home)) {
    // The new version was promoted: it becomes the right side again, which moves nobody, and then everybody goes left.
    const right = draft.split.left;
    draft.move(
      { left: home, right, ratio: 100 },
      `${right.version} takes the right side again, nobody moves`,
    );
  }
  advance(draft, lanes, 100, backward(home.version));
  const { ratio, pinned, right } = draft.split;
  if (ratio > 0 || pinned.length > 0) {
    draft.move(
      { ratio: 0, pinned: [] },
      `move everybody back to ${home.version}, designated subscribers too`,
    );
  }
  if (right) {
    draft.move(
      { left: home, right: undefined, ratio: 0, admission: "by-ratio", pinned: [] },
      `${home.version} serves alone: ${right.version} takes no subscriber any more`,
    );
  }
  const moves = draft.take();
  for (const lane of groups) if (lane.kind === "active-standby") switchOver(draft, lane, home.version);
  const roles = draft.take();
  for (const lane of groups) exchange(draft, lane, lane.full, 0);
  const data = draft.take();
  for (const name of leaving) {
    const state = workloadOf(inventory, name);
    if (state && groups.every(({ component }) => component !== state.component))
      giveUp(draft, { name: state.component, serviceType: state.serviceType });
  }
  for (const name of leaving) if (draft.count(name).asked > 0) draft.scale(name, 0, false);
  const cleanup = draft.take();
  restoreAutoscalers(draft, cnf, inventory, home);
  for (const { component, grow, kind } of groups)
    becomeAlone(draft, { name: component, workload: grow, serviceType: kind });
  const elasticity = draft.take();
  const turn = moves.findIndex((step) => step.action === "split" && !comesFirst(step));
  const capacity = [...state, ...(turn < 0 ? moves : moves.slice(0, turn))];
  const traffic = [...(turn < 0 ? [] : moves.slice(turn)), ...roles];
  return { capacity, traffic, data, cleanup, elasticity };
}

/** The split that only names the sides anew belongs to what precedes the first move. */
const comesFirst = (step: Step): boolean => step.args.ratio === 100;

/**
 * Nothing is to serve: a first version that failed, or the end of the service. The split goes first, so that nobody comes
 * any more; those who came already have nowhere to go, which is why only this may end instances that carry someone.
 */
export function wayBackToNothing(draft: Draft, cnf: CnfSpec): Step[] {
  const { left, right } = draft.split;
  if (left || right) {
    draft.move(
      { left: undefined, right: undefined, ratio: 0, admission: "by-ratio", pinned: [] },
      `nobody is sent to ${[left, right].flatMap((side) => side?.version ?? []).join(" and ")} any more`,
    );
  }
  for (const component of cnf.components) giveUp(draft, component);
  const all = [
    ...(left?.workloads ?? []),
    ...(right?.workloads ?? []),
    ...cnf.components.map((one) => one.workload),
  ];
  for (const workload of new Set(all)) {
    if (draft.count(workload).asked > 0) draft.scale(workload, 0, false, true);
  }
  draft.unprotect();
  return draft.take();
}

function lanesOf(draft: Draft, args: WayBackArgs, leaving: readonly string[]): (Lane | GroupLane)[] {
  const { home, inventory, cnf, surge, policy } = args;
  return home.workloads.flatMap((workload): (Lane | GroupLane)[] => {
    if (args.away?.workloads.includes(workload)) return [];
    const name =
      workloadOf(inventory, workload)?.component ??
      cnf.components.find((one) => one.workload === workload)?.name;
    const component = cnf.components.find((one) => one.name === name);
    // A component that only the old version has was never scaled down.
    if (!component) return [];
    const shrink = leaving.find((one) => workloadOf(inventory, one)?.component === component.name);
    const full = targetOf(inventory, component);
    const total = draft.count(workload).asked + (shrink ? draft.count(shrink).asked : 0);
    const limit =
      surge === "all"
        ? Math.max(full + policy.surge, total + (inventory.spareInstances ?? Number.POSITIVE_INFINITY))
        : full + surge;
    const both = { component: component.name, grow: workload, ...(shrink ? { shrink } : {}), full, limit };
    if (component.serviceType !== "load-sharing")
      return [{ ...both, kind: component.serviceType, spare: policy.maxUnavailable }];
    return [
      {
        ...both,
        shrinkFull: full,
        slack: surge === 0 ? 1 : 0,
        batch: Number.POSITIVE_INFINITY,
      },
    ];
  });
}

function restoreAutoscalers(draft: Draft, cnf: CnfSpec, inventory: CnfInventory, home: DomainState): void {
  for (const component of cnf.components) {
    const workload =
      home.workloads.find((one) => workloadOf(inventory, one)?.component === component.name) ??
      home.workloads.find((one) => one === component.workload);
    const autoscaler = autoscalerOf(inventory, component);
    if (!workload || !autoscaler) continue;
    if (autoscaler.suspended || autoscaler.workload !== workload)
      draft.restoreAutoscaler(autoscaler.name, workload);
  }
}
