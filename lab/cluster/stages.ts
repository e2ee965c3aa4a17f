/**
 * The life of simulated nodes and pods, as stages that KWOK plays. A fault changes them while the lab runs.
 *
 * @module
 */
import { labels } from "pulumi-issu/contract";

/** Annotation on a pod: how long it takes from being placed on a node to being ready, in milliseconds. */
export const BOOT_ANNOTATION = "lab.pulumi-issu.dev/boot-ms";

/** Milliseconds that a pod without the annotation takes. */
export const DEFAULT_BOOT_MS = 800;

/** Label on a node that a fault has switched off; its pods neither start nor end until it is switched on again. */
export const NODE_DOWN_LABEL = "lab.pulumi-issu.dev/down";

const GROUP = "kwok.x-k8s.io";

const anything = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

/** What KWOK needs of its own definition: that the API server keeps what it is given. */
export const stageCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: `stages.${GROUP}`,
    // The group lies within k8s.io, where the API server asks for a word of approval.
    annotations: { "api-approved.kubernetes.io": "unapproved, simulated by the lab" },
  },
  spec: {
    group: GROUP,
    scope: "Cluster",
    names: { kind: "Stage", plural: "stages", singular: "stage", listKind: "StageList" },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: "object", properties: { spec: anything, status: anything } } },
      },
    ],
  },
};

export interface BootFaults {
  /** Versions (as the pods' label has them) whose pods never become ready. */
  readonly neverReady: readonly string[];
  /** Versions whose pods take longer, and the milliseconds that they take. */
  readonly slow: Readonly<Record<string, number>>;
  /** Nodes whose pods do not end, whoever deletes them. */
  readonly neverGone: readonly string[];
}

export const noBootFaults: BootFaults = { neverReady: [], slow: {}, neverGone: [] };

type Expression = { key: string; operator: "In" | "NotIn" | "Exists" | "DoesNotExist"; values?: string[] };

interface StageSpec {
  readonly kind: "Node" | "Pod";
  readonly when: readonly Expression[];
  readonly delay?: { durationMilliseconds?: number; durationFrom?: { expressionFrom: string } };
  readonly next: Record<string, unknown>;
}

function stage(name: string, spec: StageSpec) {
  return {
    apiVersion: `${GROUP}/v1alpha1`,
    kind: "Stage",
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: "v1", kind: spec.kind },
      selector: { matchExpressions: spec.when },
      ...(spec.delay ? { delay: spec.delay } : {}),
      next: spec.next,
    },
  };
}

const READY = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const VERSION = `.metadata.labels["${labels.version}"]`;
const DELETED = ".metadata.deletionTimestamp";

/** A node reports ready as soon as it exists, with an address of its own if it has one, unless a fault has switched it off. */
const nodeReady = stage("node-ready", {
  kind: "Node",
  when: [
    { key: READY, operator: "NotIn", values: ["True"] },
    { key: `.metadata.labels["${NODE_DOWN_LABEL}"]`, operator: "DoesNotExist" },
  ],
  next: {
    statusTemplate: `
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
{{ if not .status.addresses }}
addresses:
- address: {{ NodeIP | Quote }}
  type: InternalIP
{{ end }}
phase: Running
`,
  },
});

const running = `
{{ $now := Now }}
conditions:
{{ range $type := list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
- lastTransitionTime: {{ $now | Quote }}
  status: "True"
  type: {{ $type | Quote }}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- image: {{ .image | Quote }}
  imageID: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  started: true
  restartCount: 0
  state:
    running:
      startedAt: {{ $now | Quote }}
{{ end }}
{{ with NodeIPsWith .spec.nodeName }}
hostIP: {{ index . 0 | Quote }}
hostIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
{{ with PodIPsWith .spec.nodeName false .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
phase: Running
startTime: {{ $now | Quote }}
`;

function podBoot(name: string, versions: readonly Expression[], ms: string) {
  return stage(name, {
    kind: "Pod",
    when: [
      { key: DELETED, operator: "DoesNotExist" },
      { key: ".status.phase", operator: "In", values: ["Pending"] },
      ...versions,
    ],
    delay: { durationMilliseconds: DEFAULT_BOOT_MS, durationFrom: { expressionFrom: ms } },
    next: { statusTemplate: running },
  });
}

/** All stages under the given faults; those that a fault adds have names beginning with `pod-boot-`. */
export function stages(faults: BootFaults = noBootFaults) {
  const slow = Object.entries(faults.slow).filter(([version]) => !faults.neverReady.includes(version));
  const special = [...faults.neverReady, ...slow.map(([version]) => version)];
  return [
    nodeReady,
    podBoot(
      "pod-boot",
      special.length > 0 ? [{ key: VERSION, operator: "NotIn", values: special }] : [],
      `((.metadata.annotations["${BOOT_ANNOTATION}"] // "${DEFAULT_BOOT_MS}") + "ms")`,
    ),
    ...slow.map(([version, ms], i) =>
      podBoot(`pod-boot-slow-${i}`, [{ key: VERSION, operator: "In", values: [version] }], `"${ms}ms"`),
    ),
    // The containers are gone when the grace period is over; until then the instance may go on or leave by itself.
    stage("pod-gone", {
      kind: "Pod",
      when: [
        { key: DELETED, operator: "Exists" },
        ...(faults.neverGone.length > 0
          ? [{ key: ".spec.nodeName", operator: "NotIn" as const, values: [...faults.neverGone] }]
          : []),
      ],
      delay: { durationFrom: { expressionFrom: DELETED } },
      next: { delete: true },
    }),
  ];
}
