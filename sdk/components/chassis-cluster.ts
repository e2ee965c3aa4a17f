/**
 * `ChassisCluster`: two nodes with redundancy groups whose operating system changes with low impact.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import { CHASSIS_STAGES } from "../plan/chassis";
import type { ChassisAccess, ChassisClusterArgs } from "./chassis-args";
import type { TargetArgs } from "./stage";
import { declareCampaign, journalAt } from "./stage-chain";

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
      at: {
        nodes: args.nodes.map((node) => ({ ...node })),
        access: secretAccess(args.access),
        ...(url === undefined ? {} : { imageUrl: pulumi.secret(url) }),
      },
      ...journalAt(args),
    };
    const spec = {
      name,
      version: args.version,
      image: { path, sha256, ...(bytes === undefined ? {} : { bytes }), fetched: url !== undefined },
    };
    const { hooks = {} } = args;
    const end = declareCampaign(this, name, {
      target,
      spec,
      version: args.version,
      upgrade: args.upgrade,
      stages: CHASSIS_STAGES,
      hooks: {
        snapshot: hooks.beforeSnapshot,
        "stage-image": hooks.beforeImage,
        "redundancy-groups": hooks.beforeUpgrade,
        verify: hooks.beforeVerify,
        restore: hooks.beforeRestore,
      },
    });
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
