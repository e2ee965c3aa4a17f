/**
 * The lease on one target: one writer at a time, known by its epoch. A lease alone does not stop a writer that was frozen
 * while it ran out; that is what the epoch in every write is for.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import * as os from "node:os";
import type { Store } from "../contract/store";
import { CampaignError } from "./errors";

/** How long a lease lasts without being renewed. A killed writer holds others up no longer than this. */
export const LEASE_TTL_MS = 15_000;
const RENEW_EVERY_MS = 4_000;

export class Lease {
  readonly epoch: number;
  private readonly lost = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private lastRenewal = Date.now();

  private readonly store: Store;
  private readonly key: string;
  private readonly holder: string;

  private constructor(store: Store, key: string, holder: string, epoch: number) {
    this.store = store;
    this.key = key;
    this.holder = holder;
    this.epoch = epoch;
    this.timer = setInterval(() => void this.renew(), RENEW_EVERY_MS);
    this.timer.unref();
  }

  /**
   * Takes the lease, waiting for one that a killed run left behind.
   *
   * @param waiting told who holds it while we wait.
   * @throws CampaignError `LEASE_HELD` if its holder keeps renewing it.
   */
  static async take(
    store: Store,
    key: string,
    waiting: (heldBy: string) => void,
    signal?: AbortSignal,
  ): Promise<Lease> {
    const holder = `${os.hostname()}/${process.pid}/${randomBytes(4).toString("hex")}`;
    const giveUp = Date.now() + 1.5 * LEASE_TTL_MS;
    for (;;) {
      const got = await store.acquire(key, holder, LEASE_TTL_MS);
      if ("epoch" in got) return new Lease(store, key, holder, got.epoch);
      if (Date.now() > giveUp || signal?.aborted) {
        throw new CampaignError(
          "LEASE_HELD",
          `${key} is being worked on by ${got.heldBy}, who holds its lease until ${new Date(got.until).toISOString()} and renews it. Let that run end, or stop it, and run again.`,
        );
      }
      waiting(got.heldBy);
      await new Promise((resolve) =>
        setTimeout(resolve, Math.min(1000, Math.max(50, got.until - Date.now()))),
      );
    }
  }

  /** Aborted when the lease is no longer ours; nothing may be written after. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  async release(): Promise<void> {
    clearInterval(this.timer);
    await this.store.release(this.key, this.holder, this.epoch).catch(() => undefined);
  }

  private async renew(): Promise<void> {
    const ours = await this.store
      .renew(this.key, this.holder, this.epoch, LEASE_TTL_MS)
      .catch(() => undefined);
    if (ours) this.lastRenewal = Date.now();
    // An unreachable store is waited out while the lease lasts, but not a moment longer.
    const over = Date.now() - this.lastRenewal > LEASE_TTL_MS - RENEW_EVERY_MS;
    if (ours === false || (ours === undefined && over)) {
      clearInterval(this.timer);
      this.lost.abort(
        new CampaignError(
          "LEASE_LOST",
          `the lease of ${this.key} is no longer ours; nothing more was written`,
        ),
      );
    }
  }
}
