/**
 * Checks what a program declares of a network element: release and root image, and how it is reached.
 *
 * @module
 */
import { isIP } from "node:net";
import * as semver from "semver";
import type { ElementSpec, RootImageSpec } from "./element-spec";
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
    element: { name: name as string, version: version as string, release: version as string, image: root },
  };
}

function readImage(reader: Reader, raw: unknown): RootImageSpec {
  const { path, sha256, unpackedBytes } = reader.fields(raw, "image", ["path", "sha256", "unpackedBytes"]);
  if (path !== undefined) reader.text(path, "image.path", "the path of a file", "images/ne-1.1.0.tar.gz");
  if (path !== undefined && (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(sha256))) {
    reader.wrong(
      "image.sha256",
      sha256,
      "the image's SHA-256, 64 hex digits",
      "Take it from whoever publishes the image; sha256sum computes it of a file",
    );
  }
  if (path === undefined && sha256 !== undefined) {
    reader.wrong(
      "image.path",
      path,
      "the path of a file, since its checksum is given",
      "Add it, or leave both out",
    );
  }
  const bytes = reader.whole(unpackedBytes, "image.unpackedBytes", 1);
  return {
    ...(typeof path === "string" ? { path } : {}),
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
  /** Public host key or its fingerprint. */
  readonly hostKey: string;
}

/** @returns every mistake in it; none of the messages shows a secret. */
export function checkElementAddress(raw: unknown): readonly Problem[] {
  const reader = new Reader();
  const known = ["host", "port", "user", "privateKey", "passphrase", "agent", "hostKey"];
  const { host, port, user, privateKey, passphrase, agent, hostKey } = reader.fields(hidden(raw), "", known);
  if (typeof host !== "string" || (isIP(host) === 0 && !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host)))
    reader.wrong("host", host, "an address or a host name", "Write e.g. 10.0.0.11");
  const number = reader.whole(port, "port", 1, 22);
  if (number > 65_535) reader.wrong("port", port, "a port up to 65535", "Leave it out for 22");
  reader.text(user, "access.user", "the name to log in with", "issu");
  for (const [name, value] of Object.entries({ privateKey, passphrase, agent })) {
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
