/**
 * What must be right before a campaign starts (ESC-03, ESC-05, TEF-1), and what an operator should know.
 *
 * @module
 */
import * as semver from "semver";
import type { CnfInventory, DomainState } from "../contract/cnf-inventory";
import type { CnfSpec } from "../policy/cnf-spec";
import { attemptsNeeded } from "../policy/comparison";
import { formatDuration } from "../policy/duration";
import { isAlertGate, isQueryGate, isRateGate, type ResolvedQueryGate } from "../policy/gate-policy";
import type { Problem } from "../policy/problem";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import type { Lane } from "./cnf-batches";
import { compatibilityProblems, compatibilityWarnings } from "./cnf-compatibility";
import { percent } from "./cnf-draft";
import { groupProblems } from "./cnf-group-checks";
import { type GroupLane, isGroup } from "./cnf-groups";
import { inServiceProblems } from "./cnf-in-service";
import { routeProblems, routeWarnings } from "./cnf-route-checks";
import { HIGHEST_LOAD, ratioOfStage, takesData } from "./cnf-stages";
import { autoscalerOf, domainOf, targetOf, workloadOf } from "./cnf-tracks";
import type { Intent, StagePlan } from "./plan";

export interface CheckArgs {
  readonly cnf: CnfSpec;
  readonly policy: ResolvedPolicy;
  readonly inventory: CnfInventory;
  readonly intent: Intent;
  readonly from: DomainState | undefined;
  readonly lanes: readonly Lane[];
  readonly groups: readonly GroupLane[];
  readonly stages: readonly StagePlan[];
}

/** @returns problems that stop a campaign from being opened. */
export function problemsOf(args: CheckArgs): Problem[] {
  if (args.intent === "none" || args.intent === "return") return [];
  if (args.intent === "adjust")
    return [...rightProblems(args), ...routeProblems(args), ...roomProblems(args)];
  return [
    ...rightProblems(args),
    ...kubernetesProblems(args),
    ...compatibilityProblems(args),
    ...inServiceProblems(args.cnf, args.policy.mode, args.inventory, args.from),
    ...routeProblems(args),
    ...takeoverProblems(args),
    ...healthProblems(args),
    ...groupProblems(args),
    ...roomProblems(args),
    ...loadProblems(args),
    ...gateProblems(args),
  ];
}

/** All that is missing in one go, before the first thing is refused in the middle of a campaign (ESC-21). */
function rightProblems({ cnf, policy, inventory }: CheckArgs): Problem[] {
  const { missingRights: always = [], missingRightsForGroups = [], missingRightsForRoute = [] } = inventory;
  const { protection } = inventory;
  const missingRights = [
    ...always,
    ...(cnf.components.some(isGroup) ? missingRightsForGroups : []),
    ...(cnf.traffic ? missingRightsForRoute : []),
  ];
  const problems: Problem[] = [];
  if (missingRights.length > 0) {
    problems.push({
      path: "kubeconfig",
      message: `its user lacks rights in namespace ${cnf.namespace}: ${missingRights.join(", ")}. Expected all that a campaign needs. Grant them: Role issu-operator of docs/rbac.yaml has them.`,
    });
  }
  if (policy.protect && protection?.by === "nobody" && !protection.mayInstall) {
    problems.push({
      path: "upgrade.protect",
      message: `the cluster would let anybody delete what serves, and the kubeconfig's user may not install the admission policy that refuses it. Have an administrator install it once (issu protection ${cnf.namespace} | kubectl apply -f -), or grant ClusterRole issu-protection of docs/rbac.yaml, or set protect to false: then only Pulumi's own guard refuses.`,
    });
  }
  return problems;
}

function kubernetesProblems({ cnf, inventory }: CheckArgs): Problem[] {
  if (cnf.kubernetes === undefined) return [];
  const running = semver.coerce(inventory.kubernetesVersion)?.version;
  if (running && semver.satisfies(running, cnf.kubernetes)) return [];
  const others = (cnf.releases ?? [])
    .filter(({ kubernetes }) => kubernetes !== undefined && running && semver.satisfies(running, kubernetes))
    .map(({ version }) => version);
  return [
    {
      path: "kubernetes",
      message: `${cnf.name} ${cnf.version} runs on Kubernetes ${cnf.kubernetes}; the cluster runs ${inventory.kubernetesVersion}. Upgrade the cluster first, or choose a version of ${cnf.name} made for it${others.length > 0 ? `: ${others.join(", ")} by the catalogue` : ""} (TEF-1).`,
    },
  ];
}

/** Something serves, but no split says so: whoever runs it must say what the left side is. */
function takeoverProblems({ cnf, inventory, intent }: CheckArgs): Problem[] {
  if (intent !== "install") return [];
  const own = domainOf(cnf).workloads;
  const others = inventory.workloads.filter((one) => one.ready > 0 && !own.includes(one.name));
  if (others.length === 0) return [];
  const names = others.map((one) => one.name);
  return [
    {
      path: "name",
      message: `${cnf.name} runs already (${names.join(", ")}), but no SubscriberSplit ${cnf.namespace}/${cnf.name} says what serves. Expected one whose left side is what runs. Create it with spec.left = { version: "${others[0]?.version ?? "its version"}", workloads: [${names.join(", ")}] }, ratio 0, admission by-ratio, or scale these workloads to 0 if they serve nobody.`,
    },
  ];
}

/** A function that is not whole has no redundancy to spend on an upgrade (ESC-03). */
function healthProblems({ cnf, inventory, from }: CheckArgs): Problem[] {
  return (from?.workloads ?? []).flatMap((name): Problem[] => {
    const state = workloadOf(inventory, name);
    if (state && state.ready >= state.replicas) return [];
    const index = cnf.components.findIndex((one) => one.name === state?.component);
    return [
      {
        path: index < 0 ? "" : `components[${index}]`,
        message: state
          ? `${name} serves with ${state.ready} of ${state.replicas} instances ready. Expected all of them before an upgrade begins (ESC-03). See kubectl describe pods -l pulumi-issu.dev/workload=${name}, mend it or wait, then run again.`
          : `${name} is to serve version ${from?.version}, but there is no such Deployment. Expected it to run. Restore it, or correct the SubscriberSplit.`,
      },
    ];
  });
}

function roomProblems({ cnf, policy, inventory, intent, from, ...args }: CheckArgs): Problem[] {
  const lanes = [...args.lanes, ...args.groups];
  const spare = inventory.spareInstances;
  if (spare === undefined) return [];
  const asked = (name: string | undefined) =>
    (name === undefined ? undefined : workloadOf(inventory, name)?.replicas) ?? 0;
  const more =
    intent === "upgrade" || intent === "downgrade"
      ? lanes.map((lane) => Math.min(policy.surge, lane.limit - asked(lane.grow) - asked(lane.shrink)))
      : cnf.components.map((one) => targetOf(inventory, one) - asked(one.workload));
  const needed = more.reduce((sum, count) => sum + Math.max(0, count), 0);
  if (needed <= spare) return [];
  return [
    from && intent !== "adjust"
      ? {
          path: "upgrade.surge",
          message: `A surge of ${policy.surge} for ${lanes.length} changed ${lanes.length === 1 ? "component" : "components"} needs room for ${needed} more instances; the cluster has room for ${spare}. Add nodes, or set surge to ${lanes.length > 0 ? Math.floor(spare / lanes.length) : 0}${spare < lanes.length ? " with disruptionBudget.maxUnavailable of at least 1" : ""}.`,
        }
      : {
          path: "components",
          message: `${needed} more instances are asked for; the cluster has room for ${spare}. Add nodes, or declare fewer replicas.`,
        },
  ];
}

/** Without surge the remaining instances carry everybody; not above what they are rated for (GRY-05). */
function loadProblems({ policy, inventory, lanes }: CheckArgs): Problem[] {
  return lanes.flatMap((lane): Problem[] => {
    const load = lane.shrink === undefined ? undefined : inventory.load[lane.shrink];
    if (policy.surge > 0 || load === undefined || lane.full < 2) return [];
    const then = (load * lane.full) / (lane.full - 1);
    if (then <= HIGHEST_LOAD) return [];
    return [
      {
        path: "upgrade.surge",
        message: `${lane.shrink} is at ${Math.round(load * 100)} % of its rated load; with surge 0, ${lane.full - 1} of ${lane.full} instances would carry everybody at ${Math.round(then * 100)} %. Expected at most ${HIGHEST_LOAD * 100} %. Set surge to 1, or upgrade when fewer subscribers are active.`,
      },
    ];
  });
}

function gateProblems({ policy, inventory, from, stages }: CheckArgs): Problem[] {
  if (!from) return [];
  const exported = Object.keys(inventory.kpis).sort();
  return policy.gates.flatMap((gate, i): Problem[] => {
    if (isAlertGate(gate)) return [];
    if (isQueryGate(gate)) return [...besideProblems(gate, i, policy), ...readingProblems(gate, i, stages)];
    const rate = inventory.kpis[gate.kpi];
    // What is counted elsewhere need not be had from the instances; whoever counts is asked by the campaign.
    if (rate === undefined && gate.source !== undefined) return [];
    if (rate === undefined) {
      return [
        {
          path: `upgrade.gates[${i}].kpi`,
          message: `Nothing that runs exports ${gate.kpi}. Expected one of: ${exported.join(", ") || "(nothing is exported at all)"}. Correct the name, or have the network function export it.`,
        },
      ];
    }
    return stages.flatMap((stage): Problem[] => {
      const ratio = ratioOfStage(stage.name);
      if (ratio === undefined || stage.skipped !== undefined) return [];
      const perSecond = (rate * ratio) / 100;
      const samples = Math.floor((perSecond * stage.soakMs) / 1000);
      // An old version that never fails takes the fewest.
      const compared = gate.compare ? attemptsNeeded(gate.compare, 0, 1) : 0;
      const needed = Math.max(gate.minSamples, compared);
      if (samples >= needed) return [];
      const short = compared > gate.minSamples;
      const soak = perSecond > 0 ? formatDuration(Math.ceil(needed / perSecond) * 1000) : undefined;
      return [
        {
          path: `upgrade.gates[${i}].${short ? "compare.effect" : "minSamples"}`,
          message:
            `${stage.name}: at ${Number(rate.toFixed(2))} attempts a second, ${percent(ratio)} of them on the new version, a soak of ${formatDuration(stage.soakMs)} brings about ${samples} samples of ${gate.kpi}; ${needed} are needed${short ? ` to tell a difference of ${gate.compare?.effect} points from noise` : ""}. ` +
            (soak === undefined
              ? "There are no attempts at present: wait for traffic, or judge another KPI."
              : `Set gray.soak to at least ${soak.replaceAll(" ", "")}${short ? ", or compare.effect to more" : samples > 0 ? `, or minSamples to at most ${samples}` : ""}.`),
        },
      ];
    });
  });
}

/** Values of two versions are compared while both serve. */
function besideProblems(
  { compare }: ResolvedQueryGate,
  i: number,
  { mode, gray }: ResolvedPolicy,
): Problem[] {
  const beside = mode === "gray" && (gray.ratios[0] ?? 100) < 100;
  if (compare === undefined || beside) return [];
  return [
    {
      path: `upgrade.gates[${i}].compare`,
      message:
        "it compares readings of two versions that serve side by side, and there is no stage in which they do. Expected a ratio below 100 in gray mode. Add one to gray.ratios, or give the gate a bound (atMost, atLeast) instead.",
    },
  ];
}

/** A soak that is too short for the readings that a gate needs would hold every time. */
function readingProblems(
  { kpi, everyMs, minSamples }: ResolvedQueryGate,
  i: number,
  stages: readonly StagePlan[],
): Problem[] {
  return stages.flatMap(({ name, skipped, soakMs }): Problem[] => {
    const readings = 1 + Math.floor(soakMs / everyMs);
    if (ratioOfStage(name) === undefined || skipped !== undefined || readings >= minSamples) return [];
    const soak = formatDuration((minSamples - 1) * everyMs).replaceAll(" ", "");
    return [
      {
        path: `upgrade.gates[${i}].minSamples`,
        message: `${name}: with one reading every ${formatDuration(everyMs)}, a soak of ${formatDuration(soakMs)} brings ${readings} readings of ${kpi}; ${minSamples} are needed. Set gray.soak to at least ${soak}, or every to less if it is measured more often.`,
      },
    ];
  });
}

/** @returns what stops nothing but should be seen in preview. */
export function warningsOf(args: CheckArgs): string[] {
  const { cnf, policy, inventory, intent, from, lanes } = args;
  const starts = intent === "install" || intent === "upgrade" || intent === "downgrade";
  const warnings = [...routeWarnings(args), ...(starts ? compatibilityWarnings(args) : [])];
  if (intent === "downgrade") {
    warnings.push(`${cnf.name} goes back from ${from?.version} to the older ${cnf.version}`);
  }
  for (const component of cnf.components) {
    const autoscaler = autoscalerOf(inventory, component);
    const target = targetOf(inventory, component);
    if (autoscaler && target !== component.replicas) {
      warnings.push(
        `${component.name}: autoscaler ${autoscaler.name} owns the number of instances, ${target} now; the declared ${component.replicas} is not applied`,
      );
    }
  }
  if (intent !== "upgrade" && intent !== "downgrade") return warnings;
  const most = policy.surge + policy.maxUnavailable;
  if (policy.gray.step !== undefined && policy.gray.step > most) {
    warnings.push(
      `upgrade.gray.step is ${policy.gray.step}, but surge and disruptionBudget allow ${most} instances at a time`,
    );
  }
  const records = cnf.components.filter(({ serviceType }) => serviceType === "data-storage");
  if (records.length > 0 && !takesData(policy)) {
    warnings.push(
      `snapshots hold no records of ${records.map(({ name }) => name).join(", ")}: the store beside the target takes manifests and configuration only. Name another one in upgrade.snapshot.store (docs/snapshots.md)`,
    );
  }
  const first = policy.mode === "rolling" ? 100 : policy.gray.ratios[0];
  if (first === 100 && policy.gates.some((gate) => isRateGate(gate) && gate.maxDrop !== undefined)) {
    warnings.push(
      "a gate compares with the old version (maxDrop), which carries nobody at 100 %: only what it carries while subscribers move counts; a lower ratio before 100 gives it more to compare with",
    );
  }
  const unknown = lanes.filter(
    (lane) => lane.shrink !== undefined && inventory.load[lane.shrink] === undefined,
  );
  if (policy.surge === 0 && unknown.length > 0) {
    warnings.push(
      `the load of ${unknown.map((lane) => lane.shrink).join(", ")} is not known: whether one instance fewer carries everybody was not checked`,
    );
  }
  return warnings;
}
