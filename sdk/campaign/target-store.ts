/**
 * A store seen together with the target whose journals it keeps. What campaigns left on the target tells whether journal
 * and lease are the ones that belong to it; and whoever takes the lease shuts earlier writers out of the target too, before
 * he looks at anything.
 *
 * @module
 */
import type { Acquired, AcquireOptions, Document, HeldLease, Store } from "../contract/store";
import type { Target, Traces } from "../contract/target";
import { JOURNAL_VERSION, type JournalData } from "./journal";
import { JournalError, rebuildHint } from "./journal-error";

export class TargetStore implements Store {
  private readonly inner: Store;
  private readonly target: Pick<Target, "traces" | "fence" | "seenEpoch">;

  constructor(inner: Store, target: Pick<Target, "traces" | "fence" | "seenEpoch">) {
    this.inner = inner;
    this.target = target;
  }

  /** @throws JournalError `JOURNAL_LOST`, `JOURNAL_OLD`; as the store and the target. */
  async read(key: string): Promise<Document | undefined> {
    const document = await this.inner.read(key);
    // The target is asked only where there is nothing: a run without changes must not pay for it.
    if (saysNothing(document)) {
      const traces = await this.target.traces();
      refuseLost(key, traces);
      return document ?? (traces.epoch > 0 ? begun(key, traces) : undefined);
    }
    const epoch = (await this.target.seenEpoch()) ?? 0;
    if (document?.epoch === undefined || document.epoch >= epoch) return document;
    // Read before a run that began in this instant sealed it, perhaps.
    const again = await this.inner.read(key);
    refuseOld(key, again, { epoch });
    return again;
  }

  list(): Promise<readonly string[]> {
    return this.inner.list();
  }

  holder(key: string): Promise<HeldLease | undefined> {
    return this.inner.holder(key);
  }

  write(key: string, text: string, expected: string | undefined): Promise<string> {
    return this.inner.write(key, text, expected === NOT_THERE ? undefined : expected);
  }

  /** @throws JournalError `JOURNAL_LOST`, `JOURNAL_OLD`, before anything was taken; as the store and the target. */
  async acquire(key: string, holder: string, ttlMs: number, options: AcquireOptions = {}): Promise<Acquired> {
    // In this order: who takes the lease writes the journal first and the target after, so of a run that is about to
    // begin the journal is never seen older than the target.
    const traces = await this.target.traces();
    const document = await this.inner.read(key);
    if (saysNothing(document)) refuseLost(key, traces);
    refuseOld(key, document, traces);
    const above = Math.max(options.above ?? 0, traces.epoch);
    const got = await this.inner.acquire(key, holder, ttlMs, { ...options, above });
    if ("heldBy" in got) return got;
    try {
      await this.target.fence(got.epoch);
      // As it was before our own epoch came to the target, so that preview and run give a campaign the same number.
      if (!document) await this.inner.write(key, begun(key, traces).text, undefined);
    } catch (error) {
      await this.inner.release(key, holder, got.epoch).catch(() => undefined);
      throw error;
    }
    return got;
  }

  renew(key: string, holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    return this.inner.renew(key, holder, epoch, ttlMs);
  }

  release(key: string, holder: string, epoch: number): Promise<void> {
    return this.inner.release(key, holder, epoch);
  }
}

/** Revision of a document that stands for none. */
const NOT_THERE = "";

/**
 * What a journal begins with where an earlier one was lost. Requests and hooks know campaigns by their numbers, so none may
 * be given twice; and no campaign ever had a higher one than the lease had epochs.
 */
function begun(target: string, { epoch }: Traces): Document {
  const journal: JournalData = {
    schemaVersion: JOURNAL_VERSION,
    target,
    quarantine: [],
    history: [],
    ids: epoch,
  };
  return { text: JSON.stringify(journal), revision: NOT_THERE };
}

/** No document, or one that knows of nothing that was done. What can't be read is not for here to judge. */
export function saysNothing(document: Document | undefined): boolean {
  if (!document) return true;
  try {
    const { campaign, serving, history, quarantine } = JSON.parse(document.text) as Partial<JournalData>;
    return !campaign && !serving && !history?.length && !quarantine?.length;
  } catch {
    return false;
  }
}

/** One version that serves alone is taken over as any that runs; between two, a campaign is needed to tell which way. */
function refuseLost(key: string, { underway }: Traces): void {
  if (underway.length === 0) return;
  throw new JournalError(
    "JOURNAL_LOST",
    `${key} is in the middle of a campaign (${underway.join("; ")}), but its journal knows of none. Either it was lost, or it is kept elsewhere: check the journal's URL first. ${rebuildHint(key)}`,
  );
}

/** @throws JournalError `JOURNAL_OLD` */
export function refuseOld(
  key: string,
  document: Document | undefined,
  { epoch }: Pick<Traces, "epoch">,
): void {
  if (document?.epoch === undefined || document.epoch >= epoch) return;
  throw new JournalError(
    "JOURNAL_OLD",
    `the journal of ${key} is older than what it describes: it was last written under epoch ${document.epoch}, ${key} under epoch ${epoch}. Either it was restored from a backup, or other runs keep another journal: check the journal's URL first. ${rebuildHint(key)}`,
  );
}
