/**
 * Checks what a program declares of a chassis: release and image, and how its nodes are reached.
 *
 * @module
 */
import { isIP } from "node:net";
import type { ChassisSpec, ImageSpec } from "./chassis-spec";
import { parseJunosRelease } from "./junos-release";
import type { Problem } from "./problem";
import { Reader } from "./reader";

/** @returns every mistake; the spec only if there is none. */
export function checkChassis(raw: unknown): {
  readonly problems: readonly Problem[];
  readonly chassis?: ChassisSpec;
} {
  const reader = new Reader();
  const given = reader.fields(raw, "", ["name", "namespace", "version", "release", "image"]);
  const name = readName(reader, given.name);
  const { version } = given;
  if (typeof version !== "string" || !parseJunosRelease(version)) {
    reader.wrong(
      "version",
      version,
      "a Junos OS release like 12.1X46-D10 or 21.4R3-S5",
      "Write it as show version does, with or without its build (the number behind the last point)",
    );
  }
  const image = readImage(reader, given.image);
  if (reader.problems.length > 0 || !image || name === undefined) return { problems: reader.problems };
  return {
    problems: [],
    chassis: { name, version: version as string, release: version as string, image },
  };
}

function readName(reader: Reader, raw: unknown): string | undefined {
  if (typeof raw === "string" && /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/i.test(raw)) return raw;
  return reader.wrong(
    "name",
    raw,
    "letters, digits, points and dashes, at most 63",
    "The component's own name is the chassis' name; write e.g. edge-1",
  );
}

function readImage(reader: Reader, raw: unknown): ImageSpec | undefined {
  const given = reader.fields(raw, "image", ["path", "sha256", "bytes", "fetched"]);
  const before = reader.problems.length;
  if (raw === undefined)
    reader.wrong("image", raw, "an image", `Write { path: "/var/tmp/junos-….tgz", sha256: "…" }`);
  else {
    // The path goes into commands of the device, so nothing may stand in it that means something there.
    if (typeof given.path !== "string" || !/^\/[\w.+/-]+$/.test(given.path) || given.path.includes("..")) {
      reader.wrong(
        "image.path",
        given.path,
        "an absolute path on the device, of letters, digits and . _ - + /",
        "Write e.g. /var/tmp/junos-srx5000-21.4R3-S5.tgz",
      );
    }
    if (typeof given.sha256 !== "string" || !/^[0-9a-f]{64}$/i.test(given.sha256)) {
      reader.wrong(
        "image.sha256",
        given.sha256,
        "the image's SHA-256, 64 hex digits",
        "Take it from the vendor's download page; sha256sum computes it of a file",
      );
    }
  }
  const bytes = reader.whole(given.bytes, "image.bytes", 1);
  if (reader.problems.length > before) return undefined;
  return {
    path: given.path as string,
    sha256: (given.sha256 as string).toLowerCase(),
    fetched: given.fetched === true,
    ...(bytes === undefined ? {} : { bytes }),
  };
}

/** How a chassis is reached, as a program says it. Holds secrets. */
export interface ChassisAddress {
  readonly nodes: readonly {
    readonly host: string;
    readonly port?: number;
    readonly hostKey?: string;
  }[];
  readonly access: {
    readonly user: string;
    readonly password?: string;
    readonly privateKey?: string;
    readonly passphrase?: string;
    readonly agent?: string;
    readonly knownHosts?: string;
    readonly hostKeys?: "pinned" | "trust-on-first-use";
    readonly connectMs?: number;
    readonly answerMs?: number;
    readonly protocol?: "cli" | "netconf";
  };
  /** From where the device fetches the image. */
  readonly imageUrl?: string;
}

/** @returns every mistake in it; none of the messages shows a secret. */
export function checkChassisAddress(raw: unknown): readonly Problem[] {
  const reader = new Reader();
  const given = reader.fields(raw, "", ["nodes", "access", "imageUrl"]);
  const access = reader.fields(withoutValues(given.access), "access", [
    "user",
    "password",
    "privateKey",
    "passphrase",
    "agent",
    "knownHosts",
    "hostKeys",
    "connectMs",
    "answerMs",
    "protocol",
  ]);
  reader.text(access.user, "access.user", "the name to log in with", "issu");
  for (const name of ["password", "privateKey", "passphrase", "agent", "knownHosts"] as const) {
    if (access[name] === undefined || typeof access[name] === "string") continue;
    reader.wrong(
      `access.${name}`,
      access[name],
      "text",
      "Write it as text, as a secret of the stack's config",
    );
  }
  if ([access.password, access.privateKey, access.agent].every((one) => one === undefined || one === "")) {
    reader.wrong(
      "access",
      undefined,
      "one of password, privateKey, agent",
      "Give one, as a secret of the stack's config",
    );
  }
  reader.oneOf(access.protocol, "access.protocol", ["cli", "netconf"], "cli");
  const first = reader.oneOf(access.hostKeys, "access.hostKeys", ["pinned", "trust-on-first-use"], "pinned");
  readNodes(reader, given.nodes, first === "pinned" && !access.knownHosts);
  if (
    given.imageUrl !== undefined &&
    (typeof given.imageUrl !== "string" || !/^(?:https?|ftp|scp|file):\/\/[^\s"'|;<>]+$/.test(given.imageUrl))
  ) {
    reader.wrong(
      "image.url",
      typeof given.imageUrl === "string" ? "something else" : given.imageUrl,
      "a URL that the device can fetch, http, https, ftp or scp, without blanks and quotes",
      "Write e.g. https://images.example.net/junos-srx5000-21.4R3-S5.tgz",
    );
  }
  return reader.problems;
}

/** A password under a misspelt name must not be shown either. */
const PUBLIC = ["user", "hostKeys", "connectMs", "answerMs", "protocol"];

function withoutValues(access: unknown): unknown {
  if (typeof access !== "object" || access === null || Array.isArray(access))
    return access && "something else";
  return Object.fromEntries(
    Object.entries(access).map(([name, value]) => {
      if (PUBLIC.includes(name) || value === undefined || value === "") return [name, value];
      return [name, typeof value === "string" ? "(not shown)" : null];
    }),
  );
}

function readNodes(reader: Reader, raw: unknown, pinned: boolean): void {
  const nodes = reader.list(raw, "nodes", "the two nodes, node 0 first");
  if (Array.isArray(raw) && nodes.length !== 2 && nodes.length !== 1)
    reader.wrong(
      "nodes",
      nodes.length,
      "two nodes, node 0 first, or the one of a device with one routing engine",
      "Name the management address of each",
    );
  const seen = new Set<string>();
  for (const [i, one] of nodes.entries()) {
    const path = `nodes[${i}]`;
    const { host, port, hostKey } = reader.fields(one, path, ["host", "port", "hostKey"]);
    const known =
      typeof host === "string" && (isIP(host) !== 0 || /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(host));
    if (!known) reader.wrong(`${path}.host`, host, "an address or a host name", "Write e.g. 10.0.0.11");
    const number = reader.whole(port, `${path}.port`, 1, 22);
    if (number > 65_535) reader.wrong(`${path}.port`, port, "a port up to 65535", "Leave it out for 22");
    const at = `${String(host)}:${number}`;
    if (known && seen.has(at))
      reader.wrong(path, at, "another address than the other node's", "Each node has its own (fxp0)");
    seen.add(at);
    if (hostKey !== undefined) checkPin(reader, hostKey, `${path}.hostKey`);
    else if (pinned)
      reader.wrong(
        `${path}.hostKey`,
        hostKey,
        "the node's public host key, or its SHA256 fingerprint",
        `ssh-keyscan prints the key, to be compared with the console; or give access.knownHosts, or say access.hostKeys: "trust-on-first-use"`,
      );
  }
}

function checkPin(reader: Reader, raw: unknown, path: string): void {
  if (
    typeof raw === "string" &&
    (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(raw.trim()) ||
      /^(?:ssh|ecdsa|sk)-[\w@.-]+ [A-Za-z0-9+/]{40,}={0,2}(?:\s.*)?$/.test(raw.trim()))
  )
    return;
  reader.wrong(
    path,
    raw,
    `a public key like "ssh-ed25519 AAAA…" or a fingerprint like "SHA256:…"`,
    "ssh-keyscan prints the one, ssh-keygen -lf the other",
  );
}
