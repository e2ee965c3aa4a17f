/**
 * Follows a campaign through a journal in a folder, as it is written; see `JournalWatch` for one on a cluster.
 *
 * @module
 */
import { type FSWatcher, watch } from "node:fs";
import * as fs from "node:fs/promises";
import { FileStore } from "#sdk/campaign/file-store.js";
import { Journal, type JournalData } from "#sdk/campaign/journal.js";
import type { CampaignSeen } from "./journal-watch.ts";

export class FileJournalWatch {
  readonly #dir: string;
  readonly #target: string;

  /** @param dir made if it is not there. */
  constructor(dir: string, target: string) {
    this.#dir = dir;
    this.#target = target;
  }

  async data(): Promise<JournalData> {
    return (await Journal.read(new FileStore(this.#dir), this.#target)).data;
  }

  /** Who has the lease. */
  async heldBy(): Promise<string | undefined> {
    return (await new FileStore(this.#dir).holder(this.#target))?.heldBy;
  }

  /**
   * Resolves as soon as the journal says so; at once if it does already.
   *
   * @throws {Error} if the signal fires first.
   */
  async reaches(
    what: string,
    holds: (campaign: CampaignSeen) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    await fs.mkdir(this.#dir, { recursive: true, mode: 0o700 });
    let watcher: FSWatcher | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        const look = () =>
          void this.data().then(
            ({ campaign }) => campaign && holds(campaign as unknown as CampaignSeen) && resolve(),
            () => undefined, // half of a change; the other half calls again
          );
        const stop = () => reject(new Error(`it never came to this point: ${what}`));
        signal.addEventListener("abort", stop, { once: true });
        watcher = watch(this.#dir, look);
        if (signal.aborted) stop();
        else look();
      });
    } finally {
      watcher?.close();
    }
  }
}
