/**
 * Stages one after the other, with the user's own resources between them, and what a component tells of their end.
 *
 * @module
 */
import type * as pulumi from "@pulumi/pulumi";
import type { Hook, HookContext } from "./hooks";
import { callbackOf, type DeclaredArgs, Stage, ToldStage } from "./stage";
import { withoutTraces } from "./without-traces";

/** What a hook between a stage and the next one is told. @param reportsIn whether the policy has a callback */
export function hookContext(
  name: string,
  last: ToldStage,
  reportsIn: boolean,
  around: Pick<HookContext, "parent" | "dependsOn">,
): HookContext {
  return {
    name,
    version: last.occasion.version,
    campaign: last.occasion.campaign,
    ...(reportsIn ? { callback: callbackOf(last) } : {}),
    ...around,
  };
}

export interface ChainArgs extends DeclaredArgs {
  /** At least one. */
  readonly stages: readonly string[];
  readonly hookBefore?: (stage: string) => Hook | undefined;
  /** Whether the policy has a callback that hooks report to. */
  readonly reportsIn?: boolean;
}

/** @returns the last stage */
export function chainStages(
  parent: pulumi.ComponentResource,
  name: string,
  { stages, hookBefore, reportsIn = false, ...declared }: ChainArgs,
): ToldStage {
  let last: Stage | undefined;
  for (const [i, stage] of stages.entries()) {
    const dependsOn: pulumi.Resource[] = last ? [last] : [];
    const hook = hookBefore?.(stage);
    if (hook && last instanceof ToldStage)
      dependsOn.push(...hook(hookContext(name, last, reportsIn, { parent, dependsOn: [last] })));
    const next = stages[i + 1];
    const Kind = next === undefined || hookBefore?.(next) ? ToldStage : Stage;
    const args = { stage, ...(last ? {} : declared) };
    last = withoutTraces(() => new Kind(`${name}-${stage}`, args, { parent, dependsOn }));
  }
  return last as ToldStage;
}

/** Outputs that every component with a campaign has. @param version the declared one */
export function endOf({ campaign, outcome }: ToldStage, version: string) {
  return {
    campaign,
    version: outcome.apply(() => version),
    outcome: outcome.apply((one) => (one === "held" ? "held" : one === "idle" ? "unchanged" : "completed")),
  };
}
