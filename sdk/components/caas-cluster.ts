/**
 * `CaasCluster`: a cluster whose nodes change their Kubernetes release under running network functions.
 *
 * @module
 */
import * as pulumi from "@pulumi/pulumi";
import { checkCaas } from "../policy/caas";
import type { CaasDeclaration, ControlPlanePolicy } from "../policy/caas-spec";
import { caasStages } from "../policy/caas-stages";
import type { UpgradePolicy } from "../policy/upgrade-policy";
import type { TargetArgs } from "./stage";
import { declareCampaign, journalAt } from "./stage-chain";

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
  "approvals" | "gates" | "monitoring" | "snapshot" | "rollback" | "limits" | "alarms" | "callback" | "retry"
>;

/** The control plane, and how its members are reached: each for itself, at its node's `InternalIP`. */
export interface ControlPlaneArgs extends ControlPlanePolicy {
  /** Of each member's own API server. @default 6443 */
  readonly apiPort?: pulumi.Input<number>;
  readonly etcd: {
    /** Of etcd's clients, on each member. @default 2379 */
    readonly port?: pulumi.Input<number>;
    /** Certificates of the authorities that signed the members', PEM. */
    readonly ca: pulumi.Input<string>;
    /** A client certificate that may see states, move leadership and take snapshots, PEM. */
    readonly certificate: pulumi.Input<string>;
    /** Its key, PEM; kept secret. */
    readonly key: pulumi.Input<string>;
  };
  /** By node: where a member is reached, if not at its `InternalIP`. */
  readonly addresses?: { readonly [node: string]: pulumi.Input<string> };
}

export interface CaasClusterArgs extends CaasDeclaration {
  readonly machines: MachinesArgs;
  /**
   * Its members are upgraded before the nodes, one at a time and never the one that leads etcd. The journal has to be kept outside of
   * the cluster then. Left out, the control plane stays as it is.
   */
  readonly controlPlane?: ControlPlaneArgs;
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

/** What is declared of the control plane, which is journalled, and how it is reached, which is secret. */
function split(controlPlane: ControlPlaneArgs | undefined) {
  if (typeof controlPlane !== "object" || controlPlane === null) {
    return { members: controlPlane === undefined ? {} : { controlPlane }, reached: {} };
  }
  const { apiPort, etcd, addresses, ...policy } = controlPlane;
  const { selector } = policy;
  return {
    members: { controlPlane: policy },
    reached: {
      controlPlane: {
        etcd,
        ...(selector === undefined ? {} : { selector }),
        ...(apiPort === undefined ? {} : { apiPort }),
        ...(addresses === undefined ? {} : { addresses }),
      },
    },
  };
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
      upgrade,
      namespace = "kube-system",
      kubeconfig: _kubeconfig,
      context: _context,
      journal: _journal,
      controlPlane,
      ...declared
    } = args;
    const { members, reached } = split(controlPlane);
    const spec = { name, ...declared, ...members };
    const target: TargetArgs = {
      kind: "caas",
      name,
      namespace,
      at: pulumi.secret({ machines, ...reached }),
      ...journalAt(args),
    };
    const { caas } = checkCaas(spec);
    // Without pools that make sense there is no chain to declare: preflight refuses, with every mistake.
    const stages = caas ? caasStages(caas) : ["preflight"];
    const end = declareCampaign(this, name, { target, spec, version: args.version, upgrade, stages });
    this.campaign = end.campaign;
    this.version = end.version;
    this.outcome = end.outcome;
    this.registerOutputs(end);
  }
}
