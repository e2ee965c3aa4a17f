/**
 * What a campaign will do, as data: made by a plan rule from what runs, what is wanted and the policy; shown by preview;
 * stored in the journal; executed by `sdk/campaign`. Serves ESC-06..12.
 *
 * @module
 */

import type { AnyGate } from "../policy/gate-policy";
import type { Problem } from "../policy/problem";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One thing that a driver does. Its shape is the contract's `Action` with what preview and hang detection need. */
export interface Step {
  /** Verb of the driver, e.g. `scale`. */
  readonly action: string;
  /** Object id for people and the log (ESC-20), e.g. `deployment/amf-gsu-1-1-0-9f3c21`. */
  readonly object: string;
  readonly args: { readonly [key: string]: Json };
  /** One line for preview, e.g. `scale amf-gsu-1-1-0-9f3c21 from 1 to 4 instances`. */
  readonly summary: string;
  /** Expected duration in milliseconds (ESC-11). */
  readonly expectedMs: number;
  /** Given up after this many milliseconds. */
  readonly limitMs: number;
  /** What the users of the platform take part in at this step (ESC-12), e.g. `subscribers move between instances`. */
  readonly coordination?: string;
  /** Changes nothing: what was asked for before is not all there yet, and is waited for. */
  readonly waits?: boolean;
}

export interface StagePlan {
  /** Unique in the chain, e.g. `gray-50`. */
  readonly name: string;
  /** Why nothing is to be done; the stage stays declared all the same. */
  readonly skipped?: string;
  readonly steps: readonly Step[];
  /** How long the stage watches its gates after its last step, in milliseconds. */
  readonly soakMs: number;
  /** Judged from the stage's first step to the end of its soak (ESC-10). */
  readonly gates: readonly AnyGate[];
  /** Nobody is left on the old version once its steps are done: nothing can be measured beside the new one. */
  readonly alone?: boolean;
  /** Longest wait for a gate that lacks data, after the soak, in milliseconds. */
  readonly gateLimitMs: number;
  /** Steps and soak together, in milliseconds. */
  readonly expectedMs: number;
  /** Longest time for its steps without a report of progress, in milliseconds; the steps' own limits if left out (ESC-11). */
  readonly limitMs?: number;
  /** The campaign ends here, held, with success. */
  readonly holds?: boolean;
  /** The campaign is held before this stage: its turn, and that of what precedes it, is yet to come. */
  readonly heldBack?: boolean;
  /** Roles whose approval it waits for (ESC-21). */
  readonly waitsFor?: readonly string[];
}

/** A version with its content; what a campaign goes from and to. */
export interface ReleaseRef {
  readonly version: string;
  readonly release: string;
}

/** What a campaign is for. */
export type Intent =
  /** Nothing has served yet. */
  | "install"
  | "upgrade"
  | "downgrade"
  /** The goal was set back to what served before, in the middle of a campaign. */
  | "return"
  /** Same release, other numbers. */
  | "adjust"
  /** The target is as wanted. */
  | "none";

export interface Plan {
  readonly intent: Intent;
  readonly from?: ReleaseRef;
  readonly to: ReleaseRef;
  /** How things were before anything was touched, in the rule's own form; journalled when the campaign is opened. */
  readonly before?: Json;
  readonly stages: readonly StagePlan[];
  /** What an operator should know but which stops nothing. */
  readonly warnings: readonly string[];
  /** What must be mended first; the campaign does not start (ESC-03, ESC-05). */
  readonly problems: readonly Problem[];
}

/** What a policy says of failures. */
export interface OnFailure {
  readonly rollBack: boolean;
  /** Instances above the declared number while rolling back. */
  readonly surge: number | "all";
  /** Those that are tried where there is no room for them. */
  readonly fallbackSurge: number;
}

/** What a target shows of itself, for a journal to begin with: the version in service, and one beside it. */
export interface Shown {
  readonly serving?: ReleaseRef & { readonly spec: unknown };
  /** There while a campaign is between the two. */
  readonly coming?: ReleaseRef & { readonly spec: unknown };
}

/** One thing that a target consists of, for `issu status`. */
export interface StatusRow {
  /** e.g. `node0`, `RG-1`. */
  readonly object: string;
  readonly state: string;
  readonly version?: string;
  readonly detail: string;
}

/** A campaign that did not end yet. */
export interface InCampaign {
  readonly from?: ReleaseRef;
  readonly to: ReleaseRef;
  /** Stages that were passed: with nobody to move they are not watched or tested again. */
  readonly passed?: readonly string[];
  /** What the plan that opened it said of how things were. */
  readonly before?: Json;
}

/**
 * What a kind of target brings to the campaign: how to plan the way there, and the way back.
 *
 * `S` is the spec of the kind, `I` its inventory.
 */
export interface PlanRule<S, I> {
  /** Names of the stages for a policy, in order; the same whether or not there is anything to do. */
  stages(spec: S): readonly string[];
  /** @param inCampaign the campaign that is open or held, if one is. */
  plan(spec: S, inventory: I, inCampaign?: InCampaign): Plan;
  /**
   * The way back to `from`, from wherever the target is now: capacity, traffic, data, elasticity, in that order (ESC-09,
   * ESC-18). Empty if the target is back already.
   *
   * @param surge instances above the declared number; `"all"` brings everything back in one go.
   * @param before what the plan that opened the campaign said of how things were.
   */
  recover(
    spec: S,
    inventory: I,
    from: ReleaseRef | undefined,
    surge: number | "all",
    before?: Json,
  ): readonly Step[];
}
