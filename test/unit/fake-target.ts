/**
 * A target of a made-up kind: a dial with a position, moved in steps. Knows how to fail on demand. Proves that the core
 * knows no kind of target.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Action, ActionContext, KpiCount, Target, Traces } from "pulumi-issu/contract";
import { TargetError } from "pulumi-issu/contract";
import type { Plan, PlanRule, ReleaseRef, StagePlan, Step } from "#sdk/plan/plan.js";
import type { ResolvedGate } from "#sdk/policy/upgrade-policy.js";

export interface Dial {
  position: number;
  version: string;
}

export interface DialSpec {
  readonly version: string;
  readonly stops: readonly number[];
  readonly gates?: readonly ResolvedGate[];
  readonly soakMs?: number;
  readonly gateLimitMs?: number;
  /** Longest time for the steps of a stage. */
  readonly stageLimitMs?: number;
  readonly problems?: readonly { path: string; message: string }[];
}

export const release = (version: string): ReleaseRef => ({ version, release: `${version}-x` });

export const turn = (to: number, version?: string): Step => ({
  action: version === undefined ? "turn" : "promote",
  object: "dial/d",
  args: version === undefined ? { to } : { to, version },
  summary: `turn to ${to}`,
  expectedMs: 10,
  limitMs: 2_000,
});

export const dialRule: PlanRule<DialSpec, Dial> = {
  stages: (spec) => ["preflight", ...spec.stops.map((stop) => `turn-${stop}`), "finalize"],
  plan(spec, inventory, inCampaign): Plan {
    const back = inCampaign?.from?.version === spec.version;
    const from = release(inventory.version);
    const done = inventory.version === spec.version && inventory.position === 0;
    const stage = (name: string, steps: readonly Step[], gated = false): StagePlan => ({
      name,
      ...(steps.length === 0 && name !== "preflight" ? { skipped: "nothing to do" } : {}),
      steps,
      soakMs: gated ? (spec.soakMs ?? 0) : 0,
      gates: gated ? (spec.gates ?? []) : [],
      gateLimitMs: spec.gateLimitMs ?? 500,
      expectedMs: 10 * steps.length,
    });
    return {
      intent: back ? "return" : done ? "none" : "upgrade",
      from,
      to: release(spec.version),
      stages: [
        stage("preflight", []),
        ...spec.stops.map((stop) =>
          stage(`turn-${stop}`, !back && !done && inventory.position < stop ? [turn(stop)] : [], true),
        ),
        stage("finalize", done ? [] : [turn(0, spec.version)]),
      ],
      warnings: [],
      problems: spec.problems ?? [],
    };
  },
  recover: (_spec, inventory, from) =>
    inventory.position === 0 && inventory.version === from?.version ? [] : [turn(0, from?.version ?? "none")],
};

/** Where an injected failure strikes: before acting, or after it acted but before it was observed. */
export type Strike = {
  readonly action: string;
  readonly when: "before" | "after";
  readonly error: () => Error;
};

export class FakeTarget implements Target<Dial> {
  readonly id = "dial/d";
  readonly dial: Dial;
  readonly performed: string[] = [];
  strikes: Strike[] = [];
  /** An action that takes long; a deaf one does not heed its signal. */
  slow: { readonly action: string; readonly ms: number; readonly deaf?: boolean } | undefined;
  /** Whether a slow action is in hand. */
  busy = false;
  counts: () => readonly KpiCount[] = () => [];
  observed = 0;

  constructor(version: string) {
    this.dial = { position: 0, version };
  }

  async observe(): Promise<Dial> {
    this.observed += 1;
    return { ...this.dial };
  }

  async perform(action: Action, context: ActionContext): Promise<{ readonly detail: string }> {
    context.signal.throwIfAborted();
    const strike = this.strikes.find((one) => one.action === action.action);
    if (strike?.when === "before") throw this.take(strike);
    if (this.slow?.action === action.action) await this.dawdle(this.slow, context.signal);
    this.dial.position = Number(action.args.to);
    if (action.action === "promote") this.dial.version = String(action.args.version);
    this.performed.push(`${action.action}:${this.dial.position}`);
    if (strike) throw this.take(strike);
    return { detail: `at ${this.dial.position}` };
  }

  async sample(): Promise<readonly KpiCount[]> {
    return this.counts();
  }

  async carries(name: string): Promise<boolean | undefined> {
    return name === this.dial.version;
  }

  /** What campaigns left on it; the epoch as `fence` left it unless set. */
  underway: readonly string[] = [];
  epoch = 0;

  async traces(): Promise<Traces> {
    return { epoch: this.epoch, underway: this.underway };
  }

  async seenEpoch(): Promise<number | undefined> {
    return this.observed > 0 ? this.epoch : undefined;
  }

  async fence(epoch: number): Promise<void> {
    this.epoch = epoch;
  }

  private async dawdle({ ms, deaf }: { ms: number; deaf?: boolean }, signal: AbortSignal): Promise<void> {
    this.busy = true;
    try {
      await delay(ms, undefined, { ref: false, ...(deaf ? {} : { signal }) });
    } finally {
      this.busy = false;
    }
  }

  private take(strike: Strike): Error {
    this.strikes = this.strikes.filter((one) => one !== strike);
    return strike.error();
  }
}

export const failing =
  (code: string): (() => Error) =>
  () =>
    new TargetError(code, `injected ${code}`);
