/**
 * How many more pods of a kind a cluster could take. An estimate by requests, taints and node selectors; affinity and
 * quota are left to the scheduler, which has the last word (`UNSCHEDULABLE`).
 *
 * @module
 */
import { isAlive, type Node, type Pod, type PodSpec } from "./objects";
import { quantity } from "./quantity";

type Amounts = Map<string, number>;

/** Requests of a pod: its containers together, or its largest init container if that is more. */
export function requestsOf(spec: PodSpec): Amounts {
  const total: Amounts = new Map();
  for (const container of spec.containers) {
    for (const [resource, text] of Object.entries(container.resources?.requests ?? {})) {
      total.set(resource, (total.get(resource) ?? 0) + quantity(text));
    }
  }
  for (const container of spec.initContainers ?? []) {
    for (const [resource, text] of Object.entries(container.resources?.requests ?? {})) {
      total.set(resource, Math.max(total.get(resource) ?? 0, quantity(text)));
    }
  }
  return total.set("pods", 1);
}

function admits(node: Node, spec: PodSpec | undefined): boolean {
  if (node.spec.unschedulable) return false;
  if (!node.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True")) return false;
  const labels = node.metadata.labels ?? {};
  if (!Object.entries(spec?.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  return (node.spec.taints ?? [])
    .filter((taint) => taint.effect === "NoSchedule" || taint.effect === "NoExecute")
    .every((taint) =>
      (spec?.tolerations ?? []).some(
        (toleration) =>
          (toleration.key === undefined || toleration.key === taint.key) &&
          (toleration.effect === undefined ||
            toleration.effect === "" ||
            toleration.effect === taint.effect) &&
          (toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "")),
      ),
    );
}

/**
 * @param pods all of the cluster's.
 * @param templates pods to be placed; the one that fits least often counts. Without any, only places are counted.
 */
export function spareInstances(
  nodes: readonly Node[],
  pods: readonly Pod[],
  templates: readonly PodSpec[],
): number {
  const used = new Map<string, Amounts>();
  for (const pod of pods) {
    const node = pod.spec.nodeName;
    // A pod on its way out still holds its place.
    if (node === undefined || (!isAlive(pod) && pod.metadata.deletionTimestamp === undefined)) continue;
    const sum = used.get(node) ?? new Map<string, number>();
    for (const [resource, amount] of requestsOf(pod.spec))
      sum.set(resource, (sum.get(resource) ?? 0) + amount);
    used.set(node, sum);
  }
  const fits = (spec: PodSpec | undefined): number => {
    const wanted = spec ? requestsOf(spec) : new Map([["pods", 1]]);
    let places = 0;
    for (const node of nodes) {
      if (!admits(node, spec)) continue;
      let here = Number.POSITIVE_INFINITY;
      for (const [resource, amount] of wanted) {
        if (!(amount > 0)) continue;
        const free =
          quantity(node.status?.allocatable?.[resource] ?? "0") -
          (used.get(node.metadata.name)?.get(resource) ?? 0);
        // A hair of tolerance: 0.1 + 0.2 is not 0.3.
        here = Math.min(here, Math.floor(free / amount + 1e-9));
      }
      places += Math.max(0, here);
    }
    return places;
  };
  return templates.length === 0 ? fits(undefined) : Math.min(...templates.map(fits));
}
