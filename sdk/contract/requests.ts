/**
 * What people ask of a campaign while it is under way: abort it, pause it, approve what waits for them (ESC-12, ESC-18,
 * ESC-21). Who may is for the place to decide where the requests are kept, and it vouches for who asked.
 *
 * @module
 */

export type RequestKind =
  /** Stop at the next safe point and take the campaign back. */
  | "abort"
  /** Stop at the next safe point and stay there. */
  | "pause"
  /** Go on after a pause. */
  | "resume"
  /** Let the stages that wait for a role begin. */
  | "approve";

export interface Asking {
  readonly kind: RequestKind;
  /** Id of the campaign that is meant; a later one is not. */
  readonly campaign: string;
  /** What is approved, and in whose name; for `approve` only. */
  readonly stage?: string;
  readonly role?: string;
  /** For whoever reads the log later. */
  readonly reason: string;
}

/** A request that was made. Never changed. */
export interface OperatorRequest extends Asking {
  readonly id: string;
  /** Who asked, as the keeper of the requests knows them. */
  readonly by: string;
  /** When, by the keeper's clock, ISO 8601. */
  readonly at: string;
}

/** Where requests are kept: one for each way of knowing people. */
export interface RequestBook {
  /**
   * Makes a request in the name of whoever is logged in.
   *
   * @throws TargetError `UNAUTHORIZED` if they may not.
   */
  ask(target: string, asking: Asking): Promise<OperatorRequest>;
  /**
   * All that were made of a target, oldest first.
   *
   * @param signal without one, what was asked a moment ago for another target of the run will do.
   */
  asked(target: string, signal?: AbortSignal): Promise<readonly OperatorRequest[]>;
  /**
   * Whether the book vouches for who asked, found out by trying to ask in somebody else's name.
   *
   * @returns why not; undefined if it does.
   */
  doubt(target: string): Promise<string | undefined>;
}
