/**
 * The resources of the provider as a program declares them. Users meet them in previews, not in their own code.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";

/** How to reach what is upgraded. */
export interface TargetArgs {
  readonly kind: string;
  readonly name: string;
  readonly namespace: pulumi.Input<string>;
  readonly kubeconfig?: pulumi.Input<string>;
  readonly context?: pulumi.Input<string>;
  readonly journal?: pulumi.Input<string>;
  /** How a target is reached where that is not all by Kubernetes. */
  readonly at?: pulumi.Input<{ readonly [name: string]: unknown }>;
}

/** What a campaign is to reach, and how. */
export interface DeclaredArgs {
  readonly target: TargetArgs;
  /** What is wanted. */
  readonly spec: { readonly [key: string]: unknown };
  /** The policy as written. */
  readonly upgrade: unknown;
}

/**
 * What is declared is said once, by the first stage of a chain; the others have its name before theirs and are told by it.
 * Preview then shows a changed version once, and state and engine don't carry it eight times.
 */
export interface StageArgs extends Partial<DeclaredArgs> {
  /** Name in the chain, e.g. `gray-50`; the resource's own name ends with it. */
  readonly stage: string;
}

/** One stage of a campaign. The engine runs it when its plan, its campaign or its attempt differs from the last run's. */
export class Stage extends pulumi.CustomResource {
  /** @param outputs those that somebody asks for: each costs a program with many stages time, so there are none by default. */
  constructor(name: string, args: StageArgs, opts?: pulumi.CustomResourceOptions, outputs: object = {}) {
    super("issu:index:Stage", name, { ...args, ...outputs }, opts);
  }
}

/** A stage whose end is told, to hooks behind it or as the end of all. */
export class ToldStage extends Stage {
  /** Id of the campaign that last ran it. */
  declare readonly campaign: pulumi.Output<string>;
  /** The campaign for which things between it and the next stage are to be done; a trigger for hooks. */
  declare readonly occasion: pulumi.Output<{ readonly campaign: string; readonly version: string }>;
  /** `done`, `skipped`, `held`, or `idle` when there was nothing to do. */
  declare readonly outcome: pulumi.Output<string>;
  /** Where hooks behind it report in; secret. */
  declare readonly callback: pulumi.Output<{ readonly url: string; readonly token: string } | undefined>;

  constructor(name: string, args: StageArgs, opts?: pulumi.CustomResourceOptions) {
    const outputs = { campaign: undefined, occasion: undefined, outcome: undefined, callback: undefined };
    super(name, args, { ...opts, additionalSecretOutputs: ["callback"] }, outputs);
  }
}

/** Where hooks behind a stage report in. Absent in a preview, and after a campaign that had none. */
export function callbackOf({ callback }: ToldStage): {
  readonly url: pulumi.Output<string>;
  readonly token: pulumi.Output<string>;
} {
  return {
    url: callback.apply((one) => one?.url ?? ""),
    token: pulumi.secret(callback.apply((one) => one?.token ?? "")),
  };
}

export interface VersionGuardArgs {
  readonly target: TargetArgs;
  readonly version: string;
  readonly release: string;
  readonly workloads: readonly string[];
  readonly protect: pulumi.Input<boolean>;
}

/** Stands before the workloads of one version: deleted before they are, and refuses while the version carries anyone. */
export class VersionGuard extends pulumi.CustomResource {
  constructor(name: string, args: VersionGuardArgs, opts?: pulumi.CustomResourceOptions) {
    super("issu:index:VersionGuard", name, { ...args }, opts);
  }
}
