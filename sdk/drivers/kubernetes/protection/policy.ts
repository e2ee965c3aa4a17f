/**
 * The admission policy that keeps what serves from being deleted or scaled down, whoever asks (design: what serves can't be
 * deleted). It decides at each request from the `SubscriberSplit` as it stands and keeps no record of its own: a run that
 * was killed leaves nothing behind that could refuse what nobody needs, and an ended service is free at once.
 *
 * Without a split it allows: a split can't be deleted while it sends anybody anywhere, so where there is none nobody is
 * served. An expression that fails, or a definition that is missing, refuses (`failurePolicy: Fail`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { plurals } from "../../../contract/crds";
import { CONTRACT_VERSION, GROUP, labels } from "../../../contract/names";
import { marks } from "../objects";

const API = "admissionregistration.k8s.io/v1";

/** Hash of what a campaign wrote, to tell a policy of another version of this package. */
export const CONTENT = `${GROUP}/content`;

/** Name of the policy that an administrator installs for whole namespaces. */
export const SITE_POLICY = "issu-protection";

/** Split that nobody may create where the administrator's policy holds: so that it can be seen before anything serves. */
export const SIGN = "issu-protection";

/** Name of the policy that a campaign installs for one network function, and of what binds it to its workloads; a namespace has no dot in its name. */
export const policyName = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
  `issu.${namespace}.${name}`;

/** Name of what binds it to all else. */
export const restName = ({ namespace, name }: { readonly namespace: string; readonly name: string }) =>
  `issu-rest.${namespace}.${name}`;

export interface PolicyObject {
  readonly apiVersion: string;
  readonly kind: "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding";
  readonly metadata: {
    readonly name: string;
    readonly annotations?: { readonly [key: string]: string };
  };
  readonly spec: object;
}

/** Kubernetes' own autoscaler, with and without an account of its own. */
const AUTOSCALERS = [
  "system:serviceaccount:kube-system:horizontal-pod-autoscaler",
  "system:kube-controller-manager",
];

// `dyn`, since the expressions are checked against every kind that is matched, also those without replicas.
const LOWER = "dyn(object).spec.?replicas.orValue(0) < dyn(oldObject).spec.?replicas.orValue(0)";

const labelOf = (which: string): string => `dyn(${which}).metadata.?labels[?'${labels.cnf}'].orValue('')`;

/** Another label: perhaps out of sight of what binds the policy to it, perhaps back into it. */
const RELABELS = `request.?subResource.orValue("") == "" && ${labelOf("object")} != ${labelOf("oldObject")}`;

const variables = [
  // Deleting names the object that goes; in `scale` the object has the name of what is scaled.
  { name: "name", expression: "oldObject.metadata.name" },
  { name: "subresource", expression: 'request.?subResource.orValue("")' },
  { name: "left", expression: "params.spec.?left.?workloads.orValue([])" },
  { name: "right", expression: "params.spec.?right.?workloads.orValue([])" },
  {
    name: "carrying",
    expression:
      "params.?status.?instances.orValue([]).filter(i, i.?subscribers.orValue(0) > 0 || i.?sessions.orValue(0) > 0).map(i, i.?workload.orValue(''))",
  },
  {
    name: "rightWanted",
    expression:
      "double(params.spec.ratio) > 0.0 || params.spec.admission == 'right' || params.spec.pinned.exists(p, p.side == 'right')",
  },
  {
    // The left is the way back until the split leaves it out, also at 100 %. A service that was ended has neither side.
    name: "inService",
    expression:
      "(!has(params.spec.left) && !has(params.spec.right)) ? [] : variables.left + (variables.rightWanted ? variables.right : []) + variables.carrying",
  },
  { name: "cnf", expression: "params.metadata.namespace + '/' + params.metadata.name" },
  {
    name: "version",
    expression:
      "variables.name in variables.left ? params.spec.left.version : variables.name in variables.right ? params.spec.right.version : 'an earlier version'",
  },
];

const WAY =
  "To replace it, change the version in the Pulumi program and run pulumi up. To end the service for good, set deletionProtection to false, run pulumi up, then pulumi destroy.";

const validations = [
  {
    expression:
      "request.operation != 'DELETE' || !(request.resource.resource in ['deployments', 'statefulsets']) || !(variables.name in variables.inService)",
    messageExpression: `variables.name + ' runs ' + variables.version + ' of network function ' + variables.cnf + ' and is in service: subscribersplit ' + variables.cnf + ' sends subscribers there, or they are there still. It is not deleted. ${WAY}'`,
    reason: "Forbidden",
  },
  {
    expression: `request.resource.resource != 'replicasets' || dyn(oldObject).spec.?replicas.orValue(0) == 0 || !(oldObject.metadata.?labels[?'${labels.workload}'].orValue('') in variables.inService)`,
    messageExpression: `variables.name + ' holds all instances of a version of network function ' + variables.cnf + ' that is in service. It is not deleted. To renew an instance, delete or evict its pod. ${WAY}'`,
    reason: "Forbidden",
  },
  {
    expression: `request.resource.resource != '${plurals.subscriberSplit}' || variables.name != params.metadata.name || size(variables.inService) == 0`,
    messageExpression: `'subscribersplit ' + variables.cnf + ' sends subscribers to what serves them. It is not deleted. To end the service for good, set deletionProtection to false, run pulumi up, then pulumi destroy.'`,
    reason: "Forbidden",
  },
  {
    expression:
      "request.resource.resource != 'namespaces' || variables.name != params.metadata.namespace || size(variables.inService) == 0",
    messageExpression: `'network function ' + variables.cnf + ' is in service in this namespace. The namespace is not deleted. End the service first: set deletionProtection to false, run pulumi up, then pulumi destroy.'`,
    reason: "Forbidden",
  },
  {
    // The campaign says in the same write how many instances it means; other hands don't. An autoscaler works where no
    // campaign does, and never down to nothing.
    expression: `request.operation != 'UPDATE' || !(${LOWER}) || !(variables.name in variables.inService) || (variables.subresource == '' && object.metadata.?annotations[?'${marks.instances}'].orValue('') == string(dyn(object).spec.replicas)) || (variables.subresource == 'scale' && !has(params.spec.right) && dyn(object).spec.?replicas.orValue(0) > 0 && request.userInfo.username in [${AUTOSCALERS.map((one) => `'${one}'`).join(", ")}])`,
    messageExpression: `variables.name + ' runs ' + variables.version + ' of network function ' + variables.cnf + ' and is in service: only its campaign lowers the number of its instances, once their sessions have moved. Change replicas in the Pulumi program and run pulumi up.'`,
    reason: "Forbidden",
  },
  {
    // Of all that the split names, also where nobody is sent yet: it is about to serve. A label that was lost may be put back.
    expression: `request.operation != 'UPDATE' || !(${RELABELS}) || ${labelOf("oldObject")} != params.metadata.name || !(variables.name in (variables.left + variables.right + variables.inService))`,
    messageExpression: `variables.name + ' runs ' + variables.version + ' of network function ' + variables.cnf + ': its label ${labels.cnf} stays as it is, since it is protected by it. ${WAY}'`,
    reason: "Forbidden",
  },
];

const rule = (
  group: string,
  version: string,
  resources: readonly string[],
  operations: readonly string[],
) => ({
  apiGroups: [group],
  apiVersions: [version],
  resources: [...resources],
  operations: [...operations],
});

const paramKind = { apiVersion: `${GROUP}/${CONTRACT_VERSION}`, kind: "SubscriberSplit" };

/** Objects that carry their network function's label, and keep it. */
const workloadRule = rule("apps", "v1", ["deployments", "statefulsets"], ["DELETE", "UPDATE"]);
const replicaSetRule = rule("apps", "v1", ["replicasets"], ["DELETE"]);
const scaleRule = rule("apps", "v1", ["deployments/scale", "statefulsets/scale"], ["UPDATE"]);
const splitRule = rule(GROUP, "*", [plurals.subscriberSplit], ["DELETE"]);
const namespaceRule = rule("", "v1", ["namespaces"], ["DELETE"]);

const policySpec = {
  failurePolicy: "Fail",
  paramKind,
  matchConstraints: { resourceRules: [workloadRule, replicaSetRule, scaleRule, splitRule, namespaceRule] },
  matchConditions: [
    {
      name: "deletes-lowers-or-relabels",
      expression: `request.operation != 'UPDATE' || (${LOWER}) || (${RELABELS})`,
    },
  ],
  variables,
  validations,
};

const policy = (
  name: string,
  spec: object,
  annotations?: { readonly [key: string]: string },
): PolicyObject => ({
  apiVersion: API,
  kind: "ValidatingAdmissionPolicy",
  metadata: { name, ...(annotations ? { annotations } : {}) },
  spec,
});

/** Bound to namespaces by name: should the policy fail as such, nothing outside them is held up. */
const binding = (
  name: string,
  namespaces: readonly string[],
  { policyName: of, paramRef }: { readonly policyName: string; readonly paramRef?: object },
  only: object = {},
): PolicyObject => ({
  apiVersion: API,
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name },
  spec: {
    policyName: of,
    ...(paramRef ? { paramRef } : {}),
    validationActions: ["Deny"],
    matchResources: {
      namespaceSelector: {
        matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: [...namespaces] }],
      },
      ...only,
    },
  },
});

/**
 * What a campaign installs for one network function. Policies of its own rather than a shared one: campaigns of other
 * functions come and go at the same time. Its expressions are asked only of what is its own, which the API server tells by
 * labels and names: with a hundred network functions in a namespace each request would wait for a hundred policies else.
 *
 * @param epoch of the campaign's lease.
 */
export function campaignPolicy(
  cnf: { readonly namespace: string; readonly name: string },
  epoch: number,
): { readonly policy: PolicyObject; readonly bindings: readonly PolicyObject[]; readonly content: string } {
  const name = policyName(cnf);
  const paramRef = { name: cnf.name, namespace: cnf.namespace, parameterNotFoundAction: "Allow" };
  const bound = (as: string, only: object) =>
    binding(as, [cnf.namespace], { policyName: name, paramRef }, only);
  // In this order: once the last is in force, which is what is waited for, so is the first.
  const bindings = [
    // What scales carries no label, a ReplicaSet's is kept by nobody, and whoever deletes a whole collection of splits
    // gives no name.
    bound(restName(cnf), {
      resourceRules: [
        replicaSetRule,
        scaleRule,
        splitRule,
        { ...namespaceRule, resourceNames: [cnf.namespace] },
      ],
    }),
    bound(name, {
      objectSelector: { matchLabels: { [labels.cnf]: cnf.name } },
      resourceRules: [workloadRule],
    }),
  ];
  const content = createHash("sha256")
    .update(JSON.stringify([policySpec, ...bindings.map(({ spec }) => spec)]))
    .digest("hex")
    .slice(0, 16);
  const annotations = { [CONTENT]: content, [marks.epoch]: String(epoch) };
  return {
    policy: policy(name, policySpec, annotations),
    bindings: bindings.map((one) => ({ ...one, metadata: { ...one.metadata, annotations } })),
    content,
  };
}

/**
 * What an administrator installs once, for every network function of some namespaces; campaigns there need no right
 * outside their own.
 */
export function sitePolicy(namespaces: readonly string[]): PolicyObject[] {
  const paramRef = { selector: {}, parameterNotFoundAction: "Allow" };
  const sign = `${SITE_POLICY}-sign`;
  return [
    policy(SITE_POLICY, policySpec),
    binding(SITE_POLICY, namespaces, { policyName: SITE_POLICY, paramRef }),
    policy(sign, {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [
          { ...rule(GROUP, "*", [plurals.subscriberSplit], ["CREATE"]), resourceNames: [SIGN] },
        ],
      },
      validations: [
        {
          expression: "false",
          message: `This name is the sign by which a campaign sees that ${SITE_POLICY} protects what serves in this namespace.`,
          reason: "Forbidden",
        },
      ],
    }),
    binding(sign, namespaces, { policyName: sign }),
  ];
}
