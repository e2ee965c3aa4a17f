/**
 * What must be right with redundancy groups before a campaign starts (ESC-03, ESC-04, GRY-02, GRY-03).
 *
 * @module
 */
import * as semver from "semver";
import type { Problem } from "../policy/problem";
import type { CheckArgs } from "./cnf-checks";
import { type GroupLane, groupOf } from "./cnf-groups";
import { stageNames } from "./cnf-stages";
import { workloadOf } from "./cnf-tracks";

/** @returns problems of the components that keep state in step. */
export function groupProblems(args: CheckArgs): Problem[] {
  return [...approvalProblems(args), ...args.groups.flatMap((lane) => laneProblems(args, lane))];
}

/** A stage that is not in the chain is never waited for. */
function approvalProblems({ cnf, policy }: CheckArgs): Problem[] {
  const needs: { readonly [stage: string]: string } = {
    "dial-test": "no upgrade.dialTest",
    switchover: "no active-standby component",
    "other-halves": "no active-standby or data-storage component",
    "post-test": "no upgrade.dialTest",
  };
  const chain = stageNames({ cnf, policy });
  return policy.approvals.flatMap(({ before }, i): Problem[] =>
    chain.includes(before)
      ? []
      : [
          {
            path: `upgrade.approvals[${i}].before`,
            message: `${cnf.name} has ${needs[before] ?? "another chain"}, so no stage ${before}. Expected one of ${chain.slice(1).join(", ")}. Name another one.`,
          },
        ],
  );
}

function laneProblems({ cnf, policy, inventory }: CheckArgs, lane: GroupLane): Problem[] {
  const { component, kind, shrink, full } = lane;
  if (shrink === undefined) return [];
  const path = `components[${cnf.components.findIndex((one) => one.name === component)}]`;
  const group = groupOf(inventory, component);
  const problems: Problem[] = [];
  if (!group?.reported) {
    problems.push({
      path,
      message: `${component} is ${kind}, and nothing reports on its redundancy group ${cnf.name}-${component}: whether its members are in step can't be told, so it can't be upgraded in service (GRY-03). Expected a network function that implements RedundancyGroup of docs/contract.md. See that it runs and reaches the API server.`,
    });
    return problems;
  }
  const inStep = group.reported.inStep[shrink] ?? 0;
  const asked = workloadOf(inventory, shrink)?.replicas ?? 0;
  if (inStep < asked) {
    const why = group.reported.troubles.length > 0 ? ` (${group.reported.troubles.join("; ")})` : "";
    problems.push({
      path,
      message: `${inStep} of ${asked} members of ${shrink} are in step${why}. Expected all of them before an upgrade begins (ESC-03). Mend the others or wait for them, then run again.`,
    });
  }
  if (kind === "active-standby" && group.reported.active === undefined) {
    problems.push({
      path,
      message: `no member of ${component} is active. Expected one, and a standby in step (ESC-03). Mend it, then run again.`,
    });
  }
  if (kind === "data-storage" && policy.surge === 0 && full < 3) {
    problems.push({
      path: "upgrade.surge",
      message: `${component} has ${full} members, of which ${Math.floor(full / 2) + 1} must stay in step; with a surge of 0 one of them would have to go first. Set surge to 1, or declare 3 replicas.`,
    });
  }
  const [old, wanted] = [
    workloadOf(inventory, shrink)?.version,
    cnf.components.find((one) => one.name === component)?.version,
  ];
  const majors = [old, wanted].map((version) => semver.parse(version)?.major);
  if (kind === "data-storage" && majors[0] !== majors[1] && policy.migrations[component] === undefined) {
    problems.push({
      path: `upgrade.migrations.${component}`,
      message: `${component} goes from ${old} to ${wanted}: another major version may keep its records in a form that the other can't read, and then they can't be kept in step (GRY-02, ESC-04). Name the migration that the vendor provides for it, or go by a version of the same major.`,
    });
  }
  return problems;
}
