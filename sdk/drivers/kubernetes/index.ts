/**
 * Network functions on Kubernetes: a driver over the Kubernetes API, and a store for journals.
 *
 * @module
 */

export { CaasTarget, type CaasTargetOptions } from "./caas/caas-target";
export { KubernetesRequests } from "./campaign-requests";
export type { Patience } from "./cnf-context";
export { type CnfTargetOptions, cnfTarget } from "./cnf-target";
export { type ConnectionOptions, connect, type KubernetesConnection } from "./connection";
export { whoAmI } from "./identity";
export { KubernetesStore } from "./journal-store";
export { sitePolicy } from "./protection/policy";
export { readSplit } from "./read-split";
export { KubernetesSnapshots } from "./snapshots/store";
