/**
 * The parts of Kubernetes' objects that this driver reads, and where they live.
 *
 * @module
 */
import { plurals } from "../../contract/crds";
import { CONTRACT_VERSION, GROUP } from "../../contract/names";

export interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
}

export interface KubeObject {
  readonly metadata: Metadata;
}

export interface KubeList<T> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly T[];
}

export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

export interface Selector {
  readonly matchLabels?: { readonly [key: string]: string };
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
    readonly values?: readonly string[];
  }[];
}

export interface Toleration {
  readonly key?: string;
  readonly operator?: "Equal" | "Exists";
  readonly value?: string;
  readonly effect?: string;
}

interface ConfigMapRef {
  readonly name?: string;
}

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly resources?: { readonly requests?: { readonly [resource: string]: string } };
  readonly envFrom?: readonly { readonly configMapRef?: ConfigMapRef }[];
  readonly env?: readonly { readonly valueFrom?: { readonly configMapKeyRef?: ConfigMapRef } }[];
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly nodeSelector?: { readonly [key: string]: string };
  readonly tolerations?: readonly Toleration[];
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes?: readonly {
    readonly configMap?: ConfigMapRef;
    readonly projected?: { readonly sources?: readonly { readonly configMap?: ConfigMapRef }[] };
  }[];
}

export interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly state?: {
    readonly waiting?: { readonly reason?: string; readonly message?: string };
    readonly terminated?: { readonly reason?: string; readonly exitCode?: number };
  };
}

export interface Pod extends KubeObject {
  readonly spec: PodSpec;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly Condition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas: number;
    readonly selector: Selector;
    readonly template: { readonly metadata?: Partial<Metadata>; readonly spec: PodSpec };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

export interface Autoscaler extends KubeObject {
  readonly spec: {
    readonly scaleTargetRef: { readonly apiVersion?: string; readonly kind: string; readonly name: string };
    readonly minReplicas?: number;
    readonly maxReplicas: number;
  };
}

export interface Node extends KubeObject {
  readonly spec: {
    readonly unschedulable?: boolean;
    readonly taints?: readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
  };
  readonly status?: {
    readonly allocatable?: { readonly [resource: string]: string };
    readonly conditions?: readonly Condition[];
  };
}

const at = (group: string, namespace: string, plural: string, name?: string): string =>
  `${group}/namespaces/${encodeURIComponent(namespace)}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;

const admission = (plural: string, name?: string): string =>
  `/apis/admissionregistration.k8s.io/v1/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;

/** Path of a collection, or of one object in it. */
export const paths = {
  pods: (namespace: string, name?: string) => at("/api/v1", namespace, "pods", name),
  configMaps: (namespace: string, name?: string) => at("/api/v1", namespace, "configmaps", name),
  secrets: (namespace: string, name?: string) => at("/api/v1", namespace, "secrets", name),
  deployments: (namespace: string, name?: string) => at("/apis/apps/v1", namespace, "deployments", name),
  autoscalers: (namespace: string, name?: string) =>
    at("/apis/autoscaling/v2", namespace, "horizontalpodautoscalers", name),
  budgets: (namespace: string) => at("/apis/policy/v1", namespace, "poddisruptionbudgets"),
  leases: (namespace: string, name?: string) => at("/apis/coordination.k8s.io/v1", namespace, "leases", name),
  splits: (namespace: string, name?: string) =>
    at(`/apis/${GROUP}/${CONTRACT_VERSION}`, namespace, plurals.subscriberSplit, name),
  groups: (namespace: string, name?: string) =>
    at(`/apis/${GROUP}/${CONTRACT_VERSION}`, namespace, plurals.redundancyGroup, name),
  transfers: (namespace: string, name?: string) =>
    at(`/apis/${GROUP}/${CONTRACT_VERSION}`, namespace, plurals.dataTransfer, name),
  dialTests: (namespace: string, name?: string) =>
    at(`/apis/${GROUP}/${CONTRACT_VERSION}`, namespace, plurals.dialTest, name),
  requests: (namespace: string) =>
    at(`/apis/${GROUP}/${CONTRACT_VERSION}`, namespace, plurals.campaignRequest),
  services: (namespace: string, name?: string) => at("/api/v1", namespace, "services", name),
  endpointSlices: (namespace: string) => at("/apis/discovery.k8s.io/v1", namespace, "endpointslices"),
  httpRoutes: (namespace: string, name?: string) =>
    at("/apis/gateway.networking.k8s.io/v1", namespace, "httproutes", name),
  policies: (name?: string) => admission("validatingadmissionpolicies", name),
  bindings: (name?: string) => admission("validatingadmissionpolicybindings", name),
} as const;

/** Annotations of this driver's own, on objects that belong to others. */
export const marks = {
  /** Epoch of the campaign that last wrote here. */
  epoch: `${GROUP}/epoch`,
  suspendedFrom: `${GROUP}/suspended-from`,
  suspendedEpoch: `${GROUP}/suspended-epoch`,
  /** Instances that the autoscaler had set when it was suspended (ESC-07). */
  suspendedReplicas: `${GROUP}/suspended-replicas`,
  /** Network function whose campaign suspended an autoscaler. */
  suspendedBy: `${GROUP}/suspended-by`,
  /** Instances that the campaign means a workload to have, in the same write that sets them: the admission policy's key. */
  instances: `${GROUP}/instances`,
  /** Weights that a campaign left on a route, e.g. `smf-a=100,smf-b=0`: by them another hand is noticed. */
  weights: `${GROUP}/weights`,
  /** Kubernetes' own: pods with a lower cost go first when a ReplicaSet shrinks. */
  deletionCost: "controller.kubernetes.io/pod-deletion-cost",
} as const;

export const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") ??
  false;

/** Neither on its way out nor ended. */
export const isAlive = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  pod.status?.phase !== "Succeeded" &&
  pod.status?.phase !== "Failed";

/** As the API's `labelSelector` wants it. */
export function selectorText(selector: Selector): string {
  const equal = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const others = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === "Exists") return key;
    if (operator === "DoesNotExist") return `!${key}`;
    return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
  });
  return [...equal, ...others].join(",");
}

export function selects(selector: Selector, labels: { readonly [key: string]: string } = {}): boolean {
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      return (value !== undefined && values.includes(value)) === (operator === "In");
    })
  );
}
