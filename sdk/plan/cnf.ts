/**
 * The plan rule of network functions: from what runs, what is wanted and the policy to the stages of a gray or rolling
 * upgrade, and the way back (GRY-01..08, ESC-06..12). Pure: no clock, no I/O.
 *
 * @module
 */
import * as semver from "semver";
import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import type { CnfSpec } from "../policy/cnf-spec";
import type { Problem } from "../policy/problem";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { problemsOf, warningsOf } from "./cnf-checks";
import { Draft } from "./cnf-draft";
import { becomeAlone, found, resize } from "./cnf-group-steps";
import { groupLanesOf, isGroup } from "./cnf-groups";
import { inOrder, wayBack, wayBackToNothing } from "./cnf-recover";
import {
  chain,
  lanesOf,
  nothing,
  stageNames,
  stepsOr,
  unprotected,
  type WayThere,
  wayThere,
} from "./cnf-stages";
import { autoscalerOf, domainOf, findDomain, releaseOf, sameDomain, targetOf, tracksOf } from "./cnf-tracks";
import type { InCampaign, Intent, Plan, PlanRule, ReleaseRef, StagePlan } from "./plan";

export interface CnfPlanSpec {
  readonly cnf: CnfSpec;
  readonly policy: ResolvedPolicy;
}

export const cnfRule: PlanRule<CnfPlanSpec, CnfInventory> = {
  stages: stageNames,

  plan(spec, inventory, inCampaign) {
    const situation = situate(spec.cnf, inventory, inCampaign);
    const to: ReleaseRef = { version: spec.cnf.version, release: spec.cnf.release };
    const { intent, from, blocked } = situation;
    const base = {
      intent,
      ...(situation.fromRelease ? { from: situation.fromRelease } : {}),
      to,
    };
    if (blocked) {
      const stages = chain(spec, () => nothing("another campaign is open"));
      return { ...base, stages, warnings: [], problems: [blocked] };
    }
    const draft = draftOf(spec, inventory);
    const way: WayThere = {
      ...spec,
      inventory,
      from,
      tracks: tracksOf(spec.cnf, inventory, from),
      promoted: situation.promoted,
      passed: inCampaign?.passed ?? [],
    };
    const lanes = lanesOf(draft, way);
    const stages = stagesOf(draft, way, situation);
    const groups = groupLanesOf(way.tracks, spec.policy);
    const checks = { ...spec, inventory, intent, from, lanes, groups, stages };
    const problems = problemsOf(checks);
    const warnings = warningsOf(checks);
    // Underway, the way out is to go on or to go back; what would have kept it from starting is told, not forbidden.
    const plan: Plan = inCampaign
      ? { ...base, stages, warnings: [...warnings, ...problems.map(say)], problems: [] }
      : { ...base, stages, warnings, problems };
    // Nothing left to do outside a campaign, whatever it would have been called.
    const idle = !inCampaign && stages.every((stage) => stage.skipped !== undefined);
    return idle && intent === "adjust" ? { ...plan, intent: "none" } : plan;
  },

  recover({ cnf, policy }, inventory, from, surge) {
    const draft = draftOf({ cnf, policy }, inventory);
    if (!from) return wayBackToNothing(draft, cnf);
    const want = domainOf(cnf);
    const left = inventory.split?.left;
    const home = left && !sameDomain(left, want) ? left : findDomain(from, cnf, inventory);
    if (!home) {
      throw new Error(
        `cannot tell which workloads ran ${from.version}: the split of ${cnf.namespace}/${cnf.name} names none and no workload besides ${want.workloads.join(", ")} is there. Create the earlier version's Deployment again, then run again.`,
      );
    }
    const back = wayBack(draft, { cnf, policy, inventory, home, away: want, surge });
    return inOrder(back);
  },
};

const draftOf = ({ cnf, policy }: CnfPlanSpec, inventory: CnfInventory): Draft =>
  new Draft(cnf, policy, inventory);

const say = ({ path, message }: Problem): string => (path ? `${path}: ${message}` : message);

interface Situation {
  readonly intent: Intent;
  /** What serves, or served before a promotion. */
  readonly from: DomainState | undefined;
  readonly fromRelease: ReleaseRef | undefined;
  /** What is wanted serves as the only side. */
  readonly promoted: boolean;
  /** For a return: what is to go. */
  readonly away?: DomainState | undefined;
  readonly blocked?: Problem;
}

/** Tells from the split what is old and what is new, and so what there is to do. */
function situate(cnf: CnfSpec, inventory: CnfInventory, inCampaign: InCampaign | undefined): Situation {
  const want = domainOf(cnf);
  const { left, right } = inventory.split ?? {};
  const there = sameDomain(left, want);
  const goesBack = inCampaign?.from?.release === cnf.release && inCampaign.to.release !== cnf.release;

  if (inCampaign && !goesBack && inCampaign.to.release !== cnf.release) {
    const back = inCampaign.from ? `, or set the version back to ${inCampaign.from.version} first` : "";
    return blockedBy(
      left,
      inCampaign.from,
      `A campaign to ${inCampaign.to.version} is open, and ${cnf.version} (${cnf.release}) is asked for. Expected its goal${inCampaign.from ? " or what it started from" : ""}. Finish it with version ${inCampaign.to.version} and its content as it was${back}.`,
    );
  }
  if (goesBack || (there && right)) {
    const away = right ?? (there ? undefined : left);
    const found = away ?? (inCampaign ? findDomain(inCampaign.to, cnf, inventory) : undefined);
    return {
      intent: "return",
      from: there ? left : want,
      fromRelease: inCampaign?.from ?? { version: cnf.version, release: cnf.release },
      promoted: false,
      away: found,
    };
  }
  if (there) {
    const from = inCampaign?.from && findDomain(inCampaign.from, cnf, inventory);
    const intent = inCampaign ? directionOf(inCampaign.from, cnf) : "adjust";
    return { intent, from, fromRelease: inCampaign ? inCampaign.from : releaseOfSpec(cnf), promoted: true };
  }
  if (!left) return { intent: "install", from: undefined, fromRelease: undefined, promoted: false };
  const fromRelease = inCampaign?.from ?? releaseOf(left);
  if (right && !sameDomain(right, want)) {
    return blockedBy(
      left,
      fromRelease,
      `${left.version} and ${right.version} serve side by side, and a third version, ${cnf.version}, is asked for. Expected one of the two. Finish the upgrade to ${right.version}, or set the version back to ${left.version} first.`,
    );
  }
  return { intent: directionOf(fromRelease, cnf), from: left, fromRelease, promoted: false };
}

const releaseOfSpec = ({ version, release }: CnfSpec): ReleaseRef => ({ version, release });

const blockedBy = (
  from: DomainState | undefined,
  fromRelease: ReleaseRef | undefined,
  message: string,
): Situation => ({
  intent: "upgrade",
  from,
  fromRelease,
  promoted: false,
  blocked: { path: "version", message },
});

function directionOf(from: ReleaseRef | undefined, cnf: CnfSpec): Intent {
  if (!from) return "install";
  const older = semver.valid(from.version) !== null && semver.valid(cnf.version) !== null;
  return older && semver.lt(cnf.version, from.version) ? "downgrade" : "upgrade";
}

function stagesOf(draft: Draft, way: WayThere, situation: Situation): StagePlan[] {
  switch (situation.intent) {
    case "install":
      return installStages(draft, way);
    case "return":
      return returnStages(draft, way, situation.away);
    case "adjust":
    case "none":
      return adjustStages(draft, way);
    default:
      return wayThere(draft, way);
  }
}

/** Nothing has served yet, so there is nobody to move and nothing to compare with. */
function installStages(draft: Draft, way: WayThere): StagePlan[] {
  const { cnf, policy, inventory } = way;
  const left = domainOf(cnf);
  return chain(way, (name) => {
    switch (name) {
      case "preflight":
        return {};
      case "snapshot":
        for (const workload of left.workloads) draft.created(workload);
        return nothing("nothing serves yet");
      case "minimal": {
        for (const component of cnf.components) {
          const count = draft.count(component.workload);
          const target = targetOf(inventory, component);
          // Not yet "serving": nobody is sent to instances before the split names them.
          if (count.asked < target || count.serving < target) draft.scale(component.workload, target, false);
        }
        for (const component of cnf.components.filter(isGroup)) found(draft, component, component.replicas);
        if (!sameDomain(draft.split.left, left)) {
          draft.move(
            { left, right: undefined, ratio: 0, admission: "by-ratio", pinned: [] },
            `${cnf.version} serves everybody`,
          );
        }
        draft.protect();
        return stepsOr(draft.take(), "serves already");
      }
      case "post-test":
        if (!policy.dialTest) return nothing("no designated subscribers");
        draft.dialTest("left", cnf.version);
        return { steps: draft.take() };
      case "finalize":
        for (const component of cnf.components) {
          const autoscaler = autoscalerOf(inventory, component);
          if (autoscaler && (autoscaler.suspended || autoscaler.workload !== component.workload))
            draft.restoreAutoscaler(autoscaler.name, component.workload);
        }
        return stepsOr(draft.take(), "as wanted already");
      default:
        return nothing("nothing has served yet");
    }
  });
}

/**
 * The goal was set back: all of the way back in the first stage, so that nothing of the user's own (hooks) stands in its
 * way; the others have nothing left to do.
 */
function returnStages(draft: Draft, way: WayThere, away: DomainState | undefined): StagePlan[] {
  const { cnf, policy, inventory } = way;
  const back = wayBack(draft, {
    cnf,
    policy,
    inventory,
    home: domainOf(cnf),
    away,
    surge: policy.rollback.surge,
  });
  const steps = inOrder(back);
  return chain(way, (name) =>
    name === "preflight"
      ? stepsOr(steps, "already as wanted")
      : nothing(steps.length > 0 ? `returning to ${cnf.version}` : "already as wanted"),
  );
}

/** The same release: only numbers, and what an earlier campaign left suspended. */
function adjustStages(draft: Draft, way: WayThere): StagePlan[] {
  const { cnf, policy, inventory } = way;
  if (unprotected(policy, inventory)) draft.protect();
  if (!policy.protect && inventory.protection?.by === "campaign") draft.unprotect();
  for (const component of cnf.components) {
    const autoscaler = autoscalerOf(inventory, component);
    if (isGroup(component)) {
      if (!autoscaler && draft.count(component.workload).asked !== component.replicas)
        resize(draft, component, component.replicas);
      becomeAlone(draft, component);
    }
    if (autoscaler) {
      if (autoscaler.suspended || autoscaler.workload !== component.workload)
        draft.restoreAutoscaler(autoscaler.name, component.workload);
    } else if (draft.count(component.workload).asked !== component.replicas) {
      draft.scale(component.workload, component.replicas, true);
    }
  }
  const steps = draft.take();
  if (steps.length === 0) return chain(way, () => nothing("already as wanted"));
  return chain(way, (name) => {
    if (name === "preflight") return {};
    return name === "finalize" ? { steps } : nothing("same version and content");
  });
}
