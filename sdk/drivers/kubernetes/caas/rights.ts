/**
 * The rights that a campaign on nodes needs, everywhere in the cluster. `docs/rbac-caas.yaml` grants exactly these.
 *
 * @module
 */
import { plurals } from "../../../contract/crds";
import { GROUP } from "../../../contract/names";
import type { Right } from "../rights";

const rights = (group: string, resource: string, ...verbs: readonly string[]): Right[] =>
  verbs.map((verb) => ({ group, resource, verb }));

export const NEEDED_FOR_NODES: readonly Right[] = [
  ...rights("", "nodes", "get", "list", "watch", "patch", "delete"),
  ...rights("", "pods", "get", "list", "watch", "patch"),
  ...rights("", "pods/eviction", "create"),
  ...rights("", "persistentvolumeclaims", "list"),
  ...rights("", "persistentvolumes", "list"),
  ...rights("policy", "poddisruptionbudgets", "list", "watch"),
  ...rights("apps", "deployments", "list"),
  ...rights("autoscaling", "horizontalpodautoscalers", "list"),
  ...rights(GROUP, plurals.subscriberSplit, "list", "watch"),
  ...rights(GROUP, plurals.redundancyGroup, "list", "watch"),
];

/** In addition, where the policy has pods deleted past their budget. */
export const TO_FORCE: readonly Right[] = rights("", "pods", "delete");

/** In addition, where the control plane is upgraded too: of each member, whether it is ready, and who uses which API. */
export const NEEDED_FOR_MEMBERS: readonly Right[] = [
  ...rights("", "/readyz", "get"),
  ...rights("", "/metrics", "get"),
];

/** In addition, where the policy has Deployments run one replica more. */
export const TO_SCALE: readonly Right[] = rights("apps", "deployments", "get", "patch");
