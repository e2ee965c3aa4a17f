/**
 * The lab's record of what subscribers felt.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { control } from "../../lab/control.ts";
import type { Lab } from "../../lab/lab.ts";
import type { Endpoint } from "../../lab/record.ts";
import type { CardMedia } from "../../lab/traffic/card-media.ts";
import type { Kpis } from "../../lab/traffic/kpi-counts.ts";
import type { ProbeFigures } from "../../lab/traffic/prober.ts";
import type { Rest } from "../../lab/traffic/rests.ts";
import type { Served } from "../../lab/traffic/served-log.ts";
import type { Figures } from "./report.ts";

/** Figures of a window, with what only some checks need. */
export interface WindowFigures extends Figures, ProbeFigures {
  readonly userCauses: number;
  readonly users: Rest["users"];
  readonly kpis: Kpis;
  readonly cards: readonly CardMedia[];
  readonly subscribers: number;
  readonly splitErrorPercentMax: number;
  /** Subscribers who met each version, and those of them whom the ratio did not ask for. */
  readonly metVersions: {
    readonly [version: string]: { readonly subscribers: number; readonly outsideRatio: number };
  };
}

/** A gate's rule, watched in the traffic's own record. */
export interface Rule {
  readonly name: string;
  readonly procedure: string;
  readonly atLeast: number;
  readonly minSamples: number;
  readonly side: "left" | "right";
  /** Ms since 1970, at most ten minutes ago; now if left out. */
  readonly since?: number;
}

export class Traffic {
  private readonly lab: Lab;

  constructor(lab: Lab) {
    this.lab = lab;
  }

  async openWindow(name: string): Promise<void> {
    await control(this.endpoint, "POST", "/windows", { body: { name } });
  }

  async closeWindow(name: string): Promise<WindowFigures> {
    return (await control(this.endpoint, "POST", `/windows/${name}/close`)) as WindowFigures;
  }

  async watchRule(rule: Rule): Promise<void> {
    await control(this.endpoint, "POST", "/rules", { body: rule });
  }

  /** Instant (ms since 1970) at which the record first met the rule; undefined if it never did. */
  async ruleMetAt(name: string): Promise<number | undefined> {
    const { metAt } = (await control(this.endpoint, "GET", `/rules/${name}`)) as { metAt?: number | null };
    return metAt ?? undefined;
  }

  /** What was the case at each ratio at which the split rested. */
  async rests(): Promise<readonly Rest[]> {
    return (await control(this.endpoint, "GET", "/rests")) as readonly Rest[];
  }

  /** Who served each test card, over time. */
  async cards(): Promise<readonly { readonly subscriber: string; readonly served: readonly Served[] }[]> {
    return (await control(this.endpoint, "GET", "/cards")) as {
      subscriber: string;
      served: readonly Served[];
    }[];
  }

  /**
   * Waits until all subscribers are registered.
   *
   * @param once that they all have been is enough: where some are always about to leave or to come
   */
  async allRegistered(deadlineMs: number, once = false): Promise<number> {
    const giveUp = Date.now() + deadlineMs;
    for (;;) {
      const state = (await control(this.endpoint, "GET", "/state")) as {
        attached: number;
        subscribers: number;
        attachSeconds?: number;
      };
      if (state.attached >= state.subscribers || (once && state.attachSeconds !== undefined))
        return state.attached;
      if (Date.now() > giveUp) {
        throw new Error(
          `${state.attached} of ${state.subscribers} subscribers were registered after ${deadlineMs / 1000} s`,
        );
      }
      await delay(200);
    }
  }

  private get endpoint(): Endpoint {
    const { traffic } = this.lab.endpoints;
    if (!traffic) throw new Error(`lab ${this.lab.name} has no subscribers`);
    return traffic;
  }
}
