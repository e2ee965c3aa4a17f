/**
 * `NetworkElement`: a device whose init process and root file system are replaced in service.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import { ELEMENT_STAGES } from "../plan/element";
import type { NetworkElementArgs } from "./element-args";
import type { TargetArgs } from "./stage";
import { declareCampaign, journalAt } from "./stage-chain";

/**
 * A network element driven over SSH. A changed release becomes a campaign: preview shows its stages, `pulumi up` runs them in order,
 * and a failure takes it back to the root that served before (INI-1..11, ESC-06). Nothing of it is a Pulumi resource, so nothing of
 * it is ever deleted.
 *
 * The elements of a redundant pair (ESC-16) are two of these, the second with `dependsOn` the first, and
 * `upgrade.traffic: "partner"`.
 */
export class NetworkElement extends pulumi.ComponentResource {
  /** Release that it runs. */
  readonly version: pulumi.Output<string>;
  /** `completed`, `held`, or `unchanged`. A campaign that failed fails the `up`. */
  readonly outcome: pulumi.Output<string>;
  /** Id of the last campaign. */
  readonly campaign: pulumi.Output<string>;

  constructor(name: string, args: NetworkElementArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("issu:index:NetworkElement", name, {}, opts);
    const { user, privateKey, passphrase, agent, storeToken } = args.access;
    const target: TargetArgs = {
      kind: "element",
      name,
      namespace: args.site ?? "default",
      at: {
        host: args.host,
        hostKey: args.hostKey,
        user,
        ...(args.port === undefined ? {} : { port: args.port }),
        ...(privateKey === undefined ? {} : { privateKey: pulumi.secret(privateKey) }),
        ...(passphrase === undefined ? {} : { passphrase: pulumi.secret(passphrase) }),
        ...(agent === undefined ? {} : { agent }),
        ...(storeToken === undefined ? {} : { storeToken: pulumi.secret(storeToken) }),
      },
      ...journalAt(args),
    };
    const { hooks = {} } = args;
    const end = declareCampaign(this, name, {
      target,
      spec: { name, version: args.version, image: { ...args.image } },
      version: args.version,
      upgrade: args.upgrade,
      stages: ELEMENT_STAGES,
      hooks: {
        snapshot: hooks.beforeSnapshot,
        "stage-root": hooks.beforeStageRoot,
        "change-root": hooks.beforeChange,
        "return-traffic": hooks.afterVerify,
      },
    });
    this.campaign = end.campaign;
    this.version = end.version;
    this.outcome = end.outcome;
    this.registerOutputs(end);
  }
}
