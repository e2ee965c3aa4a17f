/**
 * Subscriber identities: `imsi-00101` (the test network's MCC and MNC) and a ten-digit MSIN. On the wire, and wherever
 * many of them are held, a subscriber is its MSIN.
 *
 * @module
 */
const PREFIX = "imsi-00101";

export function imsiOf(msin: number): string {
  return PREFIX + String(msin).padStart(10, "0");
}

/** @returns undefined if the identity is of another network, or no identity at all. */
export function msinOf(imsi: string): number | undefined {
  if (!/^imsi-00101\d{10}$/.test(imsi)) return undefined;
  const msin = Number(imsi.slice(PREFIX.length));
  return msin <= 0xffffffff ? msin : undefined;
}

/**
 * Place of a subscriber among all of them, in percent, by identity alone; bears no relation to the order of arrival, by
 * which the split is made.
 */
export function lot(msin: number): number {
  let h = msin ^ 0x9e3779b9;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (((h ^ (h >>> 16)) >>> 0) / 0x1_0000_0000) * 100;
}
