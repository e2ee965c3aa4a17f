/**
 * A network function as its owner declares it, once every input is known. Plain data: it is stored in Pulumi's state and
 * in the journal.
 *
 * @module
 */

/** How a component's instances share their work (GRY-04, GRY-05). */
export type ServiceType = "active-standby" | "data-storage" | "load-sharing";

/** Name of something else → semver range of its versions. */
export interface Ranges {
  readonly [name: string]: string;
}

/** Whether a component can change in service: in any mode, instance by instance only, or not at all (GRY-03). */
export type InService = boolean | "rolling";

/** What one version says of its compatibility (ESC-04, TEF-1). */
export interface Compatibility {
  /**
   * Semver range of the versions between which and this one a direct step is supported, either way. Left out: those of the
   * same MAJOR.
   */
  readonly upgradesFrom?: string;
  /** Semver range of Kubernetes versions that it runs on, e.g. `>=1.32 <1.36`. */
  readonly kubernetes?: string;
  /** Other network functions, `name` in the same namespace or `namespace/name`, → semver range of versions it works with. */
  readonly requires?: Ranges;
}

/** One version in a vendor's catalogue. */
export interface CataloguedRelease extends Compatibility {
  readonly version: string;
}

export interface ComponentSpec {
  readonly name: string;
  readonly serviceType: ServiceType;
  readonly replicas: number;
  /** Semantic version of this component; the network function's own unless set (GRY-12). */
  readonly version: string;
  /** Hash of everything in the pod template and configuration; another hash is another workload. */
  readonly contentHash: string;
  /** Name of the Deployment that runs this version and content. */
  readonly workload: string;
  /** Name of the ConfigMap that its instances mount, if it has files of its own. */
  readonly configMap?: string;
  /** Other components → semver range of versions that this one works with. */
  readonly requires?: Ranges;
  /** True if left out. */
  readonly inService?: Exclude<InService, true>;
}

/** How requests get to the instances where a Gateway shares them out. */
export interface RouteTraffic {
  /** Name of the HTTPRoute. */
  readonly httpRoute: string;
  /** The two Services that it names. */
  readonly services: readonly [string, string];
  /** Time that connections are given to end, in milliseconds. */
  readonly drainAfterMs: number;
}

export interface CnfSpec extends Compatibility {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  /** Version and content of all components, e.g. `1.1.0-9f3c21`. Two specs with the same release run the same. */
  readonly release: string;
  readonly components: readonly ComponentSpec[];
  /** The vendor's catalogue, from which a way over other versions is proposed where a direct step is refused. */
  readonly releases?: readonly CataloguedRelease[];
  /** Absent where a load balancer of its own obeys the split. */
  readonly traffic?: RouteTraffic;
}
