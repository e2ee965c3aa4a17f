/**
 * A plan in the words of those who read it: routing engines are no nodes, and have no groups. Pure.
 *
 * @module
 */
import { type ChassisForm, inWordsOf } from "../contract/chassis-inventory";
import type { Plan, Step } from "./plan";

export function planInWords(form: ChassisForm | undefined, plan: Plan): Plan {
  if (form === undefined || form === "cluster") return plan;
  const words = (text: string) => inWordsOf(form, text);
  return {
    ...plan,
    stages: plan.stages.map((stage) => ({
      ...stage,
      ...(stage.skipped === undefined ? {} : { skipped: words(stage.skipped) }),
      steps: stage.steps.map((step) => stepInWords(form, step)),
    })),
    warnings: plan.warnings.map(words),
    problems: plan.problems.map(({ path, message }) => ({ path, message: words(message) })),
  };
}

/** What the driver is told stays as it is. */
export function stepInWords(form: ChassisForm | undefined, step: Step): Step {
  if (form === undefined || form === "cluster") return step;
  const { object, summary, coordination } = step;
  return {
    ...step,
    object: inWordsOf(form, object),
    summary: inWordsOf(form, summary),
    ...(coordination === undefined ? {} : { coordination: inWordsOf(form, coordination) }),
  };
}
