/**
 * The contract's counters as Prometheus scraped them. Raw samples with their own times are asked for, not `rate` or
 * `increase`: those extrapolate, hide resets, and go on for minutes about what is gone.
 *
 * @module
 */
import { metrics, procedureOfKpi } from "../../contract/kpis";
import type { MeasuredSides, TimedCount } from "../../contract/monitoring";
import type { Side } from "../../contract/subscriber-split";
import type { ResolvedPrometheus } from "../../policy/gate-policy";
import { anyOf, quoted, type Series } from "./api";

/** Range selectors for the counters, and for when each instance began to count. */
export function counterQueries(
  kpis: readonly string[],
  { selector, labels }: Pick<ResolvedPrometheus, "selector" | "labels">,
  windowMs: number,
): { readonly counters: string; readonly starts: string } {
  const procedures = kpis.flatMap((kpi) => procedureOfKpi(kpi) ?? []);
  const matches = Object.entries(selector).map(([label, value]) => `${label}=${quoted(value)}`);
  const window = `[${Math.ceil(windowMs / 1000)}s]`;
  const counters = [
    `__name__=~${quoted(anyOf([metrics.attempts, metrics.successes]))}`,
    `${labels.procedure}=~${quoted(anyOf(procedures))}`,
    ...matches,
  ];
  return {
    counters: `{${counters.join(",")}}${window}`,
    starts: `${metrics.startTime}{${matches.join(",")}}`,
  };
}

/** Side of a series; undefined if nothing on it says so. */
export function sideOfSeries(
  metric: Series["metric"],
  { left, right }: MeasuredSides,
  labels: ResolvedPrometheus["labels"],
): Side | undefined {
  const said = metric[labels.side];
  if (said === "left" || said === "right") return said;
  const workload = metric[labels.workload] ?? "";
  if (left.parts.includes(workload)) return "left";
  if (right.parts.includes(workload)) return "right";
  const version = metric[labels.version];
  if (version === undefined || left.version === right.version) return undefined;
  return version === left.version ? "left" : version === right.version ? "right" : undefined;
}

/** @returns one count for each instance, procedure and scrape, oldest first. */
export function countsOf(
  series: readonly Series[],
  starts: readonly Series[],
  kpis: readonly string[],
  sides: MeasuredSides,
  labels: ResolvedPrometheus["labels"],
): TimedCount[] {
  const startOf = new Map(
    starts.map(({ metric, value }) => [metric[labels.instance], Number(value?.[1]) * 1000]),
  );
  const pairs = new Map<string, { metric: Series["metric"]; attempts?: Series; successes?: Series }>();
  for (const one of series) {
    const { __name__: name, ...metric } = one.metric;
    const key = JSON.stringify(Object.entries(metric).sort());
    const pair = pairs.get(key) ?? { metric };
    pairs.set(key, { ...pair, [name === metrics.attempts ? "attempts" : "successes"]: one });
  }
  const counts: TimedCount[] = [];
  for (const [source, { metric, attempts, successes }] of pairs) {
    const kpi = kpis.find((one) => procedureOfKpi(one) === metric[labels.procedure]);
    const side = sideOfSeries(metric, sides, labels);
    if (kpi === undefined || side === undefined) continue;
    const start = startOf.get(metric[labels.instance]);
    const succeeded = new Map(successes?.values);
    for (const [seconds, text] of attempts?.values ?? []) {
      // Only what was scraped together: successes of another moment would make up failures.
      const [tried, done] = [Number(text), Number(succeeded.get(seconds))];
      if (!Number.isFinite(tried) || !Number.isFinite(done)) continue;
      counts.push({
        kpi,
        side,
        source,
        at: Math.round(seconds * 1000),
        attempts: tried,
        successes: done,
        ...(start !== undefined && Number.isFinite(start) ? { startedAt: start } : {}),
      });
    }
  }
  return counts.sort((a, b) => a.at - b.at);
}
