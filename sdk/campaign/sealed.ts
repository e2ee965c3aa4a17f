/**
 * A document as it lies in a file or a bucket: a line of JSON that says under which epoch it was written and by which
 * write, then the text. No two writes are alike, so a revision that is made from the content never comes back; and whoever
 * takes the lease can change it without touching the text, which shuts out those who read it before.
 *
 * @module
 */
import { randomBytes } from "node:crypto";

export interface Sealed {
  readonly text: string;
  /** Undefined for a text without a seal, as an editor or an earlier version leaves it. */
  readonly epoch?: number;
  readonly write?: string;
}

/** @param epoch 0 where the writer held no lease. */
export function seal(text: string, epoch: number): { readonly whole: string; readonly write: string } {
  const write = randomBytes(8).toString("hex");
  return { whole: `${JSON.stringify({ epoch, write })}\n${text}`, write };
}

export function unseal(whole: string): Sealed {
  const end = whole.indexOf("\n");
  if (end < 0) return { text: whole };
  try {
    const { epoch, write } = JSON.parse(whole.slice(0, end)) as { epoch?: unknown; write?: unknown };
    if (typeof epoch !== "number" || typeof write !== "string") return { text: whole };
    return { text: whole.slice(end + 1), epoch, write };
  } catch {
    return { text: whole };
  }
}
