/**
 * A campaign rests where people want it to: before a stage that waits for a role's approval (ESC-21), or where it was paused.
 * It then ends as held, with success; what serves, serves on.
 *
 * @module
 */
import type { OperatorRequest } from "../contract/requests";
import type { Plan, StagePlan } from "../plan/plan";
import type { Approval } from "../policy/upgrade-policy";
import { saidBy, type Wishes } from "./request-watch";

/** @returns the plan with every stage held back from the first that waits for somebody. */
export function heldBack(
  plan: Plan,
  target: string,
  approvals: readonly Approval[],
  { abort, pause, approvals: given }: Wishes,
): Plan {
  if (plan.intent === "return" || plan.intent === "none") return plan;
  if (abort) return from(plan, 0, `aborted ${saidBy(abort)}: it is taken back`);
  if (pause) return from(plan, 0, `paused ${saidBy(pause)}; issu resume ${target} lets it go on`);
  const first = plan.stages.findIndex(
    (stage) =>
      stage.skipped === undefined &&
      approvals.some((one) => one.before === stage.name && !isGiven(one, given)),
  );
  if (first < 0) return plan;
  const before = plan.stages[first]?.name;
  const roles = approvals
    .filter((one) => one.before === before && !isGiven(one, given))
    .map(({ role }) => role);
  const why = `waits for the approval of ${roles.join(" and ")}: issu approve ${target} --stage ${before} --role ${roles[0]} --reason …`;
  return from(plan, first, why, roles);
}

const isGiven = ({ before, role }: Approval, given: readonly OperatorRequest[]): boolean =>
  given.some((one) => one.stage === before && one.role === role);

function from(plan: Plan, index: number, why: string, waitsFor: readonly string[] = []): Plan {
  const rest = ({ name }: StagePlan, isFirst: boolean): StagePlan => ({
    name,
    skipped: why,
    heldBack: true,
    ...(isFirst && waitsFor.length > 0 ? { waitsFor } : {}),
    steps: [],
    soakMs: 0,
    gates: [],
    gateLimitMs: 0,
    expectedMs: 0,
  });
  return { ...plan, stages: plan.stages.map((stage, i) => (i < index ? stage : rest(stage, i === index))) };
}
