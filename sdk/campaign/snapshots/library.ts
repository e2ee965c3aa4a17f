/**
 * The snapshots of one target, as they lie in a store.
 *
 * @module
 */
import type { SnapshotStore } from "../../contract/snapshot-store";
import { parseNote, parseRecord, type Snapshot } from "./record";
import { SnapshotError } from "./snapshot-error";

/** The latest first; what can't be read is left out. @throws as the store */
export async function listed(store: SnapshotStore, target: string): Promise<readonly Snapshot[]> {
  const records = [...(await store.records(target))].flatMap(
    ([id, text]) => parseRecord(text, target, id) ?? [],
  );
  const found = await Promise.all(
    records.map(async (record): Promise<Snapshot> => {
      const lastCheck = parseNote(await store.note({ target, id: record.id }));
      return { ...record, ...(lastCheck ? { lastCheck } : {}) };
    }),
  );
  return found.sort((a, b) => (a.id < b.id ? 1 : -1));
}

/**
 * @param id or `latest`: of those that will do.
 * @param willDo for `latest` only.
 * @throws SnapshotError `NO_SNAPSHOT` that lists what there is; as the store
 */
export async function find(
  store: SnapshotStore,
  target: string,
  id: string,
  willDo: (one: Snapshot) => boolean = () => true,
): Promise<Snapshot> {
  const all = await listed(store, target);
  const found = id === "latest" ? (all.find(willDo) ?? all[0]) : all.find((one) => one.id === id);
  if (found) return found;
  const there = all.slice(0, 5).map((one) => one.id);
  throw new SnapshotError(
    "NO_SNAPSHOT",
    `got ${id}, expected a snapshot of ${target} in ${store.where}. There ${all.length === 0 ? "is none; check --store" : `is ${there.join(", ")}${all.length > there.length ? ` and ${all.length - there.length} more` : ""}`}.`,
  );
}
