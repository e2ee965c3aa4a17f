/**
 * What pipelines are told. Documented in `docs/cli.md`; never renumbered.
 *
 * @module
 */
import type { CampaignState } from "../campaign/journal";

export const exitCodes = {
  /** Completed, or nothing was ever to be done. */
  ok: 0,
  /** The command itself failed. */
  error: 1,
  held: 3,
  rolledBack: 4,
  inProgress: 5,
  /** Stopped by a failure, or a rollback that is not finished and that nobody works on: a person is needed. */
  attention: 6,
} as const;

/** @param leased whether a run works on it at this moment. */
export function exitCodeOf(state: CampaignState | "idle", leased: boolean): number {
  switch (state) {
    case "idle":
    case "completed":
      return exitCodes.ok;
    case "held":
      return exitCodes.held;
    case "rolled-back":
      return exitCodes.rolledBack;
    case "open":
      return exitCodes.inProgress;
    case "rolling-back":
      return leased ? exitCodes.inProgress : exitCodes.attention;
    case "stopped":
      return leased ? exitCodes.inProgress : exitCodes.attention;
  }
}

/** Of several targets, what most needs somebody's attention. */
export function worst(codes: readonly number[]): number {
  const order: readonly number[] = [
    exitCodes.error,
    exitCodes.attention,
    exitCodes.inProgress,
    exitCodes.rolledBack,
    exitCodes.held,
  ];
  return order.find((code) => codes.includes(code)) ?? exitCodes.ok;
}
