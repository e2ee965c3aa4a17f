/**
 * A clause of the contract, and how a network function is held against it.
 *
 * @module
 */
import type { Bench } from "./bench";

export type Outcome = "pass" | "fail" | "not-applicable";

export interface Finding {
  readonly outcome: Outcome;
  /** What was seen, in one line. */
  readonly detail: string;
}

export interface Clause {
  /** Stable, e.g. `split-4`. */
  readonly id: string;
  /** What the contract asks, in one line. */
  readonly title: string;
  /**
   * Observes the network function; may ask something of it, and leaves it able to be asked the next thing.
   *
   * @returns what was found; an error thrown counts as a failure with its message.
   */
  check(bench: Bench): Promise<Finding>;
}

export const pass = (detail: string): Finding => ({ outcome: "pass", detail });
export const fail = (detail: string): Finding => ({ outcome: "fail", detail });
export const notApplicable = (detail: string): Finding => ({ outcome: "not-applicable", detail });

/** Passes if a condition holds. */
export const found = (holds: boolean, detail: string): Finding => (holds ? pass(detail) : fail(detail));
