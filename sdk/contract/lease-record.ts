/**
 * A lease as stores keep it, and the rule by which it changes hands. Pure.
 *
 * @module
 */
import type { AcquireOptions, HeldLease } from "./store";

export interface LeaseRecord {
  /** Empty once it was given back. */
  readonly holder: string;
  readonly epoch: number;
  /** How long it lasts from its last renewal, in ms. */
  readonly ttlMs: number;
}

/** A lease with how long ago it was renewed, by the clock of whoever keeps it. */
export interface SeenLease extends LeaseRecord {
  readonly ageMs: number;
}

/** @returns undefined for what is no lease: as good as none, since its holder can't renew it either. */
export function parseLease(text: string): LeaseRecord | undefined {
  try {
    const { holder, epoch, ttlMs } = JSON.parse(text) as Partial<LeaseRecord>;
    if (typeof holder !== "string" || typeof epoch !== "number") return undefined;
    return { holder, epoch, ttlMs: typeof ttlMs === "number" ? ttlMs : 0 };
  } catch {
    return undefined;
  }
}

export function heldLease(lease: SeenLease | undefined, now: number): HeldLease | undefined {
  if (!lease || lease.holder === "" || lease.ageMs >= lease.ttlMs) return undefined;
  return { heldBy: lease.holder, until: now + lease.ttlMs - lease.ageMs };
}

/**
 * What a lease becomes when somebody asks for it.
 *
 * @param noted highest epoch that the document was written under, should the lease itself be lost.
 * @returns whoever holds it, or the epoch to be taken.
 */
export function claimLease(
  lease: SeenLease | undefined,
  holder: string,
  noted: number,
  { above = 0, from }: AcquireOptions,
  now: number,
): HeldLease | { readonly epoch: number; readonly risen: boolean } {
  const held = heldLease(lease, now);
  if (held && held.heldBy !== holder && held.heldBy !== from) return held;
  const ours = held?.heldBy === holder;
  const before = lease?.epoch ?? 0;
  if (ours && before > above) return { epoch: before, risen: false };
  return { epoch: 1 + Math.max(before, noted, above), risen: true };
}
