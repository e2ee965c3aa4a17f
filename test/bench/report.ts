/**
 * The benchmark's report, `out/bench/report.json`. Documented in `docs/bench.md`.
 *
 * @module
 */
import type { LowerBound } from "./lower-bound.ts";
import type { Machine } from "./machine.ts";
import type { Spread } from "./spread.ts";

/** Rises when a field changes its meaning or goes away. */
export const BENCH_VERSION = 1;

export interface BenchReport {
  readonly schemaVersion: number;
  /** Smaller and shorter: to see that it runs, not to be quoted. */
  readonly quick: boolean;
  readonly machine: Machine;
  readonly upgrade?: UpgradeReport;
  readonly preview?: PreviewReport;
  readonly elements?: ElementsReport;
  readonly chassis?: ChassisReport;
  readonly caas?: CaasReport;
}

/** A preview, run several times. */
export interface Previewed {
  readonly seconds: Spread;
  /** Processor time by process, s, of the median run. */
  readonly cpu: { readonly program: number; readonly engine: number; readonly providers: number };
  /** Peak resident memory of our provider, MB; null if it did not run. */
  readonly providerMb: number | null;
}

/** Chassis clusters in one program. */
export interface ChassisSize {
  readonly clusters: number;
  /** Of the upgrade: both nodes of each are asked, and the campaign planned. */
  readonly preview: Previewed;
  /** Once all is done. */
  readonly unchanged: Previewed;
  readonly up: {
    /** `pulumi up`, from start to end, s. */
    readonly seconds: number;
    /** Of `pulumi up`; more than one if campaigns lost their lease on a machine that stalled. */
    readonly runs: number;
    readonly upgraded: number;
    /** Most that were in their upgrade at a time, by the devices' logs. */
    readonly upgradesAtOnce: number;
    readonly providerMb: number | null;
  };
}

export interface ChassisReport {
  /** Clusters that the program lets be in their upgrade at a time. */
  readonly atOnce: number;
  /** Device seconds in a second. */
  readonly timeScale: number;
  readonly alone: ChassisSize;
  readonly together: ChassisSize;
}

/** Clusters of many nodes. */
export interface CaasReport {
  readonly sizes: readonly CaasSize[];
  readonly drains: CaasDrains;
}

/** What it takes to plan an upgrade. */
export interface CaasPlanned extends Omit<Previewed, "seconds"> {
  /** `pulumi preview`, from start to end, s. */
  readonly preview: Spread;
  /** Of them, reading what runs and planning from it, each alone and in another process, s. */
  readonly reading: Spread;
  readonly planning: Spread;
  readonly steps: number;
}

export interface CaasSize extends CaasPlanned {
  readonly nodes: number;
  readonly pods: number;
  readonly budgets: number;
  /** Spare machines, and nodes in a wave. */
  readonly surge: number;
  /** Until all pods were ready, s. */
  readonly installSeconds: number;
}

export interface DrainedBy {
  readonly seconds: number;
  /** As the API server's audit log has them; null where it does not have all. */
  readonly evictions: { readonly asked: number; readonly refused: number } | null;
}

/** Pods of a case: as many workloads as nodes, and of each one pod on every node. */
export interface DrainCase {
  readonly budgets: boolean;
  readonly bootSeconds: number;
  readonly boundSeconds: number;
  /** A single pod's exchange as measured on the same cluster just before, and the bound with these times. */
  readonly pace: { readonly endSeconds: number; readonly backSeconds: number; readonly boundSeconds: number };
  readonly issu: DrainedBy;
  readonly kubectl: DrainedBy;
}

export interface CaasDrains {
  /** Drained at a time. */
  readonly nodes: number;
  readonly pods: number;
  /** Disruptions that each budget allows. */
  readonly atOnce: number;
  readonly graceSeconds: number;
  readonly cases: readonly DrainCase[];
}

/** Network elements in one program. */
export interface ElementsReport {
  readonly elements: number;
  /** Resources that the engine works on at a time. */
  readonly atOnce: number;
  /** On what they ran: `namespaces` or `simulated`. */
  readonly platform: string;
  /** `pulumi up`, from start to end, s. */
  readonly upSeconds: number;
  readonly upgraded: number;
  /** Packets, through the elements and for them. */
  readonly transit: { readonly sent: number; readonly lost: number };
  readonly punted: { readonly sent: number; readonly lost: number };
  readonly adjacencyDrops: number;
  readonly resets: number;
  readonly boots: number;
  /** Of the element that was longest without a control plane, and until its tables were rebuilt, ms. */
  readonly awayMsMost: number;
  readonly rebuiltMsMost: number;
  /** At most at any time (PSS), MB (1,000,000 bytes). */
  readonly memoryMb: {
    readonly elements: number;
    /** Two root file systems each. */
    readonly roots: number;
    readonly pulumi: number;
    readonly together: number;
  };
}

/** What the traffic's own record says of a spell. */
export interface Felt {
  readonly sessionsLost: number;
  readonly reRegistrations: number;
  readonly proceduresAttempted: number;
  readonly proceduresFailed: number;
  /** Longest pause of a call, and that below which 99.9 % of them lie, ms. */
  readonly longestGapMs: number;
  readonly gapP999Ms: number;
}

export interface Change extends Felt {
  /** `pulumi up`, from start to end, s. */
  readonly upSeconds: number;
  /** Until the last old instance was gone as well and everybody registered, s. */
  readonly settledSeconds: number;
  /** Of these, what the policy waits on purpose, s. */
  readonly soakSeconds: number;
  /** Only where there is a campaign. */
  readonly campaign?: {
    /** From its opening to its end, by its journal, s. */
    readonly seconds: number;
    readonly bound: LowerBound;
    /** Seconds by kind of step, by its log. */
    readonly spent: { readonly [action: string]: number };
  };
  /** Peak resident memory of our provider, MB; null if it has none. */
  readonly providerMb: number | null;
}

export interface Way {
  readonly name: string;
  /** What it was given. */
  readonly given: string;
  readonly quiet: Felt;
  readonly forward: Change;
  /** The version set back after completion. */
  readonly back: Change;
}

export interface UpgradeReport {
  readonly subscribers: number;
  readonly calls: number;
  readonly instances: number;
  readonly bootSeconds: number;
  readonly graceSeconds: number;
  readonly ways: readonly Way[];
}

/** A run that changes nothing, of one program. */
export interface Unchanged extends Previewed {
  readonly resources: number;
}

export interface PreviewSize {
  readonly count: number;
  /** Of each network function. */
  readonly components: number;
  /** Without the engine's record of each step, which takes longer the more there is. */
  readonly installSeconds: { readonly issu: number; readonly plain: number };
  readonly preview: { readonly issu: Unchanged; readonly plain: Unchanged };
  readonly up: { readonly issu: Unchanged; readonly plain: Unchanged };
}

export interface PreviewReport {
  readonly sizes: readonly PreviewSize[];
}
