/**
 * A network function as its owner declares it, once every input is known. Plain data: it is stored in Pulumi's state and
 * in the journal.
 *
 * @module
 */

/** How a component's instances share their work (GRY-04, GRY-05). */
export type ServiceType = "active-standby" | "data-storage" | "load-sharing";

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
}

export interface CnfSpec {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  /** Version and content of all components, e.g. `1.1.0-9f3c21`. Two specs with the same release run the same. */
  readonly release: string;
  readonly components: readonly ComponentSpec[];
  /** Semver range of Kubernetes versions this version runs on (TEF-1), e.g. `>=1.32 <1.36`. */
  readonly kubernetes?: string;
}
