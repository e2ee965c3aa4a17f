import { type Api, ApiError, until } from "./cluster/api.ts";

/** Collections of a namespace that hold what a network function and its campaigns leave, owners before the owned. */
const COLLECTIONS = [
  "/apis/autoscaling/v2/%/horizontalpodautoscalers",
  "/apis/policy/v1/%/poddisruptionbudgets",
  "/apis/apps/v1/%/deployments",
  "/apis/apps/v1/%/statefulsets",
  "/apis/apps/v1/%/daemonsets",
  "/apis/batch/v1/%/jobs",
  "/apis/apps/v1/%/replicasets",
  "/apis/pulumi-issu.dev/v1alpha1/%/dialtests",
  "/apis/pulumi-issu.dev/v1alpha1/%/subscribersplits",
  "/apis/pulumi-issu.dev/v1alpha1/%/redundancygroups",
  "/apis/pulumi-issu.dev/v1alpha1/%/datatransfers",
  "/apis/coordination.k8s.io/v1/%/leases",
  "/api/v1/%/secrets",
  "/api/v1/%/events",
];

const POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies";
const BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings";

/** Empties a namespace and waits until its pods are gone. */
export async function wipe(api: Api, namespace: string): Promise<void> {
  const path = (collection: string) => collection.replace("%", `namespaces/${namespace}`);
  // They would refuse to have deleted what serves; it takes them a moment to be out of force.
  for (const collection of [BINDINGS, POLICIES]) {
    for (const { metadata } of await api.list(collection)) {
      if (new RegExp(`^issu(-rest)?\\.${namespace}\\.`).test(metadata.name))
        await api.delete(`${collection}/${metadata.name}`);
    }
  }
  await until(`nothing in ${namespace} to be protected any more`, 10_000, async () => {
    for (const collection of [
      "/apis/pulumi-issu.dev/v1alpha1/%/subscribersplits",
      "/apis/apps/v1/%/deployments",
    ])
      await api.delete(path(collection), { propagationPolicy: "Background" });
    return true;
  });
  for (const collection of COLLECTIONS) {
    await api.delete(path(collection), { propagationPolicy: "Background" });
  }
  // Kubernetes keeps a configuration of its own there, and a service can't be deleted by the collection.
  await deleteEach(api, path("/api/v1/%/configmaps"), "kube-root-ca.crt");
  await deleteEach(api, path("/api/v1/%/services"));
  const pods = path("/api/v1/%/pods");
  await until(`the pods of ${namespace} to be gone`, 30_000, async () => {
    // Again each time: a controller that was just at work may have made another.
    await api.delete(pods, { gracePeriodSeconds: 0 });
    return (await api.list(pods)).length === 0 ? true : undefined;
  });
}

async function deleteEach(api: Api, collection: string, except?: string): Promise<void> {
  for (const { metadata } of await api.list(collection)) {
    if (metadata.name === except) continue;
    try {
      await api.delete(`${collection}/${metadata.name}`);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 404)) throw error;
    }
  }
}
