/**
 * Looks at what gates judge while a stage acts and soaks, and says at once when one fails.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { AlertSource, MeasuredSides, MetricSource } from "../contract/monitoring";
import type { Target } from "../contract/target";
import { type AnyGate, isAlertGate, isQueryGate, isRateGate } from "../policy/gate-policy";
import { AlertFeed, type Baselines, type Feed, InstanceFeed, MonitorFeed, QueryFeed } from "./gate-feeds";
import type { Verdict } from "./gates";

/** Failures in a row are counted in looks that lie this far apart. */
const LOOK_EVERY_MS = 1000;

/** The site's own monitoring, as far as the policy names it. */
export interface Monitoring {
  readonly metrics?: MetricSource;
  readonly alerts?: AlertSource;
}

export interface Watched {
  readonly target: Target;
  readonly gates: readonly AnyGate[];
  readonly monitoring: Monitoring;
  readonly sides: MeasuredSides;
  readonly baselines: Baselines;
  /** Fingerprints of the alerts that fired when the campaign was opened. */
  readonly alertsBefore: readonly string[];
  /** Nobody is left on the old version once the stage's steps are done. */
  readonly alone: boolean;
}

export class GateWatch {
  private readonly gates: readonly AnyGate[];
  private readonly feeds: readonly Feed[];
  private readonly found = new Map<AnyGate, Verdict>();
  private readonly stopping = new AbortController();
  private readonly failure = new AbortController();
  private loops: readonly Promise<void>[] = [];
  /** By gate: failures in a row, and when the last was counted. */
  private readonly streaks = new Map<AnyGate, { count: number; at: number }>();
  private soaked = false;

  constructor(watched: Watched) {
    this.gates = watched.gates;
    this.feeds = feedsOf(watched);
  }

  /** In the order of the gates. */
  get verdicts(): readonly Verdict[] {
    return this.gates.flatMap((gate) => this.found.get(gate) ?? []);
  }

  /** Aborted, with the failing verdict's message, as soon as a gate fails. */
  get failed(): AbortSignal {
    return this.failure.signal;
  }

  /** Gates that don't pass yet and have to. */
  get undecided(): readonly Verdict[] {
    return this.verdicts.filter(({ outcome, advisory }) => outcome !== "pass" && !advisory);
  }

  /** What there is has to do from now on: the soak is over. */
  conclude(): void {
    if (this.soaked) return;
    this.soaked = true;
    for (const feed of this.feeds) this.judge(feed, false);
  }

  /** Takes the zero of what is counted; attempts before it don't count. */
  async start(): Promise<void> {
    await Promise.all(this.feeds.map((feed) => this.look(feed)));
    this.loops = this.feeds.map((feed) => this.follow(feed));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.loops);
  }

  /** Each feed at its own pace: one that is slow to answer holds up no other. */
  private async follow(feed: Feed): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted && !this.failure.signal.aborted) {
      await delay(feed.everyMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await this.look(feed);
    }
  }

  private async look(feed: Feed): Promise<void> {
    const answered = await feed.look(this.stopping.signal);
    this.judge(feed, answered);
  }

  /** @param counts whether it is another look, of those that failures in a row are counted in. */
  private judge(feed: Feed, counts: boolean): void {
    const now = Date.now();
    for (const gate of feed.gates) {
      const verdict = feed.judge(gate, this.soaked);
      this.found.set(gate, verdict);
      const failures = this.streak(gate, verdict, now, counts, feed.everyMs);
      if (failures >= (gate.failures ?? 1) && !gate.advisory) this.failure.abort(verdict);
    }
  }

  /** @returns in how many looks in a row the gate has failed. */
  private streak(gate: AnyGate, { outcome }: Verdict, now: number, counts: boolean, everyMs: number): number {
    if (outcome !== "fail") {
      this.streaks.delete(gate);
      return 0;
    }
    const streak = this.streaks.get(gate) ?? { count: 0, at: Number.NEGATIVE_INFINITY };
    const apart = everyMs >= LOOK_EVERY_MS || now - streak.at >= LOOK_EVERY_MS;
    // The first failure counts whenever it is seen: at the end of a soak nothing more may be read for a while.
    if (streak.count === 0 || (counts && apart)) this.streaks.set(gate, { count: streak.count + 1, at: now });
    return this.streaks.get(gate)?.count ?? 0;
  }
}

function feedsOf({
  target,
  gates,
  monitoring,
  sides,
  baselines,
  alertsBefore,
  alone,
}: Watched): readonly Feed[] {
  const rates = gates.filter(isRateGate);
  const direct = rates.filter(({ source }) => source === undefined);
  const monitored = rates.filter(({ source }) => source !== undefined);
  const { metrics, alerts } = monitoring;
  return [
    ...(direct.length > 0 ? [new InstanceFeed(target, direct, baselines)] : []),
    ...(monitored.length > 0 ? [new MonitorFeed(metrics, sides, monitored, baselines)] : []),
    ...gates.filter(isQueryGate).map((gate) => new QueryFeed(metrics, sides, gate, baselines, alone)),
    ...gates.filter(isAlertGate).map((gate) => new AlertFeed(alerts, gate, target.id, alertsBefore)),
  ];
}
