/**
 * KPIs of one instance (GRY-08), as Prometheus text with the names of the contract. Written out by hand: with many
 * instances in one process, a registry each would cost more than what they count.
 *
 * @module
 */
import { metricLabels, metrics } from "pulumi-issu/contract";
import { procedureNames } from "./wire.ts";

export interface KpiLabels {
  readonly version: string;
  /** Empty while the instance's workload is on neither side. */
  readonly side: string;
  readonly workload: string;
}

export interface KpiGauges {
  readonly subscribers: number;
  readonly sessions: number;
  /** 0 to 1. */
  readonly load: number;
}

export class Kpis {
  /** By procedure number. An attempt is counted when it ends, by the instance on which it ends. */
  readonly attempts = new Float64Array(procedureNames.length);
  readonly successes = new Float64Array(procedureNames.length);
  /** Seconds since 1970. */
  readonly startTime = Date.now() / 1000;

  count(procedure: number, success: boolean): void {
    this.attempts[procedure] = (this.attempts[procedure] ?? 0) + 1;
    if (success) this.successes[procedure] = (this.successes[procedure] ?? 0) + 1;
  }

  /** Text exposition format 0.0.4. */
  text(labels: KpiLabels, gauges: KpiGauges): string {
    const common =
      `${metricLabels.version}="${quoted(labels.version)}",${metricLabels.side}="${quoted(labels.side)}",` +
      `${metricLabels.workload}="${quoted(labels.workload)}"`;
    const lines: string[] = [];
    for (const [name, values, help] of [
      [metrics.attempts, this.attempts, "Attempts of a procedure, retries included."],
      [metrics.successes, this.successes, "Attempts that succeeded."],
    ] as const) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
      procedureNames.forEach((procedure, number) => {
        lines.push(`${name}{${metricLabels.procedure}="${procedure}",${common}} ${values[number]}`);
      });
    }
    for (const [name, value, help] of [
      [metrics.subscribers, gauges.subscribers, "Subscribers with a context here."],
      [metrics.sessions, gauges.sessions, "PDU sessions here."],
      [metrics.load, gauges.load, "Share of the rated capacity in use."],
      [metrics.startTime, this.startTime, "Start of the instance, seconds since 1970."],
    ] as const) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, `${name}{${common}} ${value}`);
    }
    return `${lines.join("\n")}\n`;
  }
}

const quoted = (value: string): string => value.replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`));
