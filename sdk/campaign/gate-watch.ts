/**
 * Samples KPIs while a stage acts and soaks, and says at once when a gate fails.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Target } from "../contract/target";
import type { ResolvedGate } from "../policy/upgrade-policy";
import { judge, KpiWindow, type Verdict } from "./gates";

/** Between two samples. A failure must be acted on within a second of being there to see. */
const SAMPLE_EVERY_MS = 250;

export class GateWatch {
  verdicts: readonly Verdict[] = [];
  private readonly window = new KpiWindow(Date.now());
  private readonly stopping = new AbortController();
  private readonly failure = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private readonly target: Target;
  private readonly gates: readonly ResolvedGate[];
  private readonly baseline: { [kpi: string]: number };

  /** @param baseline is read, and kept up to date with what the old version shows. */
  constructor(target: Target, gates: readonly ResolvedGate[], baseline: { [kpi: string]: number }) {
    this.target = target;
    this.gates = gates;
    this.baseline = baseline;
  }

  /** Aborted, with the failing verdict's message, as soon as a gate fails. */
  get failed(): AbortSignal {
    return this.failure.signal;
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
      if (left.attempts >= minSamples) this.baseline[kpi] = (100 * left.successes) / left.attempts;
    }
    this.verdicts = this.gates.map((gate) => judge(gate, this.window, this.baseline[gate.kpi]));
    const failing = this.verdicts.find((verdict) => verdict.outcome === "fail");
    if (failing) this.failure.abort(failing);
  }
}
