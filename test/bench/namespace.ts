/**
 * Namespaces for the benchmark, and the rights in them.
 *
 * @module
 */
import { Api, type KubeObject } from "../../lab/cluster/api.ts";
import type { Lab } from "../../lab/lab.ts";

const RBAC = "rbac.authorization.k8s.io";

/**
 * A namespace beside the lab's own in which the operator's identity has the rights that it has there, and those that
 * Pulumi's Kubernetes provider alone needs to wait for a Deployment (it reads ReplicaSets and events).
 */
export async function addNamespace(lab: Lab, name: string): Promise<void> {
  const api = new Api(lab.kubeconfigPath);
  try {
    await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const { rules } = await api.get<KubeObject>(
      `/apis/${RBAC}/v1/namespaces/${lab.namespace}/roles/issu-operator`,
    );
    const metadata = { name: "issu-operator", namespace: name };
    await api.apply({ apiVersion: `${RBAC}/v1`, kind: "Role", metadata, rules });
    await api.apply(binding("Role", "issu-operator", name));
    await api.apply(binding("ClusterRole", "edit", name));
  } finally {
    api.close();
  }
}

/** The rights of the built-in role `edit` in the lab's own namespace too, for the plain Deployment. */
export async function letEdit(lab: Lab): Promise<void> {
  const api = new Api(lab.kubeconfigPath);
  try {
    await api.apply(binding("ClusterRole", "edit", lab.namespace));
  } finally {
    api.close();
  }
}

const binding = (kind: "Role" | "ClusterRole", role: string, namespace: string): KubeObject => ({
  apiVersion: `${RBAC}/v1`,
  kind: "RoleBinding",
  metadata: { name: role, namespace },
  roleRef: { apiGroup: RBAC, kind, name: role },
  subjects: [{ apiGroup: RBAC, kind: "User", name: "issu-operator" }],
});
