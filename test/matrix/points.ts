/**
 * Points of a campaign, read off its journal.
 *
 * @module
 */
import { ELEMENT_STAGES } from "#sdk/plan/element.js";
import type { CampaignSeen } from "../support/journal-watch.ts";

/** Stages of the matrix's policy, in their order. */
export const STAGES = [
  "preflight",
  "snapshot",
  "minimal",
  "dial-test",
  "gray-50",
  "gray-100",
  "post-test",
  "finalize",
] as const;

/** The same of a network function with components of all three service types. */
export const WHOLE_STAGES = [
  "preflight",
  "snapshot",
  "minimal",
  "dial-test",
  "gray-50",
  "gray-100",
  "switchover",
  "other-halves",
  "post-test",
  "finalize",
] as const;
export { ELEMENT_STAGES };
export type ElementStage = (typeof ELEMENT_STAGES)[number];
export type StageName = (typeof WHOLE_STAGES)[number];

export interface Point {
  /** For tables, e.g. `in gray-50`. */
  readonly name: string;
  /** Undefined: as soon as the engine has begun. */
  readonly reached?: (campaign: CampaignSeen) => boolean;
  /** Instead: some time after the engine has begun. */
  readonly after?: () => Promise<void>;
}

export const start: Point = { name: "before preflight" };

/**
 * Within a stage, from its first step to its soak.
 *
 * @param share 0 for its begin up to 1 for its last step or its soak.
 */
export function during(stage: StageName | ElementStage, share: number): Point {
  return {
    name: `in ${stage}`,
    reached: ({ stages }) => {
      const one = stages.find(({ name }) => name === stage);
      if (!one || one.state === "pending") return false;
      // A stage of one write may be over before it was seen.
      if (one.state !== "running") return true;
      const { steps, soakMs } = one.plan;
      const wanted = Math.floor(share * (steps.length + (soakMs > 0 ? 1 : 0)));
      if (wanted >= steps.length) return steps.length === 0 || one.soakingSince !== undefined;
      return (one.step ?? -1) >= wanted;
    },
  };
}

/** Right after a stage, and so right before what comes next. */
export function after(stage: StageName | ElementStage): Point {
  return {
    name: `after ${stage}`,
    reached: ({ stages }) =>
      ["done", "skipped"].includes(stages.find(({ name }) => name === stage)?.state ?? ""),
  };
}

/** @param share 0 for the begin of the rollback up to 1 for its end. */
export function duringRollback(share: number): Point {
  // What a rollback of this size has to do is not known beforehand: five to seven steps.
  const wanted = Math.floor(share * 6);
  return {
    name: `in the rollback, ${["begin", "middle", "late"][Math.min(2, Math.floor(share * 3))]}`,
    reached: ({ state, rollback }) =>
      rollback !== undefined && (state === "rolled-back" || rollback.steps.length >= wanted),
  };
}
