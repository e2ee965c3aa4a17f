/**
 * Ends a lease that its holder does not give back, on somebody's word (ESC-21). The epoch rises, so whoever held it can
 * write neither journal nor target any more, also if it is only frozen.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { HeldLease, Store } from "../contract/store";
import type { Target } from "../contract/target";
import { noteInAudit, type Person, personText } from "./audit";
import { CampaignError, failureOf } from "./errors";
import { Journal } from "./journal";
import { Lease, RENEW_EVERY_MS } from "./lease";
import type { CampaignLog } from "./log";
import { refuseOld } from "./target-store";

export interface UnlockArgs {
  /** Of the target's journals; not yet seen together with the target. */
  readonly store: Store;
  /** e.g. `cnf/core/amf` */
  readonly key: string;
  /** Reaches the target; what it throws is told, and ends nothing. */
  readonly reach: () => Promise<Pick<Target, "traces" | "fence">>;
  readonly by: Person;
  readonly reason: string;
  /** Also from a holder who renews it. */
  readonly force: boolean;
  readonly log: CampaignLog;
  /** Told while it is found out whether the holder renews. */
  readonly waiting: (held: HeldLease) => void;
}

export interface Unlocked {
  /** Who held it. */
  readonly heldBy: string;
  /** Epoch that is shut out, with all below it: ours less one. */
  readonly epoch: number;
  /** Why the former holder is shut out of the journal only, if it is. */
  readonly unfenced?: string;
}

/** A holder who has not renewed for so long won't: it renews every four seconds. */
const SILENCE_MS = RENEW_EVERY_MS + 2_500;
/** Ends are told to about a second, by clocks that are compared. */
const JITTER_MS = 2_000;

/**
 * @returns undefined if nobody held it, or it ended by itself meanwhile.
 * @throws CampaignError `LEASE_HELD` if its holder renews it and nobody forces it; JournalError `JOURNAL_OLD`; as the store.
 */
export async function unlock(args: UnlockArgs): Promise<Unlocked | undefined> {
  const { store, key, by, reason, force, log } = args;
  const held = await store.holder(key);
  if (!held) return undefined;
  if (!force) {
    args.waiting(held);
    const found = await watched(store, key, held);
    if (found === "over") return undefined;
    if (found === "renewed") {
      throw new CampaignError(
        "LEASE_HELD",
        `${held.heldBy} works on ${key} and renews its lease. To stop it in order: issu pause ${key} or issu abort ${key}. To shut it out all the same: --force; it then stops where it is, and the next pulumi up goes on.`,
      );
    }
  }
  const { target, unfenced } = await reached(args);
  const traces = await target?.traces();
  if (traces) refuseOld(key, await store.read(key), traces);
  const options = { from: held.heldBy, ...(traces ? { above: traces.epoch } : {}) };
  const lease = await Lease.take(store, key, () => undefined, undefined, options);
  try {
    await target?.fence(lease.epoch);
    const detail = `ended the lease of ${held.heldBy}${force ? ", forced" : ""}`;
    const entry = { at: new Date().toISOString(), action: "unlock" as const, by, reason, detail };
    const journal = await Journal.read(store, key).catch((error: Error) => error);
    log.write({
      campaign: journal instanceof Error ? "" : (journal.data.campaign?.id ?? ""),
      stage: "unlock",
      action: "unlock",
      object: key,
      code: "OK",
      message: `${personText(by)} ${detail}: ${reason}`,
      epoch: lease.epoch,
    });
    // One that can't be read is for `issu journal rebuild`; that the lease is ended must not depend on it.
    if (!(journal instanceof Error)) {
      noteInAudit(journal.data, { ...entry, epoch: lease.epoch });
      await journal.save();
    }
  } finally {
    await lease.release();
  }
  return { heldBy: held.heldBy, epoch: lease.epoch - 1, ...(unfenced === undefined ? {} : { unfenced }) };
}

async function reached({ reach }: UnlockArgs) {
  try {
    const target = await reach();
    await target.traces();
    return { target };
  } catch (error) {
    return { unfenced: failureOf(error).message };
  }
}

async function watched(store: Store, key: string, first: HeldLease): Promise<"renewed" | "silent" | "over"> {
  const until = performance.now() + SILENCE_MS;
  while (performance.now() < until) {
    await delay(250);
    const now = await store.holder(key);
    if (!now) return "over";
    if (now.heldBy !== first.heldBy || now.until > first.until + JITTER_MS) return "renewed";
  }
  return "silent";
}
