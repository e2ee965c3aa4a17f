/**
 * The parts of cluster-wide objects that are read of nodes and what runs on them, and where they live.
 *
 * @module
 */
import { plurals } from "../../../contract/crds";
import { CONTRACT_VERSION, GROUP } from "../../../contract/names";
import type { KubeObject, Node, Pod, PodSpec, Selector, Toleration } from "../objects";

export interface NodeObject extends Node {
  readonly status?: NonNullable<Node["status"]> & {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly nodeInfo?: {
      readonly kubeletVersion: string;
      readonly systemUUID?: string;
      readonly bootID?: string;
    };
  };
}

export interface OwnerRef {
  readonly kind: string;
  readonly name: string;
  readonly controller?: boolean;
}

interface Rule {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  readonly values?: readonly string[];
}

export interface NodeTerm {
  readonly matchExpressions?: readonly Rule[];
  readonly matchFields?: readonly Rule[];
}

export interface AffinityTerm {
  readonly labelSelector?: Selector;
  readonly topologyKey: string;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: Selector;
}

export interface WholePodSpec extends Omit<PodSpec, "volumes"> {
  readonly priority?: number;
  readonly terminationGracePeriodSeconds?: number;
  readonly tolerations?: readonly Toleration[];
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: {
        readonly nodeSelectorTerms: readonly NodeTerm[];
      };
    };
    readonly podAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly AffinityTerm[];
    };
    readonly podAntiAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly AffinityTerm[];
    };
  };
  readonly topologySpreadConstraints?: readonly {
    readonly labelSelector?: Selector;
    readonly topologyKey: string;
    readonly maxSkew: number;
    readonly whenUnsatisfiable: string;
  }[];
  readonly volumes?: readonly (NonNullable<PodSpec["volumes"]>[number] & {
    readonly emptyDir?: { readonly medium?: string };
    readonly persistentVolumeClaim?: { readonly claimName: string };
  })[];
}

export interface WholePod extends Pod {
  readonly metadata: Pod["metadata"] & {
    readonly ownerReferences?: readonly OwnerRef[];
    readonly finalizers?: readonly string[];
    readonly deletionGracePeriodSeconds?: number;
  };
  readonly spec: WholePodSpec;
}

export interface Budget extends KubeObject {
  readonly spec: {
    readonly selector?: Selector;
    readonly minAvailable?: number | string;
    readonly maxUnavailable?: number | string;
    readonly unhealthyPodEvictionPolicy?: string;
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly disruptionsAllowed?: number;
    readonly currentHealthy?: number;
    readonly desiredHealthy?: number;
    readonly expectedPods?: number;
    /** Pods whose eviction was agreed to, and since when; forgotten after two minutes if they are not deleted then. */
    readonly disruptedPods?: { readonly [pod: string]: string };
  };
}

export interface Claim extends KubeObject {
  readonly spec: { readonly volumeName?: string };
}

export interface Volume extends KubeObject {
  readonly spec: {
    readonly nodeAffinity?: { readonly required?: { readonly nodeSelectorTerms: readonly NodeTerm[] } };
  };
}

const contract = `/apis/${GROUP}/${CONTRACT_VERSION}`;

/** Paths of collections across namespaces, and of what has none. */
export const everywhere = {
  nodes: "/api/v1/nodes",
  node: (name: string) => `/api/v1/nodes/${encodeURIComponent(name)}`,
  pods: "/api/v1/pods",
  eviction: (namespace: string, name: string) =>
    `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}/eviction`,
  budgets: "/apis/policy/v1/poddisruptionbudgets",
  deployments: "/apis/apps/v1/deployments",
  deployment: (namespace: string, name: string) =>
    `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments/${encodeURIComponent(name)}`,
  autoscalers: "/apis/autoscaling/v2/horizontalpodautoscalers",
  claims: "/api/v1/persistentvolumeclaims",
  volumes: "/api/v1/persistentvolumes",
  splits: `${contract}/${plurals.subscriberSplit}`,
  groups: `${contract}/${plurals.redundancyGroup}`,
} as const;

/** Annotations of a campaign on nodes. They say what is to be undone, and are gone when it is over. */
export const nodeMarks = {
  /** The campaign cordoned it; its value is the epoch. Without it, whoever else did has to open it again. */
  cordoned: `${GROUP}/cordoned`,
  wave: `${GROUP}/wave`,
  /** Its kubelet's version before. */
  former: `${GROUP}/former-version`,
  joined: `${GROUP}/joined`,
  replaces: `${GROUP}/replaces`,
} as const;

export const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ""}/${metadata.name}`;

/** Comes back by itself on every node, or belongs to the node itself: drains pass it over. */
export function staysOnNode({ metadata }: WholePod): boolean {
  return (
    metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined ||
    (metadata.ownerReferences ?? []).some(
      ({ kind, controller }) => kind === "DaemonSet" && controller === true,
    )
  );
}

/** By the way Kubernetes names a Deployment's ReplicaSets; undefined for what is none's. */
export function deploymentOf({ metadata }: WholePod): string | undefined {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const hash = metadata.labels?.["pod-template-hash"];
  const ending = `-${hash}`;
  return owner?.kind === "ReplicaSet" && hash !== undefined && owner.name.endsWith(ending)
    ? owner.name.slice(0, -ending.length)
    : undefined;
}

/** MAJOR.MINOR.PATCH of what a component reports. */
export const plainVersion = (reported: string | undefined): string =>
  /\d+\.\d+\.\d+/.exec(reported ?? "")?.[0] ?? reported ?? "";
