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
/** Of a cluster with one pool. */
export const CAAS_STAGES = ["preflight", "snapshot", "pool-workers", "finalize"] as const;
type AnyStage = StageName | ElementStage | (typeof CAAS_STAGES)[number];

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
export function during(stage: AnyStage, share: number): Point {
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

/** From when a step of a pool's stage begins that has to do with a node, e.g. `drain`. */
export function atStep(action: string, node: string): Point {
  return {
    name: `${action} of ${node}`,
    reached: ({ stages }) => {
      const pool = stages.find(({ name }) => name === "pool-workers");
      if (!pool || pool.state === "pending") return false;
      if (pool.state !== "running") return true;
      const steps = pool.plan.steps as readonly {
        readonly action: string;
        readonly args: { readonly nodes?: readonly string[] };
      }[];
      const at = steps.findIndex((step) => step.action === action && step.args.nodes?.includes(node));
      return at >= 0 && (pool.step ?? -1) >= at;
    },
  };
}

/** Right after a stage, and so right before what comes next. */
export function after(stage: AnyStage): Point {
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
