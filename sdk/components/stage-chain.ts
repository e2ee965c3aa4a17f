/**
 * Stages one after the other, with the user's own resources between them, and what a component tells of their end.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import type { UpgradePolicy } from "../policy/upgrade-policy";
import type { Hook, HookContext } from "./hooks";
import { keepSecret } from "./keep-secret";
import { callbackOf, type DeclaredArgs, Stage, type TargetArgs, ToldStage } from "./stage";
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

/** What a component declares a campaign of. */
export interface CampaignDeclaration {
  readonly target: TargetArgs;
  /** What is wanted. */
  readonly spec: DeclaredArgs["spec"];
  readonly version: string;
  /** The policy as its user wrote it; what is secret in it is kept so. */
  readonly upgrade: object | undefined;
  /** Names of the chain, at least one. */
  readonly stages: readonly string[];
  /** By the stage that each stands before. */
  readonly hooks?: { readonly [stage: string]: Hook | undefined };
}

/** Stages that need the one before them and nothing else. @returns the outputs of the component */
export function declareCampaign(
  parent: pulumi.ComponentResource,
  name: string,
  { target, spec, version, upgrade = {}, stages, hooks = {} }: CampaignDeclaration,
): CampaignOutputs {
  const declared: DeclaredArgs = { target, spec, upgrade: keepSecret(upgrade as UpgradePolicy) };
  const reportsIn = Boolean((upgrade as UpgradePolicy).callback);
  let last: Stage | undefined;
  for (const [i, stage] of stages.entries()) {
    const dependsOn: pulumi.Resource[] = last ? [last] : [];
    const hook = hooks[stage];
    if (hook && last instanceof ToldStage)
      dependsOn.push(...hook(hookContext(name, last, reportsIn, { parent, dependsOn: [last] })));
    const next = stages[i + 1];
    const Kind = next === undefined || hooks[next] ? ToldStage : Stage;
    const args = { stage, ...(last ? {} : declared) };
    last = withoutTraces(() => new Kind(`${name}-${stage}`, args, { parent, dependsOn }));
  }
  return endOf(last as ToldStage, version);
}

/** Where the journal is kept, and how the cluster that may keep it is reached. */
export function journalAt({
  kubeconfig,
  context,
  journal,
}: Pick<TargetArgs, "kubeconfig" | "context" | "journal">): Pick<
  TargetArgs,
  "kubeconfig" | "context" | "journal"
> {
  return {
    ...(kubeconfig === undefined ? {} : { kubeconfig: pulumi.secret(kubeconfig) }),
    ...(context === undefined ? {} : { context }),
    ...(journal === undefined ? {} : { journal }),
  };
}

/** What every component with a campaign tells. */
export interface CampaignOutputs {
  readonly campaign: pulumi.Output<string>;
  readonly version: pulumi.Output<string>;
  readonly outcome: pulumi.Output<string>;
}

/** @param version the declared one */
export function endOf({ campaign, outcome }: ToldStage, version: string): CampaignOutputs {
  return {
    campaign,
    version: outcome.apply(() => version),
    outcome: outcome.apply((one) => (one === "held" ? "held" : one === "idle" ? "unchanged" : "completed")),
  };
}
