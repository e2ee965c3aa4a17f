/**
 * Subscriber identities as people and records may see them. Masked where text leaves a run (log, journal, engine, command
 * line), so that a message that quotes what a cluster or a network function said is masked too. In full they are only where
 * a network function needs them: in its `SubscriberSplit` and `DialTest`, and in snapshots of these.
 *
 * @module
 */

/** Identities as 3GPP TS 29.571 writes them: SUPI, SUCI, GPSI and PEI. */
const KINDS = "imsi|supi|suci|nai|gci|gli|msisdn|extid|imei|imeisv";
const WITH_KIND = new RegExp(`\\b(${KINDS})-([^\\s"'\`,;:()[\\]{}<>\\\\]+)`, "gi");
const ONE = new RegExp(`^((?:${KINDS})-)?(.*)$`, "is");

/** As long as an IMSI, IMEI or IMEISV, and no part of a name or of a number with a point. */
const BARE = /(?<![\w*-]|\d\.)\d{14,16}(?![\w*-]|\.\d)/g;

/**
 * One identity: what kind it is, of a number the network, and its last four characters, e.g. `imsi-00101******0001`. Enough
 * to tell designated subscribers apart.
 */
export function maskIdentity(identity: string): string {
  const [, kind = "", value = ""] = ONE.exec(identity) ?? [];
  return `${kind}${maskValue(value)}`;
}

function maskValue(value: string): string {
  if (value.includes("*")) return value;
  const shown = value.length >= 12 && /^\d+$/.test(value) ? 5 : 0;
  const tail = value.length > 8 ? 4 : 0;
  const hidden = Math.max(0, value.length - shown - tail);
  return value.slice(0, shown) + "*".repeat(hidden) + (tail > 0 ? value.slice(-tail) : "");
}

/** Every identity in a text. What is masked already stays as it is. */
export function maskIdentities(text: string): string {
  return text
    .replace(WITH_KIND, (_all, kind: string, value: string) => `${kind}-${maskValue(value)}`)
    .replace(BARE, maskValue);
}

/** Fields that hold an identity, or a list of them, in whatever form the user's network writes it. */
const FIELDS: ReadonlySet<string> = new Set(["subscriber", "subscribers"]);

/** JSON of something that is to be kept or shown, without an identity in full. */
export function maskedJson(value: unknown): string {
  return JSON.stringify(value, (key, inner: unknown) => {
    if (typeof inner === "string") return FIELDS.has(key) ? maskIdentity(inner) : maskIdentities(inner);
    if (FIELDS.has(key) && Array.isArray(inner))
      return inner.map((one) => (typeof one === "string" ? maskIdentity(one) : one));
    return inner;
  });
}
