/**
 * Checks what a program declares of a network element: release and root image, and how it is reached.
 *
 * @module
 */
import { isIP } from "node:net";
import * as semver from "semver";
import { type ElementSpec, type RootImageSpec, rootRelease } from "./element-spec";
import type { Problem } from "./problem";
import { Reader } from "./reader";

/** @returns every mistake; the spec only if there is none. */
export function checkElement(raw: unknown): {
  readonly problems: readonly Problem[];
  readonly element?: ElementSpec;
} {
  const reader = new Reader();
  const { name, version, image } = reader.fields(raw, "", [
    "name",
    "namespace",
    "version",
    "release",
    "image",
  ]);
  if (typeof name !== "string" || !/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i.test(name)) {
    reader.wrong(
      "name",
      name,
      "letters, digits, points and dashes, at most 63",
      "The component's own name is the element's name; write e.g. agg-7",
    );
  }
  if (typeof version !== "string" || semver.valid(version) === null || !/^\d/.test(version)) {
    reader.wrong(
      "version",
      version,
      "a semantic version MAJOR.MINOR.PATCH (semver.org)",
      `Write e.g. "1.1.0"`,
    );
  }
  const root = readImage(reader, image);
  if (reader.problems.length > 0) return { problems: reader.problems };
  return {
    problems: [],
    element: {
      name: name as string,
      version: version as string,
      release: rootRelease(version as string, root.sha256),
      image: root,
    },
  };
}

const SOURCES = ["path", "device", "url"] as const;

function readImage(reader: Reader, raw: unknown): RootImageSpec {
  const given = reader.fields(raw, "image", [...SOURCES, "sha256", "unpackedBytes"]);
  const { path, device, url, sha256, unpackedBytes } = given;
  const named = SOURCES.filter((source) => given[source] !== undefined);
  if (named.length > 1) {
    reader.wrong(
      "image",
      named.join(" and "),
      "one of path, device and url",
      "Keep the one that it is to come from",
    );
  }
  if (path !== undefined) reader.text(path, "image.path", "the path of a file", "images/ne-1.1.0.tar.gz");
  if (device !== undefined && (typeof device !== "string" || !/^[\w][\w.-]*$/.test(device)))
    reader.wrong(
      "image.device",
      device,
      "the name of a file on the second device",
      "Write e.g. ne-1.1.0.tar.gz",
    );
  if (url !== undefined && (typeof url !== "string" || !/^https:\/\/[^\s@]+$/.test(url))) {
    reader.wrong(
      "image.url",
      typeof url === "string" && url.includes("@") ? "a URL with a login in it" : url,
      "an https URL without a login",
      "Write e.g. https://store.example/ne-1.1.0.tar.gz; a token goes into access.storeToken",
    );
  }
  const summed = sha256 !== undefined || named.length > 0;
  if (summed && (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256))) {
    reader.wrong(
      "image.sha256",
      sha256,
      "the image's SHA-256, 64 hex digits",
      "Take it from whoever publishes the image; sha256sum computes it of a file",
    );
  }
  const bytes = reader.whole(unpackedBytes, "image.unpackedBytes", 1);
  return {
    ...(typeof path === "string" ? { path } : {}),
    ...(typeof device === "string" ? { device } : {}),
    ...(typeof url === "string" ? { url } : {}),
    ...(typeof sha256 === "string" ? { sha256: sha256.toLowerCase() } : {}),
    ...(bytes === undefined ? {} : { unpackedBytes: bytes }),
  };
}

/** How an element is reached, as a program says it. Holds secrets. */
export interface ElementAddress {
  readonly host: string;
  readonly port?: number;
  readonly user: string;
  readonly privateKey?: string;
  readonly passphrase?: string;
  readonly agent?: string;
  /** Shown to the remote store by the element. */
  readonly storeToken?: string;
  /** Public host key or its fingerprint. */
  readonly hostKey: string;
}

/** @returns every mistake in it; none of the messages shows a secret. */
export function checkElementAddress(raw: unknown): readonly Problem[] {
  const reader = new Reader();
  const known = ["host", "port", "user", "privateKey", "passphrase", "agent", "storeToken", "hostKey"];
  const given = reader.fields(hidden(raw), "", known);
  const { host, port, user, privateKey, passphrase, agent, storeToken, hostKey } = given;
  if (typeof host !== "string" || (isIP(host) === 0 && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)))
    reader.wrong("host", host, "an address or a host name", "Write e.g. 10.0.0.11");
  const number = reader.whole(port, "port", 1, 22);
  if (number > 65_535) reader.wrong("port", port, "a port up to 65535", "Leave it out for 22");
  reader.text(user, "access.user", "the name to log in with", "issu");
  for (const [name, value] of Object.entries({ privateKey, passphrase, agent, storeToken })) {
    if (value === undefined || typeof value === "string") continue;
    reader.wrong(`access.${name}`, value, "text", "Write it as text, as a secret of the stack's config");
  }
  if (!privateKey && !agent)
    reader.wrong("access", undefined, "privateKey or agent", "Give one, as a secret of the stack's config");
  if (
    typeof hostKey !== "string" ||
    !/^(?:SHA256:[A-Za-z0-9+/]{43}=?|(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/]{40,}={0,2}(?:\s.*)?)$/.test(
      hostKey.trim(),
    )
  ) {
    reader.wrong(
      "hostKey",
      hostKey,
      `a public key like "ssh-ed25519 AAAA…" or a fingerprint like "SHA256:…"`,
      "ssh-keyscan prints the one, ssh-keygen -lf the other; compare it with what the console shows",
    );
  }
  return reader.problems;
}

const PUBLIC = ["host", "port", "user", "hostKey"];

/** A secret under a misspelt name must not be shown either. */
function hidden(raw: unknown): unknown {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return raw && "something else";
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => {
      if (PUBLIC.includes(name) || value === undefined || value === "") return [name, value];
      return [name, typeof value === "string" ? "(not shown)" : null];
    }),
  );
}
