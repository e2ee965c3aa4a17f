/**
 * What a user writes for a network function.
 *
 * @module
 */
import type * as pulumi from "@pulumi/pulumi";
import type { CataloguedRelease, InService, ServiceType } from "../policy/cnf-spec";
import type { Duration, UpgradePolicy } from "../policy/upgrade-policy";
import type { Hooks } from "./hooks";

/**
 * One component. Everything here but the replicas, `requires` and `inService` makes up its content: change any of it, and the next `up` is a campaign
 * to a new workload with that content (GRY-12). Values are plain, not outputs, since names are made from them.
 */
export interface CnfComponent {
  /** DNS label, unique within the network function, e.g. `gsu`. */
  readonly name: string;
  readonly serviceType: ServiceType;
  /** Instances in service. */
  readonly replicas: number;
  /** @default the network function's version */
  readonly version?: string;
  /** @default `<cnf>/<component>:<version>` */
  readonly image?: string;
  /** Files given to the instances under `/etc/nf`, as a ConfigMap of their own for each version. */
  readonly config?: { readonly [file: string]: string };
  /** Annotations on the pods. */
  readonly podAnnotations?: { readonly [key: string]: string };
  /** Kubernetes resource requests and limits of the container. */
  readonly resources?: { readonly requests?: Quantities; readonly limits?: Quantities };
  /**
   * Port at which an instance serves its KPIs.
   *
   * @default 9090
   */
  readonly metricsPort?: number;
  /**
   * Seconds an instance is given to end.
   *
   * @default 30
   */
  readonly terminationGracePeriodSeconds?: number;
  /**
   * Other components of the network function → semver range of their versions that this one works with. While components
   * change over, old and new of each serve at once, and each has to work with both of the other (GRY-02, ESC-05).
   */
  readonly requires?: { readonly [component: string]: string };
  /**
   * Whether it can be upgraded in service, as its vendor says: `"rolling"` instance by instance but not by ratio, false not
   * at all. A campaign that would change one that can't is refused (GRY-03); the others can be upgraded without it (GRY-12).
   *
   * @default true
   */
  readonly inService?: InService;
}

export interface Quantities {
  readonly [resource: string]: string;
}

/**
 * Requests are shared out by the weights of a Gateway API `HTTPRoute` instead of a load balancer of the network function's
 * own (docs/traffic.md, also for what that can't do: weights count requests, not subscribers).
 */
export interface TrafficArgs {
  /** Name of the HTTPRoute, in the network function's namespace. Only the weights of the two Services are changed in it. */
  readonly httpRoute: string;
  /**
   * The two Services that its rules name, declared without a selector. The version in service has one; the next version
   * gets the other, so that a promotion changes neither weights nor selectors.
   */
  readonly services: readonly [string, string];
  /**
   * How long requests and connections of an instance are given to end, once its Service no longer has it.
   *
   * @default "30s"
   */
  readonly drainAfter?: Duration;
}

export interface CnfArgs {
  /** Semantic version wanted; the one line that changes for an upgrade. Plain, since names are made from it. */
  readonly version: string;
  readonly components: readonly CnfComponent[];
  readonly upgrade?: UpgradePolicy;
  /** Semver range of the Kubernetes versions that this version runs on (TEF-1), e.g. `>=1.32 <1.36`. */
  readonly kubernetes?: string;
  /**
   * Semver range of the versions between which and this one a direct step is supported, either way: `>=1.4.0` (ESC-04).
   *
   * @default those of the same MAJOR
   */
  readonly upgradesFrom?: string;
  /**
   * Other network functions, `name` in the same namespace or `namespace/name`, → semver range of their versions that this
   * version works with (ESC-05), e.g. `{ udr: ">=2.1.0 <3.0.0" }`.
   */
  readonly requires?: { readonly [cnf: string]: string };
  /**
   * The vendor's catalogue: what each version says of itself. Where a direct step is refused, the way over other versions is
   * proposed from it; what is left out above is taken from the entry of `version`.
   */
  readonly releases?: readonly CataloguedRelease[];
  /** @default a load balancer of the network function's own, which obeys its `SubscriberSplit` */
  readonly traffic?: TrafficArgs;
  /** @default "default" */
  readonly namespace?: pulumi.Input<string>;
  /**
   * Kubeconfig, contents or path; kept secret.
   *
   * @default what `KUBECONFIG` or `~/.kube/config` says
   */
  readonly kubeconfig?: pulumi.Input<string>;
  /** Context within the kubeconfig. @default its current one */
  readonly context?: pulumi.Input<string>;
  /**
   * Where the campaign's journal is kept: `kubernetes`, in the namespace, or a URL such as `file:///var/lib/issu` or
   * `s3://bucket/prefix?region=eu-central-1`, written as for Pulumi's own backends. Never with credentials (docs/journal.md).
   *
   * @default "kubernetes"
   */
  readonly journal?: pulumi.Input<string>;
  /** Resources of your own between the stages. */
  readonly hooks?: Hooks;
  /**
   * Refuse to delete a version that carries subscribers, by `pulumi destroy` too.
   *
   * @default true
   */
  readonly deletionProtection?: pulumi.Input<boolean>;
}
