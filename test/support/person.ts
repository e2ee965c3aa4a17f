/**
 * Somebody with rights of their own on the cluster, beside `pulumi`'s identity and the administrator.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import type { Api } from "../../lab/cluster/api.ts";
import type { TestSite } from "./site.ts";

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

export interface Person {
  /** As the cluster knows them. */
  readonly user: string;
  readonly kubeconfigPath: string;
}

/** Makes a service account that may do what the rules say in the lab's namespace, and logs in as it. */
export async function newPerson(
  { lab }: Pick<TestSite, "lab">,
  api: Api,
  name: string,
  rules: readonly Rule[],
): Promise<Person> {
  const { namespace } = lab;
  const rbac = { apiVersion: "rbac.authorization.k8s.io/v1", metadata: { name, namespace } };
  await api.apply({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } });
  await api.apply({ ...rbac, kind: "Role", rules });
  await api.apply({
    ...rbac,
    kind: "RoleBinding",
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
    subjects: [{ kind: "ServiceAccount", name, namespace }],
  });
  const { status } = await api.post<{ status: { token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: { expirationSeconds: 3_600 } },
  );
  const kubeconfigPath = path.join(lab.dir, `${name}.kubeconfig`);
  const config = JSON.parse(await fs.readFile(lab.kubeconfigPath, "utf8"));
  config.users[0].user = { token: status.token };
  await fs.writeFile(kubeconfigPath, JSON.stringify(config), { mode: 0o600 });
  return { user: `system:serviceaccount:${namespace}:${name}`, kubeconfigPath };
}
