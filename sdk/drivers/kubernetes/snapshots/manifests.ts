/**
 * Which objects make up workloads, as they could be applied again.
 *
 * @module
 */
import { TargetError } from "../../../contract/target";
import type { Query } from "../api";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import {
  type Autoscaler,
  type Deployment,
  type KubeList,
  type KubeObject,
  marks,
  type PodSpec,
  paths,
  type Selector,
  selects,
} from "../objects";
import { type Limits, retrying } from "../retry";

/** As it could be applied again. */
export type Manifest = KubeObject & { readonly kind?: string | undefined; readonly [key: string]: unknown };

interface Budget extends KubeObject {
  readonly spec: { readonly selector?: Selector };
}

/**
 * Deployments, the ConfigMaps that they use, their disruption budgets and autoscalers, and the split; sorted, and without
 * what the cluster adds, so that the same content gives the same text.
 *
 * @throws TargetError `NOT_FOUND` if a workload isn't there.
 */
export async function collect(cnf: Cnf, workloads: readonly string[], limits: Limits): Promise<Manifest[]> {
  const { api, namespace } = cnf;
  const get = <T>(path: string, query?: Query) =>
    retrying(limits, "reading manifests", () => api.get<T>(path, query, limits.signal));
  const optional = async <T>(path: string): Promise<T | undefined> => {
    try {
      return await get<T>(path);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const [deployments, budgets, autoscalers, split] = await Promise.all([
    Promise.all(
      workloads.map(async (name) => {
        const found = await optional<Deployment>(paths.deployments(namespace, name));
        if (found) return found;
        throw new TargetError(
          "NOT_FOUND",
          `deployment/${name} does not exist in namespace ${namespace}, so there is nothing to save. Plan anew.`,
        );
      }),
    ),
    get<KubeList<Budget>>(paths.budgets(namespace)),
    get<KubeList<Autoscaler>>(paths.autoscalers(namespace)),
    optional<KubeObject>(paths.splits(namespace, cnf.name)),
  ]);
  const names = [...new Set(deployments.flatMap((of) => configMapsOf(of.spec.template.spec)))].sort();
  const configMaps = await Promise.all(
    names.map((name) => optional<KubeObject>(paths.configMaps(namespace, name))),
  );
  const kept = [
    ...deployments.map((of) => clean(of, "apps/v1", "Deployment")),
    ...configMaps.filter((of) => of !== undefined).map((of) => clean(of, "v1", "ConfigMap")),
    ...budgets.items
      .filter(({ spec }) =>
        deployments.some((of) => spec.selector && selects(spec.selector, of.spec.template.metadata?.labels)),
      )
      .map((of) => clean(of, "policy/v1", "PodDisruptionBudget")),
    ...autoscalers.items
      .filter(({ metadata, spec }) =>
        workloads.includes(metadata.annotations?.[marks.suspendedFrom] ?? spec.scaleTargetRef.name),
      )
      .map((of) => clean(of, "autoscaling/v2", "HorizontalPodAutoscaler")),
    ...(split ? [clean(split)] : []),
  ];
  const key = (of: Manifest) => `${of.kind}/${of.metadata.name}`;
  return kept.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Secrets are not among them: see `docs/snapshots.md`. */
function configMapsOf(spec: PodSpec): string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  return [
    ...(spec.volumes ?? []).flatMap((of) => [
      of.configMap,
      ...(of.projected?.sources ?? []).map((one) => one.configMap),
    ]),
    ...containers.flatMap((of) => (of.envFrom ?? []).map((one) => one.configMapRef)),
    ...containers.flatMap((of) => (of.env ?? []).map((one) => one.valueFrom?.configMapKeyRef)),
  ].flatMap((ref) => (ref?.name ? [ref.name] : []));
}

/** Ours and the controllers' marks: they change while the content does not. */
const PASSING: readonly string[] = [marks.epoch, marks.instances, "deployment.kubernetes.io/revision"];

function clean(object: KubeObject, apiVersion?: string, kind?: string): Manifest {
  const { metadata, status: _, ...rest } = object as Manifest;
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) => !PASSING.includes(key));
  return {
    // Items of a list don't say what they are.
    ...(apiVersion ? { apiVersion, kind } : {}),
    ...rest,
    metadata: {
      name: metadata.name,
      ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
      ...(metadata.labels ? { labels: metadata.labels } : {}),
      ...(annotations.length > 0 ? { annotations: Object.fromEntries(annotations) } : {}),
    },
  };
}
