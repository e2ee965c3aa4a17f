/**
 * Where gates get what they judge: counts of the instances themselves or of a monitoring system, readings of queries, alerts.
 * A feed that gets nothing says why, and its gates hold.
 *
 * @module
 */
import type { AlertSource, FiringAlert, MeasuredSides, MetricSource } from "../contract/monitoring";
import type { KpiCount, Target } from "../contract/target";
import type { AnyGate, ResolvedAlertGate, ResolvedQueryGate } from "../policy/gate-policy";
import type { ResolvedGate } from "../policy/upgrade-policy";
import { judgeAlerts } from "./alert-gate";
import { judge, type Verdict } from "./gates";
import { KpiWindow, type Tally } from "./kpi-window";
import { Readings } from "./readings";
import { judgeReadings } from "./value-gate";

/** Between two looks at the instances. A failure must be acted on within a second of being there to see. */
const SAMPLE_EVERY_MS = 250;
/** Between two looks at counts that others take, at most. */
const COUNTS_EVERY_MS = 5_000;
const ALERTS_EVERY_MS = 1_000;
/** Counts of others are too old to go by after this many of their intervals. */
const SILENT_INTERVALS = 4;

export interface Feed {
  readonly gates: readonly AnyGate[];
  readonly everyMs: number;
  /** @returns whether there was an answer; what is wrong otherwise is part of the verdict. */
  look(signal: AbortSignal): Promise<boolean>;
  /** @param soaked the soak is over: what there is has to do. */
  judge(gate: AnyGate, soaked: boolean): Verdict;
}

/** What the old version did in earlier stages; read, and kept up to date. */
export interface Baselines {
  readonly tallies: { [kpi: string]: Tally };
  readonly readings: { [kpi: string]: readonly number[] };
}

/** Shares of attempts, counted by the instances, or by a monitoring system that scrapes them. */
export abstract class CountFeed implements Feed {
  readonly gates: readonly ResolvedGate[];
  abstract readonly everyMs: number;
  protected readonly window = new KpiWindow(Date.now());
  private readonly baselines: Baselines;

  constructor(gates: readonly ResolvedGate[], baselines: Baselines) {
    this.gates = gates;
    this.baselines = baselines;
  }

  async look(signal: AbortSignal): Promise<boolean> {
    this.window.add(await this.counts([...new Set(this.gates.map((gate) => gate.kpi))], signal));
    for (const gate of this.gates) {
      const left = this.window.tally(gate.kpi, "left");
      if (left.attempts >= gate.minSamples) this.baselines.tallies[keyOf(gate)] = left;
    }
    return true;
  }

  judge(gate: ResolvedGate, soaked: boolean): Verdict {
    return judge(gate, this.window, this.baselines.tallies[keyOf(gate)], soaked);
  }

  /** None where the source can't be read: the gate then has too few, and holds. */
  protected abstract counts(kpis: readonly string[], signal: AbortSignal): Promise<readonly KpiCount[]>;
}

const keyOf = ({ kpi, source }: ResolvedGate): string => (source === undefined ? kpi : `${kpi}@${source}`);

export class InstanceFeed extends CountFeed {
  readonly everyMs = SAMPLE_EVERY_MS;
  private readonly target: Target;

  constructor(target: Target, gates: readonly ResolvedGate[], baselines: Baselines) {
    super(gates, baselines);
    this.target = target;
  }

  protected counts(kpis: readonly string[], signal: AbortSignal): Promise<readonly KpiCount[]> {
    return this.target.sample(kpis, signal).catch(() => []);
  }
}

/** Counts that a monitoring system took at instants of its own. */
export class MonitorFeed extends CountFeed {
  readonly everyMs: number;
  private readonly source: MetricSource | undefined;
  private readonly sides: MeasuredSides;
  /** By source of counts and KPI: when the newest one was taken, by the monitoring system's clock. */
  private readonly newest = new Map<string, number>();
  /** By KPI: when a new count of the new version was last seen, by ours. */
  private readonly heard = new Map<string, number>();
  private trouble: string | undefined;

  constructor(
    source: MetricSource | undefined,
    sides: MeasuredSides,
    gates: readonly ResolvedGate[],
    baselines: Baselines,
  ) {
    super(gates, baselines);
    this.source = source;
    this.sides = sides;
    const interval = source?.everyMs ?? COUNTS_EVERY_MS;
    this.everyMs = Math.min(COUNTS_EVERY_MS, Math.max(SAMPLE_EVERY_MS, interval / 2));
  }

  override async look(signal: AbortSignal): Promise<boolean> {
    await super.look(signal);
    return this.trouble === undefined;
  }

  override judge(gate: ResolvedGate, soaked: boolean): Verdict {
    const verdict = super.judge(gate, soaked);
    const heard = this.heard.get(gate.kpi);
    const limit = SILENT_INTERVALS * (this.source?.everyMs ?? 0) + 1_000;
    const silent = heard !== undefined && Date.now() - heard > limit;
    if (verdict.outcome === "fail" || (!silent && this.trouble === undefined)) return verdict;
    const because = this.trouble === undefined ? "" : `: ${this.trouble}`;
    // What was counted earlier says nothing of a version that is not counted any more.
    if (silent || verdict.outcome === "no-data") {
      const since = heard === undefined ? "" : ` for ${Math.round((Date.now() - heard) / 1000)} s`;
      return {
        ...verdict,
        outcome: "no-data",
        message: `${gate.kpi}: nothing was counted on the new version${since}${because}`,
      };
    }
    return verdict;
  }

  protected async counts(kpis: readonly string[], signal: AbortSignal): Promise<readonly KpiCount[]> {
    try {
      const all = (await this.source?.counts(kpis, this.sides, signal)) ?? [];
      this.trouble = this.source ? undefined : NOT_KNOWN;
      return this.fresh(all);
    } catch (error) {
      this.trouble = (error as Error).message;
      return [];
    }
  }

  /** What was not seen before; of a source that is new, its newest count only, which is the zero to count from. */
  private fresh(all: Awaited<ReturnType<MetricSource["counts"]>>): KpiCount[] {
    const known = new Map(this.newest);
    const last = new Map(all.map((count) => [`${count.kpi} ${count.source}`, count.at]));
    return all.filter((count) => {
      const key = `${count.kpi} ${count.source}`;
      const before = known.get(key);
      const isNew = before === undefined ? count.at === last.get(key) : count.at > before;
      if (!isNew) return false;
      this.newest.set(key, count.at);
      if (count.side === "right") this.heard.set(count.kpi, Date.now());
      return true;
    });
  }
}

const NOT_KNOWN = "how to reach it is not known";

/** One query, asked for both sides at the same moment. */
export class QueryFeed implements Feed {
  readonly gates: readonly ResolvedQueryGate[];
  readonly everyMs: number;
  private readonly source: MetricSource | undefined;
  private readonly sides: MeasuredSides;
  private readonly alone: boolean;
  private readonly baselines: Baselines;
  private readonly readings = new Readings();
  private trouble: string | undefined;

  /** @param alone nobody is left on the old version: what it shows then is no measure for the new one. */
  constructor(
    source: MetricSource | undefined,
    sides: MeasuredSides,
    gate: ResolvedQueryGate,
    baselines: Baselines,
    alone: boolean,
  ) {
    this.gates = [gate];
    this.everyMs = gate.everyMs;
    this.source = source;
    this.sides = sides;
    this.alone = alone;
    this.baselines = baselines;
  }

  async look(signal: AbortSignal): Promise<boolean> {
    const [gate] = this.gates;
    if (!gate) return false;
    const both = gate.compare !== undefined && !this.alone;
    const [right, left] = await Promise.all([
      this.read(gate, "right", signal),
      both ? this.read(gate, "left", signal) : undefined,
    ]);
    const troubles = [right, left].flatMap((one) => (one?.trouble === undefined ? [] : [one.trouble]));
    this.trouble = troubles[0];
    const at = Date.now();
    if (left?.value !== undefined) this.readings.add("left", left.value, at);
    if (right.value === undefined) return false;
    this.readings.add("right", right.value, at);
    if (this.readings.count("left") >= gate.minSamples)
      this.baselines.readings[gate.kpi] = [...this.readings.values("left")];
    return true;
  }

  judge(gate: ResolvedQueryGate, soaked: boolean): Verdict {
    const known = this.baselines.readings[gate.kpi];
    const { readings, trouble } = this;
    return judgeReadings(
      gate,
      {
        readings,
        now: Date.now(),
        ...(known === undefined ? {} : { known }),
        ...(trouble === undefined ? {} : { trouble }),
      },
      soaked,
    );
  }

  private async read(
    { query }: ResolvedQueryGate,
    side: "left" | "right",
    signal: AbortSignal,
  ): Promise<{ readonly value?: number; readonly trouble?: string }> {
    try {
      if (!this.source) return { trouble: NOT_KNOWN };
      const value = await this.source.value(query, this.sides[side], signal);
      return value === undefined ? {} : { value };
    } catch (error) {
      return { trouble: (error as Error).message };
    }
  }
}

export class AlertFeed implements Feed {
  readonly gates: readonly ResolvedAlertGate[];
  readonly everyMs = ALERTS_EVERY_MS;
  private readonly source: AlertSource | undefined;
  private readonly target: string;
  private readonly before: readonly string[];
  private firing: readonly FiringAlert[] | undefined;
  private at = Date.now();
  private trouble: string | undefined;

  /** @param before fingerprints of what fired when the campaign was opened. */
  constructor(
    source: AlertSource | undefined,
    gate: ResolvedAlertGate,
    target: string,
    before: readonly string[],
  ) {
    this.source = source;
    this.gates = [gate];
    this.target = target;
    this.before = before;
  }

  async look(signal: AbortSignal): Promise<boolean> {
    const matchers = this.gates[0]?.alerts.matchers ?? [];
    try {
      this.firing = await this.source?.firing(matchers, signal);
      this.at = Date.now();
      this.trouble = this.source ? undefined : NOT_KNOWN;
      return this.firing !== undefined;
    } catch (error) {
      this.trouble = (error as Error).message;
      return false;
    }
  }

  judge(gate: ResolvedAlertGate, soaked: boolean): Verdict {
    const { firing, at, trouble, before, target } = this;
    const seen = {
      at,
      before,
      target,
      now: Date.now(),
      ...(firing === undefined ? {} : { firing }),
      ...(trouble === undefined ? {} : { trouble }),
    };
    return judgeAlerts(gate, seen, soaked);
  }
}
