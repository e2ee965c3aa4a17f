/**
 * The rights that a campaign needs, and those that are missing: asked of the API server before anything is touched, so that
 * all of them are told in one go (ESC-21).
 *
 * @module
 */
import { plurals } from "../../contract/crds";
import { GROUP } from "../../contract/names";
import type { Api } from "./api";
import { inParallel } from "./parallel";

export interface Right {
  /** Empty for the core group. */
  readonly group: string;
  /** A path, e.g. `/metrics`, where it is no resource. */
  readonly resource: string;
  readonly verb: string;
}

const rights = (group: string, resource: string, ...verbs: readonly string[]): Right[] =>
  verbs.map((verb) => ({ group, resource, verb }));

/**
 * In the network function's namespace, for the campaign and for what Pulumi's own Kubernetes provider does in the same
 * program under the same identity. `docs/rbac.yaml` grants exactly these; a test holds both against an audit log.
 */
export const NEEDED: readonly Right[] = [
  ...rights("apps", "deployments", "get", "list", "watch", "create", "patch", "delete"),
  ...rights("", "pods", "get", "list", "watch", "patch"),
  ...rights("", "configmaps", "get", "list", "create", "update", "patch", "delete"),
  ...rights("", "secrets", "get", "list", "create", "delete"),
  ...rights("policy", "poddisruptionbudgets", "get", "list", "create", "patch", "delete"),
  ...rights("autoscaling", "horizontalpodautoscalers", "get", "list", "patch"),
  ...rights("coordination.k8s.io", "leases", "get", "create", "update"),
  ...rights(GROUP, plurals.subscriberSplit, "get", "list", "watch", "create", "update"),
  ...rights(GROUP, plurals.dialTest, "list", "watch", "create", "delete"),
  ...rights(GROUP, plurals.campaignRequest, "list", "create"),
];

/** In addition, for a network function with active-standby or data-storage components. */
export const NEEDED_FOR_GROUPS: readonly Right[] = [
  ...rights(GROUP, plurals.redundancyGroup, "get", "list", "watch", "create", "update"),
  // Records of data-storage components, into snapshots and back.
  ...rights(GROUP, plurals.dataTransfer, "list", "watch", "create", "delete"),
];

/** In addition, where requests come by an HTTPRoute (docs/traffic.md). */
export const NEEDED_FOR_ROUTE: readonly Right[] = [
  ...rights("gateway.networking.k8s.io", "httproutes", "get", "list", "watch", "patch"),
  ...rights("", "services", "get", "list", "watch", "patch"),
  ...rights("discovery.k8s.io", "endpointslices", "list", "watch"),
];

const ADMISSION = "admissionregistration.k8s.io";

/** To install the admission policy; whoever writes one must also be able to read what it decides from, everywhere. */
export const TO_PROTECT: readonly Right[] = [
  ...rights(ADMISSION, "validatingadmissionpolicies", "get", "create", "update", "delete"),
  ...rights(ADMISSION, "validatingadmissionpolicybindings", "get", "create", "update", "delete"),
];

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface RulesReview {
  readonly status?: { readonly resourceRules?: readonly Rule[] };
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

/** Requests at once. */
const PARALLEL = 16;
const REVIEWS = "/apis/authorization.k8s.io/v1";

export const describeRight = ({ group, resource, verb }: Right): string =>
  `${verb} ${resource}${group === "" ? "" : `.${group}`}`;

/**
 * @param namespace in which they are needed; undefined for the whole cluster.
 * @returns those of the rights that we don't have, in order; none if the cluster does not say.
 */
export async function missingRights(
  api: Api,
  namespace: string | undefined,
  wanted: readonly Right[],
): Promise<readonly Right[]> {
  try {
    const rules = namespace === undefined ? [] : await rulesOf(api, namespace);
    // One request answers for nearly all. What it leaves open (an authorizer other than RBAC need not list its rules) is
    // asked one by one.
    const open = wanted.filter((right) => !rules.some((rule) => grants(rule, right)));
    const denied = new Set<Right>();
    await inParallel(
      open,
      async (right) => {
        if (!(await may(api, namespace, right))) denied.add(right);
      },
      PARALLEL,
    );
    return open.filter((right) => denied.has(right));
  } catch {
    // Who may do nothing at all is told so by the first thing that he does.
    return [];
  }
}

async function rulesOf(api: Api, namespace: string): Promise<readonly Rule[]> {
  const { status } = await api.create<RulesReview>(`${REVIEWS}/selfsubjectrulesreviews`, {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectRulesReview",
    spec: { namespace },
  });
  return status?.resourceRules ?? [];
}

function grants({ verbs, apiGroups = [], resources = [], resourceNames = [] }: Rule, right: Right): boolean {
  const has = (list: readonly string[], one: string) => list.includes("*") || list.includes(one);
  return (
    resourceNames.length === 0 &&
    has(verbs, right.verb) &&
    has(apiGroups, right.group) &&
    has(resources, right.resource)
  );
}

export async function may(api: Api, namespace: string | undefined, right: Right): Promise<boolean> {
  const { group, verb } = right;
  // A subresource is asked for by itself: `pods/eviction`.
  const [resource, subresource] = right.resource.split("/");
  const { status } = await api.create<AccessReview>(`${REVIEWS}/selfsubjectaccessreviews`, {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: right.resource.startsWith("/")
      ? { nonResourceAttributes: { path: right.resource, verb } }
      : {
          resourceAttributes: {
            group,
            resource,
            verb,
            ...(subresource === undefined ? {} : { subresource }),
            ...(namespace === undefined ? {} : { namespace }),
          },
        },
  });
  return status?.allowed === true;
}

/** Whether we may install the admission policy. */
export async function mayProtect(api: Api): Promise<boolean> {
  const everywhere: Right = { group: GROUP, resource: plurals.subscriberSplit, verb: "get" };
  return (await missingRights(api, undefined, [...TO_PROTECT, everywhere])).length === 0;
}
