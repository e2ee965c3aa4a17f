/**
 * Asking instances to empty themselves, and taking the request back (GRY-01: traffic is moved away first).
 *
 * @module
 */
import { annotations } from "../../../contract/names";
import type { CarryingInstance } from "../../../contract/subscriber-split";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { checkEpoch, checkSplitEpoch } from "../fence";
import { isReady, marks, type Pod, paths } from "../objects";
import { type Limits, retrying } from "../retry";

export const isDraining = (pod: Pod): boolean => pod.metadata.annotations?.[annotations.drain] !== undefined;

/** So much lower than the default of 0 that the ReplicaSet takes these pods first. */
const LOW_COST = "-1000";

/** @throws TargetError `STALE_EPOCH` if a later campaign asked this pod already. */
export async function askToDrain(
  cnf: Cnf,
  pod: Pod,
  epoch: number,
  limits: Limits,
  labels: Values = {},
): Promise<void> {
  const values = { [annotations.drain]: String(epoch), [marks.deletionCost]: LOW_COST };
  await mark(cnf, pod, epoch, limits, values, labels);
}

export async function takeBackDrain(
  cnf: Cnf,
  pod: Pod,
  epoch: number,
  limits: Limits,
  labels: Values = {},
): Promise<void> {
  await mark(cnf, pod, epoch, limits, { [annotations.drain]: null, [marks.deletionCost]: null }, labels);
}

/** null removes. */
type Values = { readonly [key: string]: string | null };

async function mark(
  cnf: Cnf,
  pod: Pod,
  epoch: number,
  limits: Limits,
  values: Values,
  labels: Values,
): Promise<void> {
  const { name, uid } = pod.metadata;
  const path = paths.pods(cnf.namespace, name);
  try {
    await retrying(limits, `annotating pod/${name}`, async () => {
      const now = await cnf.api.get<Pod>(path);
      // A StatefulSet's next pod has the same name.
      if (now.metadata.uid !== uid) return;
      checkEpoch(now, epoch, `pod/${name}`, annotations.drain);
      // A pod that nobody drained yet bears no epoch; the split does, from the moment that somebody took the lease.
      await checkSplitEpoch(cnf, epoch);
      const { resourceVersion } = now.metadata;
      await cnf.api.merge(path, { metadata: { uid, resourceVersion, annotations: values, labels } });
    });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

/**
 * Picks the instances that go: those that don't serve first, as a ReplicaSet would whatever we asked; then those asked
 * already, so that a run after a crash goes on with the same; then those with the fewest sessions.
 */
export function surplus(
  pods: readonly Pod[],
  count: number,
  carrying: ReadonlyMap<string, CarryingInstance>,
  asked: (pod: Pod) => boolean,
): Pod[] {
  const rank = (pod: Pod): readonly [number, number, number, number] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    isReady(pod) ? 1 : 0,
    asked(pod) ? 0 : 1,
    carrying.get(pod.metadata.name)?.sessions ?? 0,
  ];
  return [...pods]
    .sort((a, b) => {
      const [x, y] = [rank(a), rank(b)];
      for (const [index, value] of x.entries()) {
        const other = y[index] ?? 0;
        if (value !== other) return value - other;
      }
      return a.metadata.name < b.metadata.name ? -1 : 1;
    })
    .slice(0, Math.max(0, count));
}
