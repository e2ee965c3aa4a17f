/**
 * What must not leave the run in full.
 *
 * @module
 */

/** A number as long as a telephone number names a person: its last four digits tell enough. */
const IDENTITY = /\d{9,}/g;

/** Free text as logs, journal and receivers of alarms may have it: identities masked, control characters out, cut. */
export function maskText(text: string, most = 500): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, " ").replaceAll(IDENTITY, (digits) => {
    return `${"*".repeat(digits.length - 4)}${digits.slice(-4)}`;
  });
  return plain.length > most ? `${plain.slice(0, most - 1)}…` : plain;
}
