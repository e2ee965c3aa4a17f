/**
 * Inputs of a stage resource: what the program gives, and what `check` adds so that preview shows the plan.
 *
 * @module
 */
import type { Occasion } from "../campaign/journal";
import type { Address } from "../kinds";

/** What the first stage of a chain says for all of them. */
export interface DeclaredInputs {
  readonly target: Address;
  /** What is wanted, as declared; checked against the kind's schema. */
  readonly spec: { readonly [key: string]: unknown };
  /** The policy as the user wrote it. */
  readonly upgrade: unknown;
}

export interface StageInputs extends Partial<DeclaredInputs> {
  readonly stage: string;
}

/** Added by `check`. They differ from the last run's while a campaign is open or due, so the engine runs every stage. */
export interface PlannedInputs {
  readonly campaign: string;
  readonly attempt: number;
  readonly plan: readonly string[];
  /** Campaign for which hooks between this stage and the next are to act; changes only when they are. */
  readonly occasion: Occasion;
}

/** As far as a later run looks at them. */
export interface StageOutputs {
  readonly occasion: Occasion;
  /** Where hooks behind the stage were told to report in; marked secret. */
  readonly callback: object;
}

export interface GuardInputs {
  readonly target: Address;
  readonly version: string;
  readonly release: string;
  readonly workloads: readonly string[];
  /** While true, the version can't be deleted while it carries anyone, not even by `pulumi destroy`. */
  readonly protect: boolean;
}
