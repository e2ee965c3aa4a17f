/**
 * Which host keys are believed: pinned ones, those of a known_hosts text, or the first one seen where the policy says so.
 * Pure, but for the file that keeps what was seen first.
 *
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { FirstSeen } from "./first-seen";

export interface HostKeyRules {
  /** Public keys (`ssh-ed25519 AAAA…`) or fingerprints (`SHA256:…`) of this very host. */
  readonly pinned?: readonly string[];
  /** Text as in OpenSSH's known_hosts; hashed names are understood, certificates are not. */
  readonly knownHosts?: string;
  /** File in which the first key seen of each host is kept. Left out: an unknown host is refused. */
  readonly firstSeenFile?: string;
}

/** `undefined` if the key is believed, else why not, with how to mend it. */
export type Doubt = string | undefined;

export interface HostKeyCheck {
  /** Types of key that could be believed, for the server to show one of them; undefined if any may. */
  readonly types: readonly string[] | undefined;
  check(key: Buffer): Doubt;
}

export const fingerprintOf = (key: Buffer): string =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;

/** Type as the key itself names it, e.g. `ssh-ed25519`. */
export const typeOf = (key: Buffer): string =>
  key.length < 4 ? "" : key.subarray(4, 4 + key.readUInt32BE(0)).toString("latin1");

/** @throws Error if something pinned is neither a key nor a fingerprint. */
export function hostKeyCheck(host: string, port: number, rules: HostKeyRules): HostKeyCheck {
  const pins = (rules.pinned ?? []).map(readPin);
  const lines = knownKeys(rules.knownHosts ?? "", host, port);
  const revoked = lines.filter((line) => line.revoked);
  const known = lines.filter((line) => !line.revoked);
  const keys = [...pins.flatMap((pin) => (pin.key ? [pin.key] : [])), ...known.map((line) => line.key)];
  const seen = rules.firstSeenFile === undefined ? undefined : new FirstSeen(rules.firstSeenFile);
  const before = seen?.keyOf(host, port);
  const trusted = before === undefined ? keys : [...keys, before];
  const hasPrints = pins.some((pin) => pin.print !== undefined);
  return {
    types: trusted.length > 0 && !hasPrints ? [...new Set(trusted.map(typeOf))] : undefined,
    check(key) {
      const shown = `${typeOf(key)} ${fingerprintOf(key)}`;
      const at = `${host}:${port}`;
      if (revoked.some((line) => same(line.key, key)))
        return `${at} shows ${shown}, which knownHosts marks as revoked`;
      if (trusted.some((one) => same(one, key)) || pins.some((pin) => pin.print === fingerprintOf(key)))
        return;
      if (trusted.length === 0 && !hasPrints) {
        if (seen) return seen.keep(host, port, key);
        return `${at} shows ${shown}, and nothing says which key to expect. Compare it with what the device's console shows and pin it as hostKey, or give knownHosts`;
      }
      const expected = [
        ...trusted.map((one) => `${typeOf(one)} ${fingerprintOf(one)}`),
        ...pins.flatMap((pin) => (pin.print ? [pin.print] : [])),
      ];
      return `${at} shows ${shown}, expected ${[...new Set(expected)].join(" or ")}. Either the device got a new key, which its console tells, or somebody stands between${before ? ` (first seen key, kept in ${rules.firstSeenFile})` : ""}`;
    },
  };
}

const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

function readPin(pin: string): { readonly key?: Buffer; readonly print?: string } {
  const text = pin.trim();
  if (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(text)) return { print: text.replace(/=$/, "") };
  const [type = "", base64 = ""] = text.split(/\s+/);
  const key = Buffer.from(base64, "base64");
  if (type !== "" && typeOf(key) === type) return { key };
  throw new Error(
    `hostKey: got ${text.length > 40 ? `${text.slice(0, 37)}...` : text}, expected a public key like "ssh-ed25519 AAAA…" or a fingerprint like "SHA256:…". ssh-keyscan prints the one, ssh-keygen -lf the other.`,
  );
}

interface KnownKey {
  readonly key: Buffer;
  readonly revoked: boolean;
}

/** Lines of a known_hosts text that are of this host. Lines that make no sense are of nobody. */
export function knownKeys(text: string, host: string, port: number): KnownKey[] {
  const names = port === 22 ? [host] : [`[${host}]:${port}`];
  return text.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const mark = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const [patterns = "", type = "", base64 = ""] = fields;
    if (patterns.startsWith("#") || (mark !== undefined && mark !== "@revoked")) return [];
    const key = Buffer.from(base64, "base64");
    if (type === "" || typeOf(key) !== type) return [];
    return names.some((name) => matches(patterns, name.toLowerCase()))
      ? [{ key, revoked: mark === "@revoked" }]
      : [];
  });
}

function matches(patterns: string, name: string): boolean {
  const hashed = /^\|1\|([^|]+)\|([^|]+)$/.exec(patterns);
  if (hashed) {
    const [, salt = "", hash = ""] = hashed;
    return createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64") === hash;
  }
  const all = patterns.toLowerCase().split(",");
  const fits = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, "\\$&")
        .replaceAll("*", ".*")
        .replaceAll("?", ".")}$`,
    ).test(name);
  if (all.some((one) => one.startsWith("!") && fits(one.slice(1)))) return false;
  return all.some((one) => !one.startsWith("!") && fits(one));
}
