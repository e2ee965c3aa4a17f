/**
 * The way to a new version, stage by stage (GRY-06): smallest set, dial test, ratios with instances following in batches,
 * test afterwards, promotion.
 *
 * @module
 */

import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import { groupName } from "../contract/redundancy-group";
import type { CnfSpec, ComponentSpec } from "../policy/cnf-spec";
import type { AnyGate } from "../policy/gate-policy";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { advance, backward, forward, type Lane, needed } from "./cnf-batches";
import { type Draft, percent } from "./cnf-draft";
import {
  becomeAlone,
  readyToExchange,
  resize,
  suspendHealing,
  switchBack,
  switchOver,
} from "./cnf-group-steps";
import { exchange, type GroupLane, groupLanesOf, half, isGroup, makeRoom } from "./cnf-groups";
import { autoscalerOf, domainOf, sameDomain, type Track, targetOf } from "./cnf-tracks";
import type { StagePlan, Step } from "./plan";

/** Share of rated capacity above which no instance is loaded on purpose (GRY-05). */
export const HIGHEST_LOAD = 0.8;

/** @returns the ratio of a stage's name; undefined for other stages. */
export function ratioOfStage(name: string): number | undefined {
  const match = /^gray-(\d+(?:\.\d+)?)$/.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** What a chain of stages depends on. */
export interface ChainSpec {
  readonly policy: ResolvedPolicy;
  readonly cnf: { readonly components: readonly Pick<ComponentSpec, "serviceType">[] };
}

/**
 * Names of the stages, in order. Those of service types that a network function doesn't have are not among them, nor are those of
 * designated subscribers where there are none: an element of a chain costs each preview, whether it does anything or not.
 */
export const stageNames = ({ policy, cnf }: ChainSpec): string[] => [
  "preflight",
  "snapshot",
  "minimal",
  ...(policy.dialTest ? ["dial-test"] : []),
  ...(policy.mode === "rolling" ? ["rolling"] : policy.gray.ratios.map((ratio) => `gray-${ratio}`)),
  ...(cnf.components.some((one) => one.serviceType === "active-standby") ? ["switchover"] : []),
  ...(cnf.components.some(isGroup) ? ["other-halves"] : []),
  ...(policy.dialTest ? ["post-test"] : []),
  "finalize",
];

/** What a stage does, before times are added up. */
export interface StageDraft {
  readonly steps?: readonly Step[];
  readonly skipped?: string;
  readonly soakMs?: number;
  readonly gates?: readonly AnyGate[];
  readonly alone?: boolean;
  readonly holds?: boolean;
  readonly heldBack?: boolean;
}

export const nothing = (skipped: string): StageDraft => ({ skipped });

/** Steps, or the reason why there are none. */
export const stepsOr = (steps: readonly Step[], reason: string): StageDraft =>
  steps.length > 0 ? { steps } : nothing(reason);

/** @param of what each stage does; called in the chain's order, as each continues where the one before it ends. */
export function chain(spec: ChainSpec, of: (name: string) => StageDraft): StagePlan[] {
  const { policy } = spec;
  const stages = stageNames(spec).map((name): StagePlan => {
    const { steps = [], skipped, soakMs = 0, gates = [], alone, holds, heldBack } = of(name);
    return {
      name,
      ...(skipped === undefined ? {} : { skipped }),
      steps,
      soakMs,
      gates,
      ...(alone && gates.length > 0 ? { alone } : {}),
      gateLimitMs: gates.length > 0 ? policy.limits.gateMs : 0,
      expectedMs: steps.reduce((sum, step) => sum + step.expectedMs, 0) + soakMs,
      ...(policy.limits.stageMs === undefined || steps.length === 0
        ? {}
        : { limitMs: policy.limits.stageMs }),
      ...(holds ? { holds } : {}),
      ...(heldBack ? { heldBack } : {}),
    };
  });
  const [first, ...rest] = stages;
  // Preflight that only checks: with nothing to follow there is nothing to check.
  if (!first || first.steps.length > 0 || rest.some((stage) => stage.skipped === undefined)) return stages;
  return [{ ...first, skipped: rest[0]?.skipped ?? "nothing to do" }, ...rest];
}

export interface WayThere {
  readonly cnf: CnfSpec;
  readonly policy: ResolvedPolicy;
  readonly inventory: CnfInventory;
  /** What serves now; undefined if it was promoted away already. */
  readonly from: DomainState | undefined;
  readonly tracks: readonly Track[];
  /** The new version serves everybody as the only side. */
  readonly promoted: boolean;
  /** Stages of this campaign that were passed already. */
  readonly passed: readonly string[];
}

/** Something serves, and anybody could delete it. */
export const unprotected = (policy: ResolvedPolicy, { protection, split }: CnfInventory): boolean =>
  policy.protect && split?.left !== undefined && protection?.by === "nobody";

/** What each lane of the components that share load may use, from policy and load (GRY-05). */
export function lanesOf(draft: Draft, { tracks, policy, inventory }: WayThere): Lane[] {
  const sharing = tracks.filter((track) => track.serviceType === "load-sharing");
  return sharing.map((track) => {
    const old = track.old === undefined ? 0 : draft.count(track.old).asked;
    const full = track.target;
    const { surge, maxUnavailable } = policy;
    const spare = Math.max(0, Math.min(maxUnavailable, full - 1));
    const load = track.old === undefined ? undefined : inventory.load[track.old];
    const bearable = load !== undefined && (load * full) / (full - spare) <= HIGHEST_LOAD;
    const slack =
      surge === 0
        ? Math.max(1, spare)
        : policy.gray.step !== undefined
          ? Math.max(0, Math.min(spare, policy.gray.step - surge))
          : bearable
            ? spare
            : 0;
    return {
      component: track.component,
      grow: track.new,
      ...(track.old === undefined ? {} : { shrink: track.old }),
      full,
      shrinkFull: Math.max(full, old),
      limit: Math.max(full, old) + surge,
      slack,
      batch: policy.gray.step ?? Math.max(1, surge + slack),
    };
  });
}

/** Plans every stage of an upgrade or downgrade from where the target is now. */
export function wayThere(draft: Draft, way: WayThere): StagePlan[] {
  const { cnf, policy, promoted, tracks } = way;
  const lanes = lanesOf(draft, way);
  const groups = groupLanesOf(tracks, policy);
  let stopped: string | undefined;
  return chain(way, (name) => {
    if (stopped !== undefined) return { skipped: stopped, heldBack: true };
    const stage =
      promoted && name !== "preflight" && name !== "finalize" ? nothing("already at 100 %") : plan(name);
    if (stage.holds || (policy.gray.holdAt === ratioOfStage(name) && policy.gray.holdAt !== undefined)) {
      stopped = `held at ${percent(policy.gray.holdAt ?? 0)}`;
    }
    return withSnapshot(draft, way, name, stage);
  });

  function plan(name: string): StageDraft {
    switch (name) {
      case "preflight":
        return {};
      case "snapshot":
        return snapshotStage(draft, way, lanes, groups);
      case "minimal":
        return minimalStage(draft, way, lanes, groups);
      case "dial-test":
        return dialTestStage(draft, way);
      case "switchover":
        return switchoverStage(draft, way, lanes, groups);
      case "other-halves":
        return otherHalvesStage(draft, way, groups);
      case "post-test":
        if (!policy.dialTest) return nothing("no designated subscribers");
        draft.dialTest("right", cnf.version);
        return { steps: draft.take() };
      case "finalize":
        return finalizeStage(draft, way);
      default:
        return ratioStage(draft, way, name, lanes, ratioOfStage(name));
    }
  }
}

/** A snapshot precedes each stage that changes traffic or capacity (ESC-14). */
function withSnapshot(draft: Draft, way: WayThere, name: string, stage: StageDraft): StageDraft {
  const changes =
    stage.steps?.some(({ action, waits }) => !waits && ["split", "scale", "group"].includes(action)) ?? false;
  if (way.policy.snapshot.when !== "each-step" || name === "snapshot" || !changes) return stage;
  const data = dataOf(draft, way, stage.steps);
  return { ...stage, steps: [draft.snapshotStep(serving(draft), name, data), ...(stage.steps ?? [])] };
}

/** Stores that take no more than manifests, beside the target. */
export const takesData = ({ snapshot }: ResolvedPolicy): boolean => snapshot.store !== "kubernetes";

/**
 * Data-storage components whose records are worth saving before these steps: those that move traffic, or touch one of them.
 *
 * @param steps left out: before the first change of all.
 */
function dataOf(draft: Draft, { cnf, policy, inventory }: WayThere, steps?: readonly Step[]): string[] {
  if (!takesData(policy)) return [];
  // Those that run, and those that the program is about to create.
  const all = [
    ...inventory.workloads,
    ...cnf.components.map(({ name, workload, serviceType }) => ({
      component: name,
      name: workload,
      serviceType,
    })),
  ].filter(({ serviceType }) => serviceType === "data-storage");
  const served = serving(draft);
  const inService = all.filter(({ name }) => served.includes(name)).map(({ component }) => component);
  const components = [...new Set(inService)].sort();
  if (!steps || steps.some(({ action }) => action === "split")) return components;
  const touched = all.filter(({ name, component }) =>
    steps.some(({ object }) =>
      [name, groupName(cnf.name, component)].includes(object.split("/").at(-1) ?? ""),
    ),
  );
  return components.filter((one) => touched.some(({ component }) => component === one));
}

const serving = (draft: Draft): string[] => [
  ...new Set([...(draft.split.left?.workloads ?? []), ...(draft.split.right?.workloads ?? [])]),
];

function snapshotStage(
  draft: Draft,
  way: WayThere,
  lanes: readonly Lane[],
  groups: readonly GroupLane[],
): StageDraft {
  const { cnf, policy, inventory, tracks } = way;
  const begun = sameDomain(draft.split.right, domainOf(cnf));
  if (!begun || unprotected(policy, inventory)) draft.protect();
  if (!begun) draft.snapshot(serving(draft), "snapshot", dataOf(draft, way));
  for (const { autoscaler, old, target } of tracks) {
    if (autoscaler && old !== undefined && !autoscaler.suspended)
      draft.suspendAutoscaler(autoscaler.name, old, target);
  }
  for (const lane of groups) suspendHealing(draft, lane);
  for (const lane of begun ? [] : groups) makeRoom(draft, lane);
  for (const lane of begun ? [] : lanes) {
    // A Deployment comes up with one instance; without surge an old one makes room for it first.
    if (lane.shrink === undefined) continue;
    const old = draft.count(lane.shrink).asked;
    const coming = Math.max(1, draft.count(lane.grow).asked);
    const room = Math.max(1, lane.full - lane.slack, lane.limit - coming);
    if (old + coming > lane.limit && room < old) draft.scale(lane.shrink, room, true);
  }
  const steps = draft.take();
  for (const lane of [...lanes, ...groups]) draft.created(lane.grow);
  return stepsOr(steps, "taken before the new version started");
}

/** The smallest set of the new version that serves every procedure, without subscribers (GRY-06 b). */
function minimalStage(
  draft: Draft,
  { cnf, policy, from, tracks }: WayThere,
  lanes: readonly Lane[],
  groups: readonly GroupLane[],
): StageDraft {
  if (tracks.length === 0) return nothing("no component changed");
  // State first: what shares load serves from it.
  for (const lane of groups) {
    readyToExchange(draft, lane, policy);
    exchange(draft, lane, half(lane), lane.shrink === undefined ? 0 : 1);
  }
  if (draft.split.ratio > 0) return stepsOr(draft.take(), `already at ${percent(draft.split.ratio)}`);
  const right = domainOf(cnf);
  if (!sameDomain(draft.split.right, right)) {
    draft.move(
      { left: from, right, ratio: 0, admission: "by-ratio", pinned: [] },
      `announce ${cnf.version} beside ${from?.version ?? "nothing"}, without subscribers`,
    );
  }
  const first = policy.mode === "rolling" ? 100 : (policy.gray.ratios[0] ?? 100);
  for (const lane of lanes) {
    const count = draft.count(lane.grow);
    const others = lane.shrink === undefined ? 0 : draft.count(lane.shrink).asked;
    const room = Math.min(Math.max(1, policy.surge), lane.limit - others);
    const to = Math.max(1, count.asked, Math.min(room, needed(lane.full, first)));
    if (to > count.asked || count.serving < to) draft.scale(lane.grow, to, true);
  }
  return stepsOr(draft.take(), "the smallest set serves already");
}

/** Designated subscribers are tested on the new version before any other moves (GRY-07). */
function dialTestStage(draft: Draft, { cnf, policy, tracks, passed }: WayThere): StageDraft {
  if (!policy.dialTest) return nothing("no designated subscribers");
  if (draft.split.ratio > 0) return nothing(`already at ${percent(draft.split.ratio)}`);
  if (tracks.length === 0) return nothing("no component changed");
  const pinned = policy.dialTest.subscribers.map((subscriber) => ({ subscriber, side: "right" as const }));
  const there = draft.split.pinned;
  const same =
    pinned.length === there.length &&
    pinned.every((one) => there.some((pin) => pin.subscriber === one.subscriber && pin.side === one.side));
  if (same && passed.includes("dial-test")) return nothing("passed already");
  if (!same) {
    draft.move(
      { pinned },
      pinned.length > 0
        ? `move ${pinned.length} designated subscribers to ${cnf.version}`
        : "nobody is designated any more",
    );
  }
  draft.dialTest("right", cnf.version);
  return { steps: draft.take() };
}

/** @param ratio undefined for the one stage of rolling mode, which goes to 100 %. */
function ratioStage(
  draft: Draft,
  { cnf, policy, from, tracks, passed }: WayThere,
  name: string,
  lanes: readonly Lane[],
  ratio: number | undefined,
): StageDraft {
  if (tracks.length === 0) return nothing("no component changed");
  // Both sides have the same instances: whatever the ratio, nobody would meet anything new.
  if (lanes.length === 0) return nothing("no load-sharing component changed");
  const goal = ratio ?? 100;
  const now = draft.split.ratio;
  const holds = ratio !== undefined && policy.gray.holdAt === ratio;
  if (now > goal && holds) {
    // Those between the two ratios go back where they came from; nobody meets anything new, so there is nothing to watch.
    advance(draft, lanes.flatMap(reversed), 100 - goal, {
      ...backward(from?.version ?? "the old version"),
      unpins: false,
      healShrinking: true,
      endsAt: 100 - goal,
    });
    return { steps: draft.take(), holds };
  }
  if (now > goal) return nothing(`already at ${percent(now)}`);
  if (ratio === undefined && draft.split.admission !== "right") {
    draft.move({ admission: "right" }, `new connections go to ${cnf.version}`);
  }
  if (ratio !== undefined && draft.split.admission !== "by-ratio") {
    draft.move({ admission: "by-ratio" }, "new connections follow the ratio");
  }
  advance(draft, lanes, goal, forward(cnf.version, restsAt(policy, goal)));
  const steps = draft.take();
  // Watched and passed before; nobody moves now, and nothing is judged anew.
  if (passed.includes(name) && now === goal && steps.length === 0)
    return nothing(`already at ${percent(goal)}`);
  return {
    steps,
    soakMs: ratio === undefined ? 0 : policy.gray.soakMs,
    gates: policy.gates,
    alone: goal === 100,
    ...(holds ? { holds } : {}),
  };
}

/** The next ratio, this one included, at which a campaign may stay for days: held, or until somebody approves of the one after it. */
function restsAt({ gray, approvals }: ResolvedPolicy, ratio: number): number {
  const rests = gray.ratios.find((one, i) => {
    const next = gray.ratios[i + 1];
    return one >= ratio && (one === gray.holdAt || approvals.some(({ before }) => before === `gray-${next}`));
  });
  return rests ?? 100;
}

/** The other way round: the old version grows and the new one shrinks. */
function reversed({ shrink, grow, ...lane }: Lane): Lane[] {
  return shrink === undefined ? [] : [{ ...lane, grow: shrink, shrink: grow, shrinkFull: lane.full }];
}

/** The active role moves to the new version, which is watched there while the old one is in step beside it (ESC-23). */
function switchoverStage(
  draft: Draft,
  { cnf, policy, passed }: WayThere,
  lanes: readonly Lane[],
  groups: readonly GroupLane[],
): StageDraft {
  const pairs = groups.filter(({ kind, shrink }) => kind === "active-standby" && shrink !== undefined);
  if (pairs.length === 0) return nothing("no active-standby component changed");
  for (const lane of pairs) switchOver(draft, lane, cnf.version);
  const steps = draft.take();
  if (steps.length === 0 && passed.includes("switchover")) return nothing("switched over already");
  // Where the instances that share load are the same for both, their KPIs don't tell the versions apart.
  return {
    steps,
    soakMs: policy.switchover.soakMs,
    gates: lanes.length > 0 ? policy.gates : [],
    alone: true,
  };
}

/** The other half of each group (GRY-04, GRY-06 e). */
function otherHalvesStage(draft: Draft, { policy }: WayThere, groups: readonly GroupLane[]): StageDraft {
  for (const lane of groups) {
    const before = draft.steps.length;
    exchange(draft, lane, lane.full, 0);
    const exchanged = draft.steps.length > before;
    if (exchanged && policy.switchover.back && lane.shrink !== undefined) switchBack(draft, lane);
  }
  return stepsOr(
    draft.take(),
    groups.length > 0 ? "both halves are upgraded" : "no component with a redundancy group changed",
  );
}

/** The new version becomes what serves; numbers and elasticity as declared (GRY-01). */
function finalizeStage(draft: Draft, { cnf, inventory, tracks, promoted }: WayThere): StageDraft {
  const left = domainOf(cnf);
  const changed = new Set(tracks.map((track) => track.new));
  for (const component of cnf.components) {
    if (!changed.has(component.workload) && autoscalerOf(inventory, component)) continue;
    const target = targetOf(inventory, component);
    if (isGroup(component)) {
      resize(draft, component, target);
      continue;
    }
    const count = draft.count(component.workload);
    if (count.asked !== target || (changed.has(component.workload) && count.serving < target))
      draft.scale(component.workload, target, true);
  }
  if (!promoted) {
    draft.move(
      { left, right: undefined, ratio: 0, admission: "by-ratio", pinned: [] },
      `${cnf.version} serves alone, nobody moves`,
    );
  }
  for (const { old } of tracks) {
    if (old !== undefined && draft.count(old).asked > 0) draft.scale(old, 0, false);
  }
  for (const component of cnf.components) {
    const autoscaler = autoscalerOf(inventory, component);
    if (autoscaler && (autoscaler.suspended || autoscaler.workload !== component.workload))
      draft.restoreAutoscaler(autoscaler.name, component.workload);
    becomeAlone(draft, component);
  }
  return stepsOr(draft.take(), "as wanted already");
}
