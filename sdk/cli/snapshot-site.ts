/**
 * Where the snapshots of a target are.
 *
 * @module
 */
import { Journal } from "../campaign/journal";
import { snapshotStoreAt } from "../campaign/snapshots/store-at";
import type { SnapshotStore } from "../contract/snapshot-store";
import { oneTarget, openSite, partsOf, type SiteOptions } from "./site";

export interface SnapshotOptions extends SiteOptions {
  /** `kubernetes` or a URL; where the last one was put if left out. */
  readonly store?: string;
}

export interface SnapshotSite {
  /** e.g. `cnf/core/amf` */
  readonly target: string;
  readonly snapshots: SnapshotStore;
}

/**
 * Named in full and with a store outside of the cluster, neither cluster nor journal is asked: they may be what was lost.
 *
 * @throws UsageError; as journal and store
 */
export async function openSnapshots(
  wanted: string | undefined,
  options: SnapshotOptions,
): Promise<SnapshotSite> {
  const { store: url } = options;
  const full = wanted !== undefined && partsOf(wanted) !== undefined;
  if (full && url !== undefined && url !== "kubernetes") {
    return { target: wanted, snapshots: snapshotStoreAt(url, beside) };
  }
  const site = await openSite(options, wanted);
  const target = full ? wanted : await oneTarget(site, wanted);
  const where = url ?? (await Journal.read(site.store, target)).data.snapshotStore ?? "kubernetes";
  if (where !== "kubernetes") return { target, snapshots: snapshotStoreAt(where, beside) };
  const { KubernetesSnapshots } = await import("../drivers/kubernetes/index.js");
  const connection = await site.connect(partsOf(target)?.namespace ?? options.namespace ?? "default");
  return { target, snapshots: snapshotStoreAt(where, () => new KubernetesSnapshots(connection)) };
}

const beside = (): never => {
  throw new Error("unreachable");
};
