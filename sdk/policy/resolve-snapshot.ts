/**
 * Checks what a user says of snapshots. Whether the store can be reached, and whether a public key is right to its last letter,
 * is seen at preview.
 *
 * @module
 */
import { join, type Reader } from "./reader";
import type { ResolvedSnapshots } from "./snapshot-policy";

export const snapshotDefaults = { when: "each-step", store: "kubernetes", count: 10, within: "5m" } as const;

const WHEN = ["each-step", "once"] as const;
const RECIPIENT = /^age1[02-9ac-hj-np-z]{50,}$/;
const IDENTITY = /AGE-SECRET-KEY/i;

/** @param raw a text says when, and leaves the rest as it comes; an object says more. */
export function readSnapshots(reader: Reader, raw: unknown, path: string): ResolvedSnapshots {
  const at = (name: string) => join(path, name);
  if (raw !== undefined && typeof raw !== "object") {
    return { ...resolved(reader, {}, at), when: reader.oneOf(raw, path, WHEN, snapshotDefaults.when) };
  }
  const known = ["when", "store", "recipients", "encrypt", "keep", "within"];
  return resolved(reader, reader.fields(raw, path, known), at);
}

function resolved(
  reader: Reader,
  given: { readonly [name: string]: unknown },
  at: (name: string) => string,
): ResolvedSnapshots {
  const store = readStore(reader, given.store, at("store"));
  const recipients = readRecipients(reader, given.recipients, at("recipients"));
  const clear = readEncrypt(reader, given.encrypt, at("encrypt"));
  if (clear && given.recipients !== undefined) {
    reader.wrong(
      at("encrypt"),
      given.encrypt,
      "either recipients or encrypt, not both",
      "Leave out encrypt to have snapshots encrypted, or recipients to have them in clear",
    );
  }
  if (store !== "kubernetes" && !clear && given.recipients === undefined && given.encrypt === undefined) {
    reader.wrong(
      at("recipients"),
      given.recipients,
      "the public keys of those who may read what is put outside of the cluster",
      `Make a key with age-keygen and write recipients: ["age1…"], or say encrypt: "none" to have data and configuration lie there in clear`,
    );
  }
  const keep = reader.fields(given.keep, at("keep"), ["count", "age"]);
  const count = reader.whole(keep.count, at("keep.count"), 1, snapshotDefaults.count);
  return {
    when: reader.oneOf(given.when, at("when"), WHEN, snapshotDefaults.when),
    store,
    recipients,
    keep: {
      count,
      ...(keep.age === undefined ? {} : { ageMs: reader.duration(keep.age, at("keep.age"), "720h") }),
    },
    withinMs: reader.duration(given.within, at("within"), snapshotDefaults.within),
  };
}

function readStore(reader: Reader, raw: unknown, path: string): string {
  if (raw === undefined) return snapshotDefaults.store;
  if (
    typeof raw === "string" &&
    (raw === "kubernetes" || /^file:\/\/\/.|^s3:\/\/[^/@]/.test(raw)) &&
    !/\/\/[^/]*@/.test(raw)
  )
    return raw;
  reader.wrong(
    path,
    // Whatever it is, it may hold a password.
    typeof raw === "string" ? raw.replace(/\/\/[^/@]*@/, "//…@").replace(/\?.*$/s, "?…") : raw,
    `"kubernetes", or a URL like file:///var/lib/issu or s3://bucket/prefix`,
    typeof raw === "string" && raw.includes("@")
      ? "Leave credentials out of it: the client finds them in its environment, a profile or a role"
      : `Leave it out for "kubernetes", beside the target`,
  );
  return snapshotDefaults.store;
}

function readRecipients(reader: Reader, raw: unknown, path: string): string[] {
  if (raw === undefined) return [];
  const list = reader.list(raw, path, "public keys of age identities, age1…");
  if (Array.isArray(raw) && raw.length === 0) {
    reader.wrong(
      path,
      raw,
      "at least one public key",
      `Write e.g. ["age1…"], or encrypt: "none" in its place`,
    );
  }
  return list.flatMap((one, i) => {
    if (typeof one === "string" && RECIPIENT.test(one)) return [one];
    if (typeof one === "string" && IDENTITY.test(one)) {
      // Never shown: it is what must not leave its owner.
      reader.problems.push({
        path: `${path}[${i}]`,
        message:
          "Got a secret key. Expected a public one, age1…: with the secret one whoever takes a snapshot could read them all. Write what age-keygen -y prints, and make a new identity if this one was stored.",
      });
      return [];
    }
    reader.wrong(
      `${path}[${i}]`,
      one,
      "the public key of an age identity, age1…",
      "Write what age-keygen -y prints",
    );
    return [];
  });
}

function readEncrypt(reader: Reader, raw: unknown, path: string): boolean {
  if (raw === undefined || raw === "none") return raw === "none";
  reader.wrong(path, raw, `"none", or nothing`, "Name public keys in recipients to have snapshots encrypted");
  return false;
}
