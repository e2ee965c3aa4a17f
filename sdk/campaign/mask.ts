/**
 * What must not leave the run in full.
 *
 * @module
 */
import { maskIdentities } from "../contract/identity";

/** What comes from outside may name people in other ways: any number as long as a telephone number. Four digits tell enough. */
const IDENTITY = /\d{9,}/g;

/** Free text as logs, journal and receivers of alarms may have it: identities masked, control characters out, cut. */
export function maskText(text: string, most = 500): string {
  const plain = maskIdentities(text.replaceAll(/\p{Cc}+/gu, " ")).replaceAll(IDENTITY, (digits) => {
    return `${"*".repeat(digits.length - 4)}${digits.slice(-4)}`;
  });
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}
