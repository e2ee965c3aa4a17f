/**
 * Names that a campaign and a network function share. A vendor's operator reads and writes these; so does the lab.
 *
 * @module
 */

/** API group of the contract's custom resources. */
export const GROUP = "pulumi-issu.dev";

/** Version of the contract; it rises when a change would break an implementation (ESC-04). */
export const CONTRACT_VERSION = "v1alpha1";

/** Labels on every pod of a network function and on its workloads. */
export const labels = {
  /** Name of the network function, e.g. `amf`. */
  cnf: `${GROUP}/cnf`,
  /** Component within it, e.g. `gsu`. */
  component: `${GROUP}/component`,
  /** The workload (one version of one component): its Deployment's name. */
  workload: `${GROUP}/workload`,
  /** Semantic version with `+` written as `_`, since a label value has no plus sign. */
  version: `${GROUP}/version`,
  /** On pods that Services of an HTTPRoute select (`true`); the campaign takes it off a pod that is to drain. */
  routed: `${GROUP}/routed`,
} as const;

/** Annotations by which a campaign asks something of one instance, and by which an instance is described. */
export const annotations = {
  /**
   * Set by the campaign on a pod that will be taken away: nothing new comes to it and its sessions move elsewhere on its
   * own side. The value is the campaign's epoch. Removing the annotation takes the request back.
   */
  drain: `${GROUP}/drain`,
  /** Service type of the component that a workload belongs to (GRY-04, GRY-05). */
  serviceType: `${GROUP}/service-type`,
  /** Where an instance serves its KPIs, as Prometheus' own annotations say it. */
  metricsPort: "prometheus.io/port",
  metricsPath: "prometheus.io/path",
  /** On a workload: what its version says of its compatibility, a `CompatibilityNote` as JSON. */
  compatibility: `${GROUP}/compatibility`,
} as const;

/** Label of a workload, not of its pods: its version requires versions of other network functions. Always `others`. */
export const REQUIRES_LABEL = `${GROUP}/requires`;
