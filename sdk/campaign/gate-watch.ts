/**
 * Samples KPIs while a stage acts and soaks, and says at once when a gate fails.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Target } from "../contract/target";
import type { ResolvedGate } from "../policy/upgrade-policy";
import { judge, type Verdict } from "./gates";
import { KpiWindow, type Tally } from "./kpi-window";

/** Between two samples. A failure must be acted on within a second of being there to see. */
const SAMPLE_EVERY_MS = 250;
/** Failures in a row are counted in looks that lie this far apart. */
const LOOK_EVERY_MS = 1000;

export class GateWatch {
  verdicts: readonly Verdict[] = [];
  private readonly window = new KpiWindow(Date.now());
  private readonly stopping = new AbortController();
  private readonly failure = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private readonly target: Target;
  private readonly gates: readonly ResolvedGate[];
  private readonly baseline: { [kpi: string]: Tally };
  /** By gate: failures in a row, and when the last was counted. */
  private readonly streaks = new Map<ResolvedGate, { count: number; at: number }>();
  private soaked = false;

  /** @param baseline is read, and kept up to date with what the old version shows. */
  constructor(target: Target, gates: readonly ResolvedGate[], baseline: { [kpi: string]: Tally }) {
    this.target = target;
    this.gates = gates;
    this.baseline = baseline;
  }

  /** Aborted, with the failing verdict's message, as soon as a gate fails. */
  get failed(): AbortSignal {
    return this.failure.signal;
  }

  /** Gates that don't pass yet and have to. */
  get undecided(): readonly Verdict[] {
    return this.verdicts.filter(({ outcome, advisory }) => outcome !== "pass" && !advisory);
  }

  /** The soak is over: what there is has to do from now on. */
  conclude(): void {
    if (this.soaked) return;
    this.soaked = true;
    if (this.gates.length > 0) this.judgeAll();
  }

  /** Takes the window's zero; attempts before it don't count. */
  async start(): Promise<void> {
    if (this.gates.length === 0) return;
    await this.sample();
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted && !this.failure.signal.aborted) {
      const next = delay(SAMPLE_EVERY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      await next;
      if (this.stopping.signal.aborted) return;
      await this.sample();
    }
  }

  private async sample(): Promise<void> {
    const kpis = [...new Set(this.gates.map((gate) => gate.kpi))];
    // A source that can't be read adds no samples: the gate then has too few, and holds.
    const counts = await this.target.sample(kpis, this.stopping.signal).catch(() => []);
    this.window.add(counts);
    for (const { kpi, minSamples } of this.gates) {
      const left = this.window.tally(kpi, "left");
      if (left.attempts >= minSamples) this.baseline[kpi] = left;
    }
    this.judgeAll();
  }

  private judgeAll(): void {
    const now = Date.now();
    this.verdicts = this.gates.map((gate) => {
      const verdict = judge(gate, this.window, this.baseline[gate.kpi], this.soaked);
      const failures = this.streak(gate, verdict, now);
      if (failures >= (gate.failures ?? 1) && !gate.advisory) this.failure.abort(verdict);
      return verdict;
    });
  }

  /** @returns in how many looks in a row the gate has failed. */
  private streak(gate: ResolvedGate, { outcome }: Verdict, now: number): number {
    if (outcome !== "fail") {
      this.streaks.delete(gate);
      return 0;
    }
    const streak = this.streaks.get(gate) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
    if (now - streak.at >= LOOK_EVERY_MS) this.streaks.set(gate, { count: streak.count + 1, at: now });
    return this.streaks.get(gate)?.count ?? 0;
  }
}
