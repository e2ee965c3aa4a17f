/**
 * The lease on one target: one writer at a time, known by its epoch. A lease alone does not stop a writer that was frozen
 * while it ran out; that is what the epoch in every write is for.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import * as os from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { AcquireOptions, Store } from "../contract/store";
import { CampaignError } from "./errors";
import { type Instant, instant, since } from "./lease-clock";

/** How long a lease lasts without being renewed. A killed writer holds others up no longer than this. */
export const LEASE_TTL_MS = 15_000;
export const RENEW_EVERY_MS = 4_000;
/** Its holder takes it for lost so long before others may: what it does then has ended when they begin. */
const MARGIN_MS = 4_000;
/** How often a holder looks at the clock. After having been frozen it is the first thing that it does. */
const LOOK_EVERY_MS = 250;

/** Who we are, as others are told: machine, process, and a part that no other run has. */
export const newHolder = (): string => `${os.hostname()}/${process.pid}/${randomBytes(4).toString("hex")}`;

export class Lease {
  readonly epoch: number;
  private readonly lost = new AbortController();
  private readonly timers: readonly NodeJS.Timeout[];
  /** When the last request that renewed it was sent: it lasts at least from then. */
  private renewed: Instant;
  private renewing = false;

  private readonly store: Store;
  private readonly key: string;
  private readonly holder: string;

  private constructor(store: Store, key: string, holder: string, epoch: number, taken: Instant) {
    this.store = store;
    this.key = key;
    this.holder = holder;
    this.epoch = epoch;
    this.renewed = taken;
    this.timers = [
      setInterval(() => void this.renew(), RENEW_EVERY_MS),
      setInterval(() => this.look(), LOOK_EVERY_MS),
    ];
    for (const timer of this.timers) timer.unref();
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
    options?: AcquireOptions,
  ): Promise<Lease> {
    const holder = newHolder();
    const giveUp = Date.now() + 1.5 * LEASE_TTL_MS;
    for (;;) {
      const asked = instant();
      const got = await store.acquire(key, holder, LEASE_TTL_MS, options);
      if ("epoch" in got) return new Lease(store, key, holder, got.epoch, asked);
      if (Date.now() > giveUp || signal?.aborted) {
        throw new CampaignError(
          "LEASE_HELD",
          `${key} is being worked on by ${got.heldBy}, who holds its lease until ${new Date(got.until).toISOString()} and renews it. Let that run end, or stop it, and run again. If it hangs: issu unlock ${key} --reason "…".`,
        );
      }
      waiting(got.heldBy);
      await delay(Math.min(1000, Math.max(50, got.until - Date.now())));
    }
  }

  /** Aborted when the lease is no longer ours; nothing may be written after. */
  get signal(): AbortSignal {
    return this.lost.signal;
  }

  async release(): Promise<void> {
    this.stop();
    await this.store.release(this.key, this.holder, this.epoch).catch(() => undefined);
  }

  private stop(): void {
    for (const timer of this.timers) clearInterval(timer);
  }

  private async renew(): Promise<void> {
    if (this.renewing) return;
    this.renewing = true;
    const asked = instant();
    // An unreachable store is waited out while the lease lasts, but not a moment longer.
    const ours = await this.store
      .renew(this.key, this.holder, this.epoch, LEASE_TTL_MS)
      .catch(() => undefined)
      .finally(() => {
        this.renewing = false;
      });
    if (ours === false) this.lose();
    // Too late, if others were free to take it before the answer came.
    else if (ours && since(asked) < LEASE_TTL_MS - MARGIN_MS) this.renewed = asked;
  }

  private look(): void {
    if (since(this.renewed) > LEASE_TTL_MS - MARGIN_MS) this.lose();
  }

  private lose(): void {
    this.stop();
    if (this.lost.signal.aborted) return;
    this.lost.abort(
      new CampaignError("LEASE_LOST", `the lease of ${this.key} is no longer ours; nothing more was written`),
    );
  }
}
