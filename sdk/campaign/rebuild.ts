/**
 * Begins a journal anew from what the target shows, on somebody's word: where the old one is lost, damaged or older than
 * the target. What can still be read of the old one is kept.
 *
 * @module
 */
import type { Document, Store } from "../contract/store";
import type { Target, Traces } from "../contract/target";
import type { Shown } from "../plan/plan";
import { noteInAudit, type Person, personText } from "./audit";
import { JOURNAL_VERSION, Journal, type JournalData } from "./journal";
import { JournalError } from "./journal-error";
import { Lease } from "./lease";
import type { CampaignLog } from "./log";
import { saysNothing } from "./target-store";

export interface RebuildArgs {
  /** Of the target's journals; not yet seen together with the target. */
  readonly store: Store;
  readonly target: Target;
  readonly shown: (inventory: unknown) => Shown;
  readonly by: Person;
  readonly reason: string;
  readonly log: CampaignLog;
  readonly waiting: (heldBy: string) => void;
  /** Keeps what can't be read, for whoever looks into it later. @returns where. */
  readonly keep: (text: string) => string;
}

export interface Rebuilt {
  readonly why: "lost" | "old" | "damaged";
  readonly journal: JournalData;
  /** Where the damaged one was put. */
  readonly kept?: string;
}

/**
 * @throws Error if the journal is in order, and if a later version wrote it; CampaignError `LEASE_HELD`; as store and target.
 */
export async function rebuild(args: RebuildArgs): Promise<Rebuilt> {
  const { store, target, by, reason, log } = args;
  const key = target.id;
  const traces = await target.traces();
  const why = await reasonFor(store, key, await store.read(key), traces);
  const shown = args.shown(await target.observe());
  const lease = await Lease.take(store, key, args.waiting, undefined, { above: traces.epoch });
  try {
    await target.fence(lease.epoch);
    const before = await store.read(key);
    const kept = why === "damaged" && before ? args.keep(before.text) : undefined;
    const old = why === "old" ? (await Journal.read(store, key)).data : undefined;
    const journal = journalOf(key, shown, old, lease.epoch);
    const detail = summaryOf(why, journal);
    const at = new Date().toISOString();
    noteInAudit(journal, { at, action: "journal-rebuild", by, reason, detail, epoch: lease.epoch });
    await store.write(key, JSON.stringify(journal), before?.revision);
    log.write({
      campaign: journal.campaign?.id ?? "",
      stage: "journal",
      action: "journal-rebuild",
      object: key,
      code: "OK",
      message: `${personText(by)} ${detail}: ${reason}`,
      epoch: lease.epoch,
    });
    return { why, journal, ...(kept === undefined ? {} : { kept }) };
  } finally {
    await lease.release();
  }
}

async function reasonFor(
  store: Store,
  key: string,
  document: Document | undefined,
  traces: Traces,
): Promise<Rebuilt["why"]> {
  if (saysNothing(document)) return "lost";
  try {
    await Journal.read(store, key);
  } catch (error) {
    if (error instanceof JournalError) return "damaged";
    throw error;
  }
  if (document?.epoch !== undefined && document.epoch < traces.epoch) return "old";
  throw new Error(
    `the journal of ${key} is in order, so it was left as it is: a rebuilt one would know less. See issu status ${key}.`,
  );
}

function journalOf(
  target: string,
  { serving, coming }: Shown,
  old: JournalData | undefined,
  epoch: number,
): JournalData {
  const at = new Date().toISOString();
  const past = old?.campaign;
  // No campaign ever had a higher number than the lease had epochs, so this one is nobody's.
  const id = String(Math.max(epoch, Number(past?.id ?? 0) + 1));
  const ref = ({ version, release }: { version: string; release: string }) => ({ version, release });
  return {
    schemaVersion: JOURNAL_VERSION,
    target,
    ids: epoch,
    ...(serving ? { serving } : {}),
    ...(coming
      ? {
          campaign: {
            id,
            intent: "upgrade" as const,
            ...(serving ? { from: ref(serving), fromSpec: serving.spec } : {}),
            to: ref(coming),
            toSpec: coming.spec,
            state: "open" as const,
            attempt: 0,
            openedAt: at,
            stages: [],
            baseline: {},
          },
        }
      : {}),
    quarantine: old?.quarantine ?? [],
    history: [
      ...(old?.history ?? []),
      ...(past
        ? [
            {
              id: past.id,
              intent: past.intent,
              ...(past.from ? { from: past.from.version } : {}),
              to: past.to.version,
              state: past.state,
              openedAt: past.openedAt,
              ...(past.closedAt ? { closedAt: past.closedAt } : {}),
            },
          ]
        : []),
    ],
    ...(old?.audit ? { audit: old.audit } : {}),
    ...(old?.turns ? { turns: old.turns } : {}),
  };
}

function summaryOf(why: Rebuilt["why"], { serving, campaign }: JournalData): string {
  const found = campaign
    ? `campaign ${campaign.id} from ${campaign.from?.version ?? "nothing"} to ${campaign.to.version} is open`
    : serving
      ? `${serving.version} serves`
      : "nothing serves";
  return `began the journal anew, the old one being ${why}: ${found}`;
}
