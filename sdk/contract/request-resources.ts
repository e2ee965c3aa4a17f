/**
 * Requests as custom resources, so that Kubernetes' own identities and RBAC decide who may abort, pause and approve
 * (ESC-21). RBAC knows who may create the resource; an admission policy knows what they say in it:
 * - `spec.by` is the name of whoever creates it;
 * - `abort`, `pause` and `resume` need that verb on `campaigns` of our group, by the target's name;
 * - `approve` needs that verb on `approvals` of our group, by the role's name.
 *
 * Neither `campaigns` nor `approvals` exist as resources: they are names for roles to give rights on.
 *
 * @module
 */
import { CONTRACT_VERSION, GROUP } from "./names";

const NAME = `campaignrequests.${GROUP}`;

const text = { type: "string" };

export const campaignRequestCrd = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: NAME },
  spec: {
    group: GROUP,
    scope: "Namespaced",
    names: {
      kind: "CampaignRequest",
      plural: "campaignrequests",
      singular: "campaignrequest",
      listKind: "CampaignRequestList",
    },
    versions: [
      {
        name: CONTRACT_VERSION,
        served: true,
        storage: true,
        additionalPrinterColumns: [
          { name: "Target", type: "string", jsonPath: ".spec.target" },
          { name: "Campaign", type: "string", jsonPath: ".spec.campaign" },
          { name: "Kind", type: "string", jsonPath: ".spec.kind" },
          { name: "Stage", type: "string", jsonPath: ".spec.stage" },
          { name: "Role", type: "string", jsonPath: ".spec.role" },
          { name: "By", type: "string", jsonPath: ".spec.by" },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
        schema: {
          openAPIV3Schema: {
            type: "object",
            required: ["spec"],
            properties: {
              spec: {
                type: "object",
                required: ["target", "campaign", "kind", "by", "reason"],
                properties: {
                  target: { ...text, pattern: "^[^/]+/[^/]+/[^/]+$" },
                  campaign: text,
                  kind: { ...text, enum: ["abort", "pause", "resume", "approve"] },
                  stage: text,
                  role: text,
                  by: text,
                  reason: { ...text, minLength: 1, maxLength: 1000 },
                },
                "x-kubernetes-validations": [
                  {
                    rule: "self == oldSelf",
                    message: "a request that was made is not changed; make another",
                  },
                  {
                    rule: "has(self.role) == (self.kind == 'approve') && has(self.stage) == (self.kind == 'approve')",
                    message: "an approval names its stage and role, and nothing else does",
                  },
                ],
              },
            },
          },
        },
      },
    ],
  },
} as const;

/** Nobody speaks in another's name, and nobody without the right (CEL of `admissionregistration.k8s.io/v1`). */
export const campaignRequestPolicy = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicy",
  metadata: { name: NAME },
  spec: {
    failurePolicy: "Fail",
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [GROUP],
          apiVersions: [CONTRACT_VERSION],
          operations: ["CREATE"],
          resources: ["campaignrequests"],
        },
      ],
    },
    variables: [
      { name: "ours", expression: `authorizer.group('${GROUP}')` },
      { name: "target", expression: "object.spec.target.split('/')[2]" },
    ],
    validations: [
      {
        expression: "object.spec.by == request.userInfo.username",
        messageExpression: "'spec.by is ' + object.spec.by + ', but ' + request.userInfo.username + ' asks'",
        reason: "Forbidden",
      },
      {
        expression:
          "object.spec.kind != 'approve' || variables.ours.resource('approvals').namespace(object.metadata.namespace).name(object.spec.role).check('approve').allowed()",
        messageExpression: `request.userInfo.username + ' may not approve as ' + object.spec.role + ': the verb approve on approvals.${GROUP} named ' + object.spec.role + ' is needed in namespace ' + object.metadata.namespace`,
        reason: "Forbidden",
      },
      {
        expression:
          "object.spec.kind == 'approve' || variables.ours.resource('campaigns').namespace(object.metadata.namespace).name(variables.target).check(object.spec.kind).allowed()",
        messageExpression: `request.userInfo.username + ' may not ' + object.spec.kind + ' campaigns of ' + variables.target + ': the verb ' + object.spec.kind + ' on campaigns.${GROUP} named ' + variables.target + ' is needed in namespace ' + object.metadata.namespace`,
        reason: "Forbidden",
      },
    ],
  },
} as const;

export const campaignRequestBinding = {
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingAdmissionPolicyBinding",
  metadata: { name: NAME },
  spec: { policyName: NAME, validationActions: ["Deny"] },
} as const;
