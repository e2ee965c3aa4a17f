/**
 * Labels against selectors, and taints against tolerations, as Kubernetes judges them.
 *
 * @module
 */
import type { LabelRule, LabelSelector, Labels, Taint, Toleration } from "../contract/caas-inventory";

export function holds({ key, operator, values = [] }: LabelRule, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Gt":
      return value !== undefined && Number(value) > Number(values[0]);
    case "Lt":
      return value !== undefined && Number(value) < Number(values[0]);
  }
}

export const hasLabels = (labels: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

export const selects = ({ labels: wanted = {}, rules = [] }: LabelSelector, labels: Labels): boolean =>
  hasLabels(labels, wanted) && rules.every((rule) => holds(rule, labels));

/** One of the terms, with all of its rules. */
export const holdsAny = (terms: readonly (readonly LabelRule[])[], labels: Labels): boolean =>
  terms.some((rules) => rules.every((rule) => holds(rule, labels)));

/** @returns the first taint that keeps a pod away. */
export const repelledBy = (taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined =>
  taints.find(
    (taint) =>
      (taint.effect === "NoSchedule" || taint.effect === "NoExecute") &&
      !tolerations.some(
        ({ key, operator, value, effect }) =>
          (key === undefined || key === "" || key === taint.key) &&
          (effect === undefined || effect === "" || effect === taint.effect) &&
          (operator === "Exists" || (value ?? "") === (taint.value ?? "")),
      ),
  );
