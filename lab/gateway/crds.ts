/**
 * Definitions of the Gateway API as far as the lab's Gateway and a campaign use it: names, versions, fields, defaults and list
 * types are those of the real ones; what neither reads is kept as it comes. The lab's own, in far fewer lines.
 *
 * @module
 */
import type { KubeObject } from "../cluster/api.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";

type Schema = Record<string, unknown>;

const text: Schema = { type: "string" };
const anything: Schema = { "x-kubernetes-preserve-unknown-fields": true };
const object = (properties: Record<string, Schema>, required: readonly string[] = [], more: Schema = {}) => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
  ...more,
});
const list = (items: Schema, maxItems: number): Schema => ({
  type: "array",
  items,
  maxItems,
  "x-kubernetes-list-type": "atomic",
});
const open = { "x-kubernetes-preserve-unknown-fields": true };

const parentRef = object(
  {
    group: { ...text, default: GATEWAY_GROUP },
    kind: { ...text, default: "Gateway" },
    namespace: text,
    name: text,
    sectionName: text,
    port: { type: "integer", minimum: 1, maximum: 65535 },
  },
  ["name"],
);

const backendRef = object(
  {
    group: { ...text, default: "" },
    kind: { ...text, default: "Service" },
    namespace: text,
    name: text,
    port: { type: "integer", minimum: 1, maximum: 65535 },
    weight: { type: "integer", minimum: 0, maximum: 1_000_000, default: 1 },
    filters: list({ type: "object", ...open }, 16),
  },
  ["name"],
);

const match = object({
  path: object({
    type: { ...text, default: "PathPrefix", enum: ["Exact", "PathPrefix", "RegularExpression"] },
    value: { ...text, default: "/" },
  }),
  headers: anything,
  queryParams: anything,
  method: text,
});

const rule = object(
  {
    name: text,
    matches: {
      ...list(match, 64),
      default: [{ path: { type: "PathPrefix", value: "/" } }],
    },
    backendRefs: list(backendRef, 16),
  },
  [],
  open,
);

const condition = object(
  {
    type: text,
    status: { ...text, enum: ["True", "False", "Unknown"] },
    reason: text,
    message: text,
    observedGeneration: { type: "integer", minimum: 0 },
    lastTransitionTime: { ...text, format: "date-time" },
  },
  ["type", "status", "reason", "message", "lastTransitionTime"],
);

const parentStatus = object(
  {
    parentRef,
    controllerName: text,
    conditions: { type: "array", items: condition, maxItems: 8 },
  },
  ["parentRef", "controllerName"],
);

function crd(kind: string, plural: string, spec: Schema, status: Schema): KubeObject {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${plural}.${GATEWAY_GROUP}`,
      // The API server wants to know of every definition in a group of Kubernetes' own whether it is the real one.
      annotations: { "api-approved.kubernetes.io": "unapproved, a lab's own reading of the Gateway API" },
    },
    spec: {
      group: GATEWAY_GROUP,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: object({ spec, status }, ["spec"]) },
        },
      ],
    },
  };
}

export const gatewayCrds: readonly KubeObject[] = [
  crd("Gateway", "gateways", { type: "object", ...open }, { type: "object", ...open }),
  crd(
    "HTTPRoute",
    "httproutes",
    object({
      parentRefs: list(parentRef, 32),
      hostnames: list(text, 16),
      rules: { ...list(rule, 16), default: [{ matches: [{ path: { type: "PathPrefix", value: "/" } }] }] },
    }),
    object({ parents: { ...list(parentStatus, 32) } }, ["parents"]),
  ),
];
