/**
 * Keeping a stale writer out of objects that have no epoch of their own: it is written beside them, and every write
 * builds on the version of the object in which it was seen.
 *
 * @module
 */
import { TargetError } from "../../contract/target";
import type { Api } from "./api";
import type { Cnf } from "./cnf-context";
import { type KubeObject, marks } from "./objects";
import { splitOf } from "./read-split";

/** @throws TargetError `STALE_EPOCH` if a later campaign has written here. */
export function checkEpoch(
  object: KubeObject,
  epoch: number,
  name: string,
  mark: string = marks.epoch,
): void {
  const seen = Number(object.metadata.annotations?.[mark] ?? 0);
  if (seen > epoch) throw staleEpoch(name, epoch, seen);
}

/**
 * For objects that can't be marked beforehand: whether a later campaign has put its epoch on the split.
 *
 * @throws TargetError `STALE_EPOCH`
 */
export async function checkSplitEpoch(cnf: Cnf, epoch: number): Promise<void> {
  const split = await splitOf(cnf, (path) => cnf.api.get(path));
  const seen = split?.spec.epoch ?? 0;
  if (seen > epoch) throw staleEpoch(`split/${cnf.name}`, epoch, seen);
}

export function staleEpoch(name: string, epoch: number, seen?: number): TargetError {
  return new TargetError(
    "STALE_EPOCH",
    `${name} was written by a later campaign${seen === undefined ? "" : ` (epoch ${seen})`}; ours has epoch ${epoch}, so nothing was changed. See \`issu status\` for who holds the lease.`,
  );
}

/**
 * Puts our epoch on an object, so that whoever read it before can no longer write it.
 *
 * @returns the object as it is now; its `resourceVersion` is the precondition of our next write.
 */
export async function claim<T extends KubeObject>(
  api: Api,
  path: string,
  epoch: number,
  name: string,
): Promise<T> {
  const object = await api.get<T>(path);
  checkEpoch(object, epoch, name);
  if (object.metadata.annotations?.[marks.epoch] === String(epoch)) return object;
  return api.merge<T>(path, {
    metadata: {
      resourceVersion: object.metadata.resourceVersion,
      annotations: { [marks.epoch]: String(epoch) },
    },
  });
}
