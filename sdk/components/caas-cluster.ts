/**
 * `CaasCluster`: a cluster whose nodes change their Kubernetes release under running network functions.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import { caasStages } from "../plan/caas";
import { checkCaas } from "../policy/caas";
import type { CaasDeclaration } from "../policy/caas-spec";
import type { UpgradePolicy } from "../policy/upgrade-policy";
import { keepSecret } from "./keep-secret";
import type { TargetArgs } from "./stage";
import { chainStages, endOf } from "./stage-chain";

/** How the machines behind the nodes are reached: their Redfish service. */
export interface MachinesArgs {
  /** `https://…`; plain `http` to this machine only. */
  readonly url: pulumi.Input<string>;
  readonly username: pulumi.Input<string>;
  /** Kept secret. */
  readonly password: pulumi.Input<string>;
  /** Certificates of the authorities to trust in place of the well-known ones, PEM. */
  readonly ca?: pulumi.Input<string>;
}

/** What of an `UpgradePolicy` there is for a cluster: it has no subscribers to move. */
export type CaasUpgradePolicy = Pick<
  UpgradePolicy,
  "gates" | "monitoring" | "snapshot" | "rollback" | "limits" | "alarms" | "callback" | "retry"
>;

export interface CaasClusterArgs extends CaasDeclaration {
  readonly machines: MachinesArgs;
  readonly upgrade?: CaasUpgradePolicy;
  /** Where journal and snapshots are kept, unless elsewhere. @default "kube-system" */
  readonly namespace?: pulumi.Input<string>;
  /** Kubeconfig, contents or path; kept secret. @default what `KUBECONFIG` or `~/.kube/config` says */
  readonly kubeconfig?: pulumi.Input<string>;
  /** Context within the kubeconfig. @default its current one */
  readonly context?: pulumi.Input<string>;
  /** As `CnfArgs.journal`. @default "kubernetes" */
  readonly journal?: pulumi.Input<string>;
}

/**
 * A cluster with its node pools. A changed `version` becomes a campaign: preview shows its waves and whatever would block them,
 * `pulumi up` takes them one after the other, and a failure takes them back in reverse (TEF-5..9, ESC-06..12, ESC-16, ESC-18).
 */
export class CaasCluster extends pulumi.ComponentResource {
  /** Release that all nodes run, or that the campaign is held on its way to. */
  readonly version: pulumi.Output<string>;
  /** `completed`, `held`, or `unchanged`. A campaign that failed fails the `up`. */
  readonly outcome: pulumi.Output<string>;
  /** Id of the last campaign. */
  readonly campaign: pulumi.Output<string>;

  constructor(name: string, args: CaasClusterArgs, opts: pulumi.ComponentResourceOptions = {}) {
    super("issu:index:CaasCluster", name, {}, opts);
    const {
      machines,
      upgrade: policy,
      namespace = "kube-system",
      kubeconfig,
      context,
      journal,
      ...declared
    } = args;
    const spec = { name, ...declared };
    const target: TargetArgs & { readonly machines: pulumi.Output<MachinesArgs> } = {
      kind: "caas",
      name,
      namespace,
      machines: pulumi.secret(machines) as pulumi.Output<MachinesArgs>,
      ...(kubeconfig === undefined ? {} : { kubeconfig: pulumi.secret(kubeconfig) }),
      ...(context === undefined ? {} : { context }),
      ...(journal === undefined ? {} : { journal }),
    };
    const upgrade = keepSecret(policy ?? {});
    const { caas } = checkCaas(spec);
    // Without pools that make sense there is no chain to declare: preflight refuses, with every mistake.
    const stages = caas ? caasStages(caas) : ["preflight"];
    const end = endOf(chainStages(this, name, { stages, target, spec, upgrade }), args.version);
    this.campaign = end.campaign;
    this.version = end.version;
    this.outcome = end.outcome;
    this.registerOutputs(end);
  }
}
