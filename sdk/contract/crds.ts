/**
 * The custom resource definitions of the contract. A site installs them once (`issu crds | kubectl apply -f -`); the lab
 * installs them when it starts.
 *
 * @module
 */
import { CONTRACT_VERSION, GROUP } from "./names";
import { campaignRequestBinding, campaignRequestCrd, campaignRequestPolicy } from "./request-resources";

type Schema = Record<string, unknown>;

const text: Schema = { type: "string" };
const count: Schema = { type: "integer", minimum: 0 };
const side: Schema = { type: "string", enum: ["left", "right"] };
const list = (items: Schema): Schema => ({ type: "array", items });
const object = (properties: Record<string, Schema>, required: readonly string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length > 0 ? { required } : {}),
});

const carried = object({ subscribers: count, sessions: count });
const domain = object({ version: text, workloads: list(text) }, ["version", "workloads"]);

/** A writer whose lease is over has a lower epoch than the one that took over; the API server itself turns it away. */
const fenced = (spec: Schema): Schema => ({
  ...spec,
  "x-kubernetes-validations": [
    {
      rule: "self.epoch >= oldSelf.epoch",
      message: "stale epoch: a later campaign holds the lease of this target",
    },
  ],
});

function crd(kind: string, plural: string, spec: Schema, status: Schema, columns: readonly Schema[]) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Namespaced",
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [
        {
          name: CONTRACT_VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: object({ spec: fenced(spec), status }, ["spec"]) },
        },
      ],
    },
  };
}

/** Plural names, for URLs and RBAC rules. */
export const plurals = {
  subscriberSplit: "subscribersplits",
  dialTest: "dialtests",
  redundancyGroup: "redundancygroups",
  dataTransfer: "datatransfers",
  campaignRequest: "campaignrequests",
} as const;

export const subscriberSplitCrd = crd(
  "SubscriberSplit",
  plurals.subscriberSplit,
  object(
    {
      left: domain,
      right: domain,
      ratio: { type: "number", minimum: 0, maximum: 100 },
      admission: { type: "string", enum: ["by-ratio", "right"] },
      pinned: list(object({ subscriber: text, side }, ["subscriber", "side"])),
      httpRoute: object(
        {
          name: text,
          services: { ...list(text), minItems: 2, maxItems: 2 },
          drainSeconds: { type: "number", minimum: 0 },
        },
        ["name", "services", "drainSeconds"],
      ),
      epoch: count,
    },
    ["ratio", "admission", "pinned", "epoch"],
  ),
  object({
    observedGeneration: count,
    left: carried,
    right: carried,
    moving: count,
    instances: list(
      object({
        name: text,
        workload: text,
        serving: { type: "boolean" },
        draining: { type: "boolean" },
        subscribers: count,
        sessions: count,
      }),
    ),
  }),
  [
    { name: "Left", type: "string", jsonPath: ".spec.left.version" },
    { name: "Right", type: "string", jsonPath: ".spec.right.version" },
    { name: "Ratio", type: "number", jsonPath: ".spec.ratio" },
    { name: "On left", type: "integer", jsonPath: ".status.left.subscribers" },
    { name: "On right", type: "integer", jsonPath: ".status.right.subscribers" },
    { name: "Moving", type: "integer", jsonPath: ".status.moving" },
  ],
);

export const dialTestCrd = crd(
  "DialTest",
  plurals.dialTest,
  object({ split: text, subscribers: list(text), side, procedures: list(text), epoch: count }, [
    "split",
    "subscribers",
    "side",
    "procedures",
    "epoch",
  ]),
  object({
    observedGeneration: count,
    phase: { type: "string", enum: ["running", "done"] },
    results: list(
      object({
        subscriber: text,
        procedure: text,
        passed: { type: "boolean" },
        servedBy: text,
        side,
        durationMs: { type: "number" },
        cause: text,
      }),
    ),
  }),
  [
    { name: "Side", type: "string", jsonPath: ".spec.side" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
  ],
);

const flag: Schema = { type: "boolean" };
const oneOf = (...values: readonly string[]): Schema => ({ type: "string", enum: [...values] });

export const redundancyGroupCrd = crd(
  "RedundancyGroup",
  plurals.redundancyGroup,
  object(
    {
      cnf: text,
      component: text,
      kind: oneOf("active-standby", "data-storage"),
      workloads: list(text),
      active: text,
      activeMember: text,
      selfHealing: oneOf("on", "suspended"),
      migration: text,
      epoch: count,
    },
    ["cnf", "component", "kind", "workloads", "selfHealing", "epoch"],
  ),
  object({
    observedGeneration: count,
    members: list(
      object({
        name: text,
        workload: text,
        version: text,
        role: oneOf("active", "standby", "member", "leaving"),
        inStep: flag,
        behind: count,
        trouble: text,
      }),
    ),
    active: text,
    quorum: count,
    records: count,
    schema: text,
    switchover: object({
      phase: oneOf("running", "done", "refused"),
      from: text,
      to: text,
      at: text,
      gapMs: { type: "number" },
      reason: text,
    }),
    selfHealing: oneOf("on", "suspended"),
  }),
  [
    { name: "Kind", type: "string", jsonPath: ".spec.kind" },
    { name: "Active", type: "string", jsonPath: ".status.active" },
    { name: "Quorum", type: "integer", jsonPath: ".status.quorum" },
    { name: "Records", type: "integer", jsonPath: ".status.records" },
    { name: "Healing", type: "string", jsonPath: ".status.selfHealing" },
  ],
);

export const dataTransferCrd = crd(
  "DataTransfer",
  plurals.dataTransfer,
  object(
    {
      cnf: text,
      component: text,
      kind: oneOf("save", "restore"),
      tokenSha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
      sha256: text,
      bytes: count,
      schema: text,
      epoch: count,
    },
    ["cnf", "component", "kind", "tokenSha256", "epoch"],
  ),
  object({
    observedGeneration: count,
    phase: oneOf("preparing", "ready", "done", "failed"),
    url: text,
    sha256: text,
    bytes: count,
    records: count,
    schema: text,
    message: text,
  }),
  [
    { name: "Kind", type: "string", jsonPath: ".spec.kind" },
    { name: "Component", type: "string", jsonPath: ".spec.component" },
    { name: "Phase", type: "string", jsonPath: ".status.phase" },
    { name: "Records", type: "integer", jsonPath: ".status.records" },
  ],
);

export const crds = [
  subscriberSplitCrd,
  dialTestCrd,
  redundancyGroupCrd,
  dataTransferCrd,
  campaignRequestCrd,
] as const;

/** All that a site installs once. */
export const definitions = [...crds, campaignRequestPolicy, campaignRequestBinding] as const;
