/**
 * Which disruption budget counts a pod. A large cluster has thousands of budgets, and a drain asks for each of its pods whenever
 * something changes: so they are found by namespace and one label that they want.
 *
 * @module
 */
import { selects } from "../objects";
import type { Budget, WholePod } from "./objects";

export class BudgetIndex {
  /** By `namespace|label=value`, or `namespace|` where a budget names no label. */
  private readonly budgets = new Map<string, Budget[]>();

  constructor(budgets: Iterable<Budget>) {
    for (const budget of budgets) {
      const { metadata, spec } = budget;
      // Without a selector it counts nothing.
      if (spec.selector === undefined) continue;
      const [label] = Object.entries(spec.selector.matchLabels ?? {});
      const key = `${metadata.namespace}|${label ? label.join("=") : ""}`;
      const known = this.budgets.get(key);
      if (known) known.push(budget);
      else this.budgets.set(key, [budget]);
    }
  }

  of({ metadata: { namespace, labels = {} } }: WholePod): Budget | undefined {
    const keys = ["", ...Object.entries(labels).map((label) => label.join("="))];
    for (const key of keys) {
      const found = this.budgets
        .get(`${namespace}|${key}`)
        ?.find(({ spec }) => spec.selector !== undefined && selects(spec.selector, labels));
      if (found) return found;
    }
    return undefined;
  }
}
