/**
 * Puts parts of a snapshot back, on somebody's word (ESC-18, ESC-24): read whole and compared before anything is touched, under
 * the target's lease, and written down.
 *
 * @module
 */
import type { SavedPart } from "../../contract/snapshot-parts";
import type { SnapshotStore } from "../../contract/snapshot-store";
import type { Store } from "../../contract/store";
import type { Target } from "../../contract/target";
import { noteInAudit, type Person, personText } from "../audit";
import { CampaignError, failureOf } from "../errors";
import { Journal } from "../journal";
import { Lease } from "../lease";
import type { CampaignLog } from "../log";
import { measure } from "./measured";
import { contentOf } from "./read-part";
import type { PartRecord, SnapshotRecord } from "./record";
import { SnapshotError } from "./snapshot-error";

export interface RestoreArgs {
  /** Of journals and leases, seen together with the target: whoever takes the lease shuts earlier writers out of it. */
  readonly store: Store;
  readonly snapshots: SnapshotStore;
  readonly target: Target;
  readonly snapshot: SnapshotRecord;
  readonly parts: readonly PartRecord[];
  readonly identities: readonly string[];
  readonly by: Person;
  readonly reason: string;
  /** Also between two versions. */
  readonly whileOpen: boolean;
  readonly log: CampaignLog;
  /** Longest time for one part, in ms. */
  readonly withinMs: number;
  readonly progress: (line: string) => void;
}

export interface Restored {
  readonly part: string;
  /** What was observed on the target. */
  readonly detail: string;
}

/**
 * The parts that are meant.
 *
 * @param wanted names; the records of all data-storage components if there are none.
 * @throws SnapshotError `NO_SNAPSHOT` that says what there is
 */
export function partsOf(snapshot: SnapshotRecord, wanted: readonly string[]): readonly PartRecord[] {
  const there = snapshot.parts.map(({ name }) => name).join(", ");
  if (wanted.length === 0) {
    const data = snapshot.parts.filter(({ kind }) => kind === "data");
    if (data.length > 0) return data;
    throw new SnapshotError(
      "NO_SNAPSHOT",
      `${snapshot.id} holds no records of data-storage components. It holds ${there}: name what is meant with --part.`,
    );
  }
  const unknown = wanted.filter((name) => !snapshot.parts.some((part) => part.name === name));
  if (unknown.length > 0) {
    throw new SnapshotError(
      "NO_SNAPSHOT",
      `${snapshot.id} has no part ${unknown.join(", ")}. It holds ${there}.`,
    );
  }
  return snapshot.parts.filter(({ name }) => wanted.includes(name));
}

/**
 * @returns what was put back, in order. If a part fails, those before it stay put back; the audit says so.
 * @throws CampaignError `REFUSED` while a campaign is open, `LEASE_HELD`; SnapshotError `SNAPSHOT_DAMAGED`, `PART_MISSING`,
 *   `NO_IDENTITY` before anything is touched; as store and target
 */
export async function restore(args: RestoreArgs): Promise<readonly Restored[]> {
  const { store, snapshots, snapshot, target, log, by, reason } = args;
  const { putBack } = target;
  if (!putBack) throw new CampaignError("REFUSED", `${target.id} takes nothing back. Nothing was touched.`);
  refuseWhileOpen(await Journal.read(store, target.id), args);
  for (const part of args.parts) {
    args.progress(`reading ${part.name} of ${snapshot.id}`);
    await measure(contentOf(snapshots, snapshot, part, args.identities));
  }
  const lease = await Lease.take(store, target.id, (heldBy) =>
    args.progress(`waiting for the lease that ${heldBy} left behind`),
  );
  const done: Restored[] = [];
  const doing = { part: "" };
  try {
    const journal = await Journal.read(store, target.id);
    refuseWhileOpen(journal, args);
    const note = (code: string, detail: string) => {
      log.write({
        campaign: journal.data.campaign?.id ?? "",
        stage: "restore",
        action: "snapshot-restore",
        object: target.id,
        code,
        message: `${personText(by)} ${detail}: ${reason}`,
        epoch: lease.epoch,
      });
      const at = new Date().toISOString();
      noteInAudit(journal.data, { at, action: "snapshot-restore", by, reason, detail, epoch: lease.epoch });
      return journal.save();
    };
    const names = args.parts.map(({ name }) => name).join(", ");
    // Written before it is done: who looks later must not find a target changed by nobody.
    await note("OK", `begins to put back ${names} of ${snapshot.id}`);
    try {
      for (const part of args.parts) {
        doing.part = part.name;
        const { detail } = await putBack.call(target, savedPart(args, part, lease.signal), {
          signal: lease.signal,
          epoch: lease.epoch,
          deadline: Date.now() + args.withinMs,
          progress: args.progress,
        });
        done.push({ part: part.name, detail });
      }
    } catch (error) {
      const { code, message } = failureOf(lease.signal.aborted ? lease.signal.reason : error);
      const before = done.length > 0 ? `; ${done.map(({ part }) => part).join(", ")} are put back` : "";
      await note(code, `could not put back ${doing.part} of ${snapshot.id} (${message})${before}`).catch(
        () => undefined,
      );
      throw lease.signal.aborted ? lease.signal.reason : error;
    }
    await note(
      "OK",
      `put back ${done.map(({ part, detail }) => `${part} (${detail})`).join("; ")} of ${snapshot.id}`,
    );
    return done;
  } finally {
    await lease.release();
  }
}

function refuseWhileOpen({ unfinished }: Journal, { target, whileOpen }: RestoreArgs): void {
  if (!unfinished || whileOpen) return;
  const { id, from, to, state } = unfinished;
  throw new CampaignError(
    "REFUSED",
    `campaign ${id} of ${target.id} from ${from?.version ?? "nothing"} to ${to.version} is ${state}, and what it changes is not for others to change. Nothing was touched. Let it end, or take it back (issu abort), or say --while-open.`,
  );
}

const savedPart = (
  { snapshots, snapshot, identities }: RestoreArgs,
  part: PartRecord,
  signal: AbortSignal,
): SavedPart => ({
  name: part.name,
  kind: part.kind,
  mediaType: part.mediaType,
  ...(part.about ? { about: part.about } : {}),
  bytes: part.bytes,
  sha256: part.sha256,
  open: () => contentOf(snapshots, snapshot, part, identities, signal),
});
