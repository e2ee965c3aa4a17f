/**
 * KPIs that an instance serves as Prometheus text (GRY-08). Names follow 3GPP TS 28.552/28.554 in meaning and Prometheus
 * in form.
 *
 * @module
 */
export const metrics = {
  /** Counter: attempts of a procedure that came to an end, as the instance saw them, retries included. */
  attempts: "nf_procedure_attempts_total",
  /** Counter: those of them that succeeded. */
  successes: "nf_procedure_successes_total",
  /** Gauge: subscribers with a context here. */
  subscribers: "nf_subscribers",
  /** Gauge: PDU sessions here. */
  sessions: "nf_pdu_sessions",
  /** Gauge, 0 to 1: share of the instance's rated capacity in use; steps are computed from it (GRY-05). */
  load: "nf_load_ratio",
  /** Gauge: start of the instance, seconds since 1970. */
  startTime: "process_start_time_seconds",
} as const;

/** Labels on every sample. */
export const metricLabels = {
  procedure: "procedure",
  version: "version",
  side: "side",
  workload: "workload",
} as const;

/**
 * Procedure that a KPI named by a gate is about: `registration-success` is the success ratio of `registration`, in percent.
 *
 * @returns undefined if the name is not of that form.
 */
export function procedureOfKpi(kpi: string): string | undefined {
  return /^(.+)-success$/.exec(kpi)?.[1];
}
