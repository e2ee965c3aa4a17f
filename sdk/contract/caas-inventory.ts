/**
 * What runs of a CaaS cluster: what its driver reports, and its plan rule plans from. Amounts of resources are in the base
 * unit of their kind: cores, bytes, pods.
 *
 * @module
 */
import type { ControlPlaneMember } from "./control-plane";

export interface Amounts {
  readonly [resource: string]: number;
}

export interface Labels {
  readonly [key: string]: string;
}

export interface LabelRule {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values?: readonly string[];
}

/** All of `labels` and all of `rules`; nothing in it means everything. */
export interface LabelSelector {
  readonly labels?: Labels;
  readonly rules?: readonly LabelRule[];
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: string;
  readonly value?: string;
  readonly effect?: string;
}

/** The machine behind a node, or one that is spare. */
export interface MachineState {
  /** As the driver names it. */
  readonly id: string;
  /** The name that its node has, or would have. */
  readonly name: string;
  readonly power: "on" | "off" | "changing";
  readonly healthy: boolean;
  /** What is wrong with it, for people. */
  readonly trouble?: string;
  readonly assetTag?: string;
}

/** What a campaign wrote on a node. */
export interface NodeMarks {
  /** We cordoned it; it was not before. */
  readonly cordoned?: boolean;
  /** Wave in which it was taken in hand, counted through the whole campaign. */
  readonly wave?: number;
  /** Its kubelet's version before the campaign. */
  readonly former?: string;
  /** It joined for the campaign: as a stand-in that leaves again (`surge`), or to stay (`replacement`). */
  readonly joined?: "surge" | "replacement";
  /** Node whose place it took, or is about to. */
  readonly replaces?: string;
}

export interface NodeState {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: readonly Taint[];
  /** Kubelet's version, without `v`. */
  readonly version: string;
  readonly ready: boolean;
  readonly cordoned: boolean;
  readonly allocatable: Amounts;
  /** Absent where the machines' service does not know it, or was not asked. */
  readonly machine?: MachineState;
  readonly marks: NodeMarks;
}

/** A term of required pod affinity or anti-affinity. */
export interface PodTerm {
  readonly selector: LabelSelector;
  /** Namespaces in which it looks. */
  readonly namespaces: readonly string[];
  readonly topologyKey: string;
}

/** A topology spread constraint that the scheduler must keep (`DoNotSchedule`). */
export interface SpreadRule {
  readonly selector: LabelSelector;
  readonly topologyKey: string;
  readonly maxSkew: number;
}

/** What the scheduler keeps to when it places a pod. Pods of one template share one object. */
export interface Placement {
  readonly requests: Amounts;
  readonly nodeSelector: Labels;
  /** One of these must hold; each with all of its rules. Absent: anywhere. */
  readonly nodeTerms?: readonly (readonly LabelRule[])[];
  /** Where its volumes can be reached; one of these must hold as well. */
  readonly volumeTerms?: readonly (readonly LabelRule[])[];
  readonly tolerations: readonly Toleration[];
  readonly antiAffinity: readonly PodTerm[];
  readonly affinity: readonly PodTerm[];
  readonly spread: readonly SpreadRule[];
}

export interface PodState {
  readonly name: string;
  readonly namespace: string;
  /** Absent while no node was found for it. */
  readonly node?: string;
  readonly labels: Labels;
  readonly ready: boolean;
  /** On its way out. */
  readonly leaving: boolean;
  /** e.g. `ReplicaSet/amf-gsu-1-1-0-9f3c21ab-5d9`; absent if nothing would start it anew. */
  readonly owner?: string;
  /** Its Deployment could run one replica more. */
  readonly scalable?: boolean;
  readonly priority: number;
  /** Seconds that it is given to end. */
  readonly graceSeconds: number;
  readonly placement: Placement;
  readonly emptyDir: boolean;
  readonly finalizers: readonly string[];
  /** The network function that it is an instance of, `namespace/name`. */
  readonly cnf?: string;
}

export interface BudgetState {
  readonly name: string;
  readonly namespace: string;
  readonly selector: LabelSelector;
  /** As declared, for people: `minAvailable 2`, `maxUnavailable 25%`. */
  readonly rule: string;
  /** Of the pods that it counts. */
  readonly expected: number;
  /** Healthy ones that there must be. */
  readonly desired: number;
  /** Those that the API server counts as healthy now. */
  readonly healthy: number;
  /** Pods that are not ready may be evicted whatever the budget says. */
  readonly unhealthyAlways: boolean;
}

/** A network function that runs on the cluster. */
export interface HostedCnf {
  /** `namespace/name` */
  readonly name: string;
  readonly version: string;
  /** Semver range of Kubernetes versions that it runs on, as its workloads say; absent if they don't. */
  readonly kubernetes?: string;
  /** A campaign of its own that is open or held, in words; absent if there is none. */
  readonly campaign?: string;
}

/** Who uses an API that a release no longer has, as the API server counted. */
export interface RemovedApi {
  /** e.g. `flowcontrol.apiserver.k8s.io/v1beta3 flowschemas` */
  readonly api: string;
  /** First release without it, MAJOR.MINOR. */
  readonly removedIn: string;
}

export interface CaasInventory {
  /** ms since 1970, by the cluster's clock. */
  readonly now: number;
  /** The API servers' lowest version, e.g. `1.34.2`. */
  readonly kubernetesVersion: string;
  readonly nodes: readonly NodeState[];
  /** Machines without a node. */
  readonly spares: readonly MachineState[];
  /** Those that end some day; not of DaemonSets, nor static, nor ended. */
  readonly pods: readonly PodState[];
  readonly budgets: readonly BudgetState[];
  readonly cnfs: readonly HostedCnf[];
  readonly removedApis: readonly RemovedApi[];
  /** Of the control plane, where it is declared; none otherwise. */
  readonly members: readonly ControlPlaneMember[];
  /** Names of etcd's members that are on none of the control plane's nodes. */
  readonly strangers: readonly string[];
  /** Rights that the identity lacks, e.g. `patch nodes`. */
  readonly missingRights: readonly string[];
  /** Highest epoch on what campaigns wrote; 0 if they wrote nothing. */
  readonly epoch: number;
}
