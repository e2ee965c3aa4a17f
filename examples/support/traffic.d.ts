import type { Lab } from "../../lab/lab.ts";
import type { Figures } from "./report.ts";
/** Figures of a window, with what only some checks need. */
export interface WindowFigures extends Figures {
  readonly subscribers: number;
  readonly splitErrorPercentMax: number;
  /** Subscribers who met each version, and those of them whom the ratio did not ask for. */
  readonly metVersions: {
    readonly [version: string]: {
      readonly subscribers: number;
      readonly outsideRatio: number;
    };
  };
}
/** A gate's rule, watched in the traffic's own record. */
export interface Rule {
  readonly name: string;
  readonly procedure: string;
  readonly atLeast: number;
  readonly minSamples: number;
  readonly side: "left" | "right";
}
export declare class Traffic {
  private readonly lab;
  constructor(lab: Lab);
  openWindow(name: string): Promise<void>;
  closeWindow(name: string): Promise<WindowFigures>;
  watchRule(rule: Rule): Promise<void>;
  /** Instant (ms since 1970) at which the record first met the rule; undefined if it never did. */
  ruleMetAt(name: string): Promise<number | undefined>;
  /** Waits until all subscribers are registered. */
  allRegistered(deadlineMs: number): Promise<number>;
  private get endpoint();
}
