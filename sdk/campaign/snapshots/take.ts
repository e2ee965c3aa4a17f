/**
 * Takes a snapshot: the target gives out its parts, they are stored as they come, read back and compared; only then is it one
 * (ESC-14, GRY-01).
 *
 * @module
 */
import type { CapturedPart, Chunks } from "../../contract/snapshot-parts";
import type { SnapshotAt, SnapshotStore } from "../../contract/snapshot-store";
import { type Action, type ActionContext, type Target, TargetError } from "../../contract/target";
import { encrypted } from "./age";
import { Measured } from "./measured";
import { agree, compareStored } from "./read-part";
import { newId, type PartRecord, SNAPSHOT_VERSION, type SnapshotRecord } from "./record";
import { SnapshotError } from "./snapshot-error";

export interface TakeArgs {
  readonly store: SnapshotStore;
  readonly target: Pick<Target, "id"> & Required<Pick<Target, "capture">>;
  readonly action: Action;
  /** Its deadline holds for all of it, reading back included. */
  readonly context: ActionContext;
  /** Public keys; in clear if there are none. */
  readonly recipients: readonly string[];
  readonly of: Pick<SnapshotRecord, "campaign" | "stage" | "releases">;
}

/** A line of progress at most so often, in ms. */
const SAY_EVERY_MS = 1_000;

/**
 * @throws SnapshotError `SNAPSHOT_DAMAGED`, `TIMEOUT`; as store and target. What was written is taken away then.
 */
export async function take(args: TakeArgs): Promise<SnapshotRecord> {
  const { store, target, of, recipients } = args;
  const at: SnapshotAt = { target: target.id, id: newId(of.campaign, of.stage, Date.now()) };
  const clock = new AbortController();
  const limitMs = Math.max(0, args.context.deadline - Date.now());
  const timer = setTimeout(
    () =>
      clock.abort(
        new SnapshotError(
          "TIMEOUT",
          `the snapshot was not taken within ${Math.round(limitMs / 1000)} s. Raise upgrade.snapshot.within, or see why the store (${store.where}) or the target is slow`,
        ),
      ),
    limitMs,
  );
  const signal = AbortSignal.any([args.context.signal, clock.signal]);
  const context = { ...args.context, signal };
  try {
    const parts: PartRecord[] = [];
    for await (const part of target.capture(args.action, context)) {
      const record = await save(args, at, part, context);
      await compareStored(store, at, record, signal);
      parts.push(record);
    }
    signal.throwIfAborted();
    const record: SnapshotRecord = {
      schemaVersion: SNAPSHOT_VERSION,
      ...at,
      ...of,
      takenAt: new Date().toISOString(),
      ...(recipients.length > 0 ? { recipients } : {}),
      parts,
    };
    await store.finish(at, JSON.stringify(record));
    return record;
  } catch (error) {
    // Without a record it is none; what can't be removed now is when the next one is taken.
    await store.remove(at).catch(() => undefined);
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

async function save(
  { store, recipients }: TakeArgs,
  at: SnapshotAt,
  { name, kind, mediaType, about, claimed = {}, open }: CapturedPart,
  { signal, progress }: ActionContext,
): Promise<PartRecord> {
  const content = new Measured();
  const lying = new Measured();
  let said = Date.now();
  const passed = (bytes: number) => {
    signal.throwIfAborted();
    if (Date.now() - said < SAY_EVERY_MS) return;
    said = Date.now();
    progress(`saving ${name}: ${(bytes / 1e6).toFixed(1)} MB`);
  };
  const clear: Chunks = content.through(open(), passed);
  const ciphered = recipients.length > 0;
  await store.put(at, name, lying.through(ciphered ? encrypted(clear, recipients) : clear), signal);
  const got = content.end();
  try {
    agree(name, claimed, got);
  } catch (error) {
    throw new TargetError(
      "SNAPSHOT_DAMAGED",
      `${(error as Error).message}, as the target had said. Run again.`,
      {
        cause: error,
      },
    );
  }
  return {
    name,
    kind,
    mediaType,
    ...(about ? { about } : {}),
    ...got,
    ...(ciphered ? { stored: lying.end() } : {}),
  };
}
