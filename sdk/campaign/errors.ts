/**
 * How a campaign says no.
 *
 * @module
 */
import { maskIdentities } from "../contract/identity";
import type { Problem } from "../policy/problem";

/** Stable code, for the log (ESC-20) and for pipelines. */
export type CampaignErrorCode =
  /** Refused before anything was touched. */
  | "REFUSED"
  /** Someone else works on this target. */
  | "LEASE_HELD"
  /** Ours was taken over while we worked. */
  | "LEASE_LOST"
  /** A stage was asked for before the ones it needs. */
  | "OUT_OF_ORDER"
  /** The stage failed, and the campaign was taken back. */
  | "ROLLED_BACK"
  /** The stage failed, and taking the campaign back failed too, or is not finished. */
  | "ROLLBACK_INCOMPLETE"
  /** The stage failed, and the policy leaves it there. */
  | "STOPPED"
  /** An operator asked for the campaign to be taken back. */
  | "ABORTED"
  /** Asked to stop; the next run goes on. */
  | "INTERRUPTED";

export class CampaignError extends Error {
  readonly code: CampaignErrorCode;
  readonly problems: readonly Problem[];

  constructor(
    code: CampaignErrorCode,
    message: string,
    problems: readonly Problem[] = [],
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "CampaignError";
    this.code = code;
    this.problems = problems;
  }
}

/** Why a stage failed, with a code. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

export function failureOf(error: unknown): Failure {
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    // Messages of drivers end in a full stop or don't; here they become part of a longer sentence.
    return {
      code: typeof code === "string" ? code : error.name,
      message: maskIdentities(error.message.replace(/\.+$/, "")),
    };
  }
  return { code: "ERROR", message: maskIdentities(String(error)) };
}
