/**
 * What a lab's cluster holds from the start: the contract's definitions, the operator's rights, nodes and the stages
 * that they live through.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { campaignRequestBinding, campaignRequestPolicy, crds } from "pulumi-issu/contract";
import { type Api, type KubeObject, until } from "./api.ts";
import { nodes } from "./nodes.ts";
import { stageCrd, stages } from "./stages.ts";

/** What the operator may do, as a site would apply it. */
const RBAC = new URL("../../docs/rbac.yaml", import.meta.url);
/** What else where nodes are upgraded. */
const RBAC_FOR_NODES = new URL("../../docs/rbac-caas.yaml", import.meta.url);

/**
 * Fills the cluster with all but the nodes.
 *
 * @param namespace for network functions; the operator's rights are bound to it.
 * @param more definitions that not every lab has.
 * @param forNodes whether the operator may upgrade nodes, too.
 */
export async function prepare(
  api: Api,
  namespace: string,
  more: readonly KubeObject[],
  forNodes: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const definitions: readonly KubeObject[] = [stageCrd, ...crds, ...more];
  const manifests = rbac(namespace, forNodes ? [RBAC, RBAC_FOR_NODES] : [RBAC]);
  await Promise.all([
    ...definitions.map((crd) => api.apply(crd)),
    api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }),
    // Nodes report that they live by leases here; the API server makes it late.
    api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-node-lease" } }),
  ]);
  await Promise.all([
    ...definitions.map((crd) => established(api, crd.metadata.name, signal)),
    ...(await manifests).map((object) => api.apply(object)),
    ...[campaignRequestPolicy, campaignRequestBinding].map((object) => api.apply(object)),
  ]);
  await Promise.all(stages().map((stage) => api.apply(stage)));
}

/** Adds nodes and waits until pods can be placed on them. KWOK and the controller manager must run. */
export async function addNodes(
  api: Api,
  count: number,
  version: string,
  signal?: AbortSignal,
): Promise<void> {
  await Promise.all(nodes(count, version).map((node) => api.create(node)));
  await until(
    `${count} nodes to be ready`,
    Math.max(60_000, 150 * count),
    async () => {
      const ready = (await api.list("/api/v1/nodes")).filter(
        (node) =>
          isReady(node) && ((node as { spec?: { taints?: unknown[] } }).spec?.taints ?? []).length === 0,
      );
      return ready.length >= count ? true : undefined;
    },
    signal,
  );
}

/** Waits until nodes that register by themselves are ready, whatever keeps pods away from them. */
export async function nodesReady(api: Api, names: readonly string[], signal?: AbortSignal): Promise<void> {
  await until(
    `nodes ${names.join(", ")} to be ready`,
    60_000,
    async () => {
      const ready = (await api.list("/api/v1/nodes")).filter(isReady).map(({ metadata }) => metadata.name);
      return names.every((name) => ready.includes(name)) ? true : undefined;
    },
    signal,
  );
}

const isReady = (node: KubeObject): boolean => holds((node as { status?: Conditions }).status, "Ready");

async function established(api: Api, name: string, signal?: AbortSignal): Promise<void> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  await until(
    `custom resource definition ${name} to be established`,
    30_000,
    async () => {
      const { status } = await api.get<{ status?: Conditions }>(path);
      return holds(status, "Established") ? true : undefined;
    },
    signal,
  );
}

interface Conditions {
  readonly conditions?: readonly { readonly type: string; readonly status: string }[];
}

export function holds(status: Conditions | undefined, type: string): boolean {
  return (status?.conditions ?? []).some((c) => c.type === type && c.status === "True");
}

/** The documented manifest, with the lab's namespace in place of the example's. */
async function rbac(namespace: string, files: readonly URL[]): Promise<readonly KubeObject[]> {
  // Loaded late: it takes half a second, which goes by while the definitions settle.
  const { loadAllYaml } = await import("@kubernetes/client-node");
  const manifests = files.flatMap((file) => loadAllYaml(readFileSync(file, "utf8")) as KubeObject[]);
  return manifests.map((m) => (m.metadata.namespace ? { ...m, metadata: { ...m.metadata, namespace } } : m));
}
