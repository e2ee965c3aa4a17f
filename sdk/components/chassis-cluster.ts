/**
 * `ChassisCluster`: two nodes with redundancy groups whose operating system changes with low impact.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import { CHASSIS_STAGES } from "../plan/chassis";
import type { UpgradePolicy } from "../policy/upgrade-policy";
import type { ChassisAccess, ChassisClusterArgs, ChassisHooks } from "./chassis-args";
import type { Hook } from "./hooks";
import { keepSecret } from "./keep-secret";
import type { TargetArgs } from "./stage";
import { chainStages, endOf } from "./stage-chain";

/**
 * A chassis cluster driven over SSH. A changed release becomes a campaign: preview shows its stages, `pulumi up` runs them in
 * order, and a failure takes both nodes back to one release (CHA-1..10, ESC-06). Nothing of the device is a Pulumi resource, so
 * nothing of it is ever deleted.
 */
export class ChassisCluster extends pulumi.ComponentResource {
  /** Release that both nodes run. */
  readonly version: pulumi.Output<string>;
  /** `completed`, `held`, or `unchanged`. A campaign that failed fails the `up`. */
  readonly outcome: pulumi.Output<string>;
  /** Id of the last campaign. */
  readonly campaign: pulumi.Output<string>;

  constructor(name: string, args: ChassisClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("issu:index:ChassisCluster", name, {}, opts);
    const { path, sha256, bytes, url } = args.image;
    const target: TargetArgs = {
      kind: "chassis",
      name,
      namespace: args.site ?? "default",
      journal: args.journal,
      at: {
        nodes: args.nodes.map((node) => ({ ...node })),
        access: secretAccess(args.access),
        ...(url === undefined ? {} : { imageUrl: pulumi.secret(url) }),
      },
      ...(args.kubeconfig === undefined ? {} : { kubeconfig: pulumi.secret(args.kubeconfig) }),
      ...(args.context === undefined ? {} : { context: args.context }),
    };
    const spec = {
      name,
      version: args.version,
      image: { path, sha256, ...(bytes === undefined ? {} : { bytes }), fetched: url !== undefined },
    };
    const upgrade = keepSecret((args.upgrade ?? {}) as UpgradePolicy);
    const { hooks } = args;
    const end = endOf(
      chainStages(this, name, {
        stages: CHASSIS_STAGES,
        target,
        spec,
        upgrade,
        ...(hooks ? { hookBefore: (stage: string) => hookBefore(stage, hooks) } : {}),
        reportsIn: Boolean(args.upgrade?.callback),
      }),
      args.version,
    );
    this.campaign = end.campaign;
    this.version = end.version;
    this.outcome = end.outcome;
    this.registerOutputs(end);
  }
}

function secretAccess(access: ChassisAccess): { readonly [name: string]: unknown } {
  const secrets = ["password", "privateKey", "passphrase"] as const;
  return {
    ...access,
    ...Object.fromEntries(
      secrets.flatMap((name) => (access[name] === undefined ? [] : [[name, pulumi.secret(access[name])]])),
    ),
  };
}

function hookBefore(stage: string, hooks: ChassisHooks): Hook | undefined {
  const before: { readonly [stage: string]: Hook | undefined } = {
    snapshot: hooks.beforeSnapshot,
    "stage-image": hooks.beforeImage,
    "redundancy-groups": hooks.beforeUpgrade,
    verify: hooks.beforeVerify,
    restore: hooks.beforeRestore,
  };
  return before[stage];
}
