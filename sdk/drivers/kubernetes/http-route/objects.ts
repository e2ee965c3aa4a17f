/**
 * The parts of a Gateway API route, and of what it leads to, that this driver reads. The rest of a route is its owner's and
 * passes through as it is.
 *
 * @module
 */
import { labels } from "../../../contract/names";
import type { Condition, KubeObject, Metadata } from "../objects";

export interface BackendRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  /** 1 if left out; the share is the weight over the sum of the rule's weights. */
  readonly weight?: number;
}

export interface Rule {
  readonly name?: string;
  readonly backendRefs?: readonly BackendRef[];
}

export interface ParentRef {
  readonly group?: string;
  readonly kind?: string;
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

export interface HttpRoute extends KubeObject {
  readonly metadata: Metadata;
  readonly spec: { readonly parentRefs?: readonly ParentRef[]; readonly rules?: readonly Rule[] };
  readonly status?: {
    readonly parents?: readonly {
      readonly parentRef: ParentRef;
      readonly controllerName: string;
      readonly conditions?: readonly (Condition & { readonly observedGeneration?: number })[];
    }[];
  };
}

export interface Service extends KubeObject {
  readonly spec: { readonly selector?: { readonly [label: string]: string } };
}

export interface EndpointSlice extends KubeObject {
  readonly endpoints?: readonly {
    readonly conditions?: { readonly ready?: boolean };
    readonly targetRef?: { readonly kind?: string; readonly name?: string };
  }[];
}

/** Label by which a slice says whose it is. */
export const SERVICE_NAME = "kubernetes.io/service-name";

/** Workload that a Service leads to. */
export const workloadOf = ({ spec }: Service): string | undefined => spec.selector?.[labels.workload];

/** What a Service selects once a campaign gave it to a workload. A pod that drains loses the second label. */
export const selectorOf = (workload: string) => ({ [labels.workload]: workload, [labels.routed]: "true" });

/** Pods that a Service sends to. An endpoint that doesn't say counts as ready, as the API has it. */
export const readyPods = (slices: readonly EndpointSlice[], service: string): Set<string> =>
  new Set(
    slices
      .filter(({ metadata }) => metadata.labels?.[SERVICE_NAME] === service)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ targetRef }) => targetRef?.name ?? []),
  );
