/**
 * Asking instances to empty themselves, and taking the request back (GRY-01: traffic is moved away first).
 *
 * @module
 */
import { annotations } from "../../../contract/names";
import type { CarryingInstance } from "../../../contract/subscriber-split";
import type { Cnf } from "../cnf-context";
import { isNotFound } from "../errors";
import { checkEpoch } from "../fence";
import { isReady, marks, type Pod, paths } from "../objects";
import { type Limits, retrying } from "../retry";

export const isDraining = (pod: Pod): boolean => pod.metadata.annotations?.[annotations.drain] !== undefined;

/** So much lower than the default of 0 that the ReplicaSet takes these pods first. */
const LOW_COST = "-1000";

/** @throws TargetError `STALE_EPOCH` if a later campaign asked this pod already. */
export async function askToDrain(cnf: Cnf, pod: Pod, epoch: number, limits: Limits): Promise<void> {
  checkEpoch(pod, epoch, `pod/${pod.metadata.name}`, annotations.drain);
  await annotate(cnf, pod, limits, { [annotations.drain]: String(epoch), [marks.deletionCost]: LOW_COST });
}

export async function takeBackDrain(cnf: Cnf, pod: Pod, epoch: number, limits: Limits): Promise<void> {
  checkEpoch(pod, epoch, `pod/${pod.metadata.name}`, annotations.drain);
  await annotate(cnf, pod, limits, { [annotations.drain]: null, [marks.deletionCost]: null });
}

async function annotate(
  cnf: Cnf,
  pod: Pod,
  limits: Limits,
  values: { readonly [key: string]: string | null },
): Promise<void> {
  const { name, uid } = pod.metadata;
  try {
    // With the uid as precondition: a StatefulSet's next pod would have the same name.
    await retrying(limits, `annotating pod/${name}`, () =>
      cnf.api.merge(paths.pods(cnf.namespace, name), { metadata: { uid, annotations: values } }),
    );
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
): Pod[] {
  const rank = (pod: Pod): readonly [number, number, number, number] => [
    pod.spec.nodeName === undefined ? 0 : 1,
    isReady(pod) ? 1 : 0,
    isDraining(pod) ? 0 : 1,
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
