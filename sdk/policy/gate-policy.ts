/**
 * Gates that ask a site's own monitoring, and where that is (ESC-10, ESC-13, ESC-19).
 *
 * @module
 */
import type { Input } from "@pulumi/pulumi";
import type { Duration, GatePolicy, ResolvedGate } from "./upgrade-policy";

/** How a monitoring system is reached. Address, token and headers are kept secret. */
export interface MonitorPolicy {
  /** Without `/api/…`. `https://…`; plain `http` to this machine, or with `allowHttp`. */
  readonly url: Input<string>;
  /** Sent as `Authorization: Bearer …`. */
  readonly token?: Input<string>;
  /** Certificate authority that signed its certificate, PEM; the system's own if left out. */
  readonly ca?: Input<string>;
  /** Sent as well, e.g. `{ "X-Scope-OrgID": "core" }`, or `Authorization` in place of a token. */
  readonly headers?: { readonly [name: string]: Input<string> };
  /**
   * Plain `http` over the network, where whoever is on it can read and forge what gates are judged by; never with a token or
   * headers.
   *
   * @default false
   */
  readonly allowHttp?: boolean;
}

/** How a site labels the contract's counters; relabelling is the site's own. */
export interface MetricLabelsPolicy {
  /** @default "procedure" */
  readonly procedure?: string;
  /** `left` or `right`, as instances say. @default "side" */
  readonly side?: string;
  /** Tells the side where `side` doesn't. @default "workload" */
  readonly workload?: string;
  /** Tells the side where neither does. @default "version" */
  readonly version?: string;
  /** What is scraped; the start of its counters is found by it. @default "instance" */
  readonly instance?: string;
}

export interface PrometheusPolicy extends MonitorPolicy {
  /** How often it scrapes the instances. What it has not measured for three of these is taken for no data. @default "15s" */
  readonly interval?: Duration;
  /** Labels that the contract's counters of this network function have besides, e.g. `{ namespace: "core" }`. */
  readonly selector?: { readonly [label: string]: string };
  readonly labels?: MetricLabelsPolicy;
}

export interface MonitoringPolicy {
  readonly prometheus?: PrometheusPolicy;
  readonly alertmanager?: MonitorPolicy;
}

/** One-sided Mann-Whitney U test: new against old, side by side. */
export interface ShiftPolicy {
  /** Difference that matters and must be found, in the KPI's own unit. */
  readonly effect: number;
  /** Which way is worse. @default "higher" */
  readonly worse?: "higher" | "lower";
  /** Chance with which a version that is no worse passes, as far as noise goes; 0.5 to 0.9999. @default 0.99 */
  readonly confidence?: number;
  /** Chance with which a version worse by `effect` is caught; less to tell by holds the stage. @default 0.95 */
  readonly power?: number;
}

/** Judges values that are no shares of attempts: latencies, load, rates. */
export interface QueryGatePolicy {
  /** Name of the KPI, for journal and report. */
  readonly kpi: string;
  /**
   * PromQL that yields one number for one side. `${side}` stands for `left` or `right`, `${version}` for its version,
   * `${workloads}` for its workloads as a regular expression, e.g. `{workload=~"${workloads}"}`.
   */
  readonly query: string;
  /** For people, e.g. `ms`. */
  readonly unit?: string;
  /** Least value on the new version's side. */
  readonly atLeast?: number;
  /** Greatest value on the new version's side. */
  readonly atMost?: number;
  /** The new version must not do worse than the old one beside it, beyond noise. */
  readonly compare?: ShiftPolicy;
  /** Between two readings. @default the `interval` of `monitoring.prometheus` */
  readonly every?: Duration;
  /** Readings needed before it judges: on the new version, with `compare` on both. @default 3, with `compare` 20 */
  readonly minSamples?: number;
  /** Readings in a row in which it must fail before the stage does. @default 1 */
  readonly failures?: number;
  /** Only told and reported, never acted on. @default false */
  readonly advisory?: boolean;
}

/** Fails while an alert fires that did not fire when the campaign was opened. */
export interface AlertGatePolicy {
  readonly alerts: {
    /** All of them must match, as Alertmanager writes them: `severity="critical"`, `service=~"amf|smf"`. */
    readonly matchers: readonly string[];
    /** Alerts count that fired before the campaign, too. @default false */
    readonly any?: boolean;
  };
  /** Looks in a row, a second apart, in which it must fail before the stage does. @default 1 */
  readonly failures?: number;
  /** Only told and reported, never acted on. @default false */
  readonly advisory?: boolean;
}

export type AnyGatePolicy = GatePolicy | QueryGatePolicy | AlertGatePolicy;

export type ResolvedShift = Required<ShiftPolicy>;

export interface ResolvedQueryGate {
  readonly kpi: string;
  readonly query: string;
  readonly unit?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly compare?: ResolvedShift;
  readonly everyMs: number;
  readonly minSamples: number;
  readonly failures?: number;
  readonly advisory?: boolean;
}

export interface ResolvedAlertGate {
  readonly alerts: { readonly matchers: readonly string[]; readonly any: boolean };
  readonly failures?: number;
  readonly advisory?: boolean;
}

export type AnyGate = ResolvedGate | ResolvedQueryGate | ResolvedAlertGate;

export const isQueryGate = (gate: AnyGate): gate is ResolvedQueryGate => "query" in gate;
export const isAlertGate = (gate: AnyGate): gate is ResolvedAlertGate => "alerts" in gate;
/** Judges a share of attempts, counted directly or by a monitoring system. */
export const isRateGate = (gate: AnyGate): gate is ResolvedGate => !isQueryGate(gate) && !isAlertGate(gate);

/** What a gate is called in verdicts, journal and report. */
export const gateName = (gate: AnyGate): string =>
  isAlertGate(gate) ? `alerts{${gate.alerts.matchers.join(",")}}` : gate.kpi;

/** A monitoring system as a run reaches it. Holds secrets: never journalled, logged or shown. */
export interface ResolvedMonitor {
  readonly url: string;
  readonly token?: string;
  readonly ca?: string;
  readonly headers?: { readonly [name: string]: string };
}

export interface ResolvedPrometheus extends ResolvedMonitor {
  readonly everyMs: number;
  readonly selector: { readonly [label: string]: string };
  readonly labels: Required<MetricLabelsPolicy>;
}

export interface ResolvedMonitoring {
  readonly prometheus?: ResolvedPrometheus;
  readonly alertmanager?: ResolvedMonitor;
}
