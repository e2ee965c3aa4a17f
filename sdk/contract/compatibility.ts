/**
 * What a version says of its compatibility, readable on the cluster by whoever upgrades it next, or something that works with
 * it: JSON in the annotation `pulumi-issu.dev/compatibility` of its workloads (ESC-04, ESC-05). Never on pods, so that a
 * change of it rolls nothing.
 *
 * @module
 */

/** Name of something else → semver range of its versions. */
export interface Ranges {
  readonly [name: string]: string;
}

export interface CompatibilityNote {
  /** Version of the network function that says so; two versions may share a workload (GRY-12). */
  readonly version: string;
  /** Versions of the network function between which and this one a direct step is supported. */
  readonly upgradesFrom?: string;
  /** Semver range of the Kubernetes releases that it runs on; whoever upgrades the cluster reads it (TEF-5). */
  readonly kubernetes?: string;
  /** Network functions, `name` in the same namespace or `namespace/name`, → versions that this one works with. */
  readonly requires?: Ranges;
  /** Components of the same network function → versions that the component which the workload runs works with. */
  readonly components?: Ranges;
  /** False: the component can't be upgraded in service; `rolling`: not by ratio (GRY-03). True if left out. */
  readonly inService?: false | "rolling";
}

/** One network function beside the one that is looked at. */
export interface OtherCnf {
  /** `namespace/name` */
  readonly name: string;
  /** Versions that serve: two while a campaign is between them; empty if nothing does, or it can't be seen. */
  readonly versions: readonly string[];
  /** Why it can't be seen, for people. */
  readonly hidden?: string;
}

/** A version of another network function that runs and says which versions of this one it works with. */
export interface RequiredBy {
  /** `namespace/name` */
  readonly name: string;
  readonly version: string;
  /** Semver range. */
  readonly range: string;
}

/** @returns `namespace/name`, whether or not the name has its namespace already. */
export const cnfKey = (name: string, namespace: string): string =>
  name.includes("/") ? name : `${namespace}/${name}`;
