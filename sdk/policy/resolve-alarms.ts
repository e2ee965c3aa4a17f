/**
 * Checks what a user says of alarms and of the callback. Values may be outputs while the program runs; the provider sees
 * them as they are. No message repeats a secret.
 *
 * @module
 */
import { isIP } from "node:net";
import type { ResolvedAlarms, ResolvedCallback, ResolvedEndpoint, ResolvedPeers } from "./alarm-policy";
import { join, type Reader } from "./reader";

export const alarmDefaults = { overExpected: 1.5, heldFor: "168h", listen: "127.0.0.1:0" } as const;

/** Shown in place of a secret. */
export const HIDDEN = "a value that is kept secret";

export function readAlarms(
  reader: Reader,
  raw: unknown,
  path: string,
): { readonly alarms: ResolvedAlarms; readonly peers: ResolvedPeers } {
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, ["overExpected", "heldFor", "webhook", "alertmanager", "link"]);
  const webhook = readEndpoint(reader, given.webhook, at("webhook"));
  const alertmanager = readEndpoint(reader, given.alertmanager, at("alertmanager"));
  const link = readLink(reader, given.link, at("link"));
  return {
    alarms: {
      overExpected: readFactor(reader, given.overExpected, at("overExpected")),
      heldForMs: reader.duration(given.heldFor, at("heldFor"), alarmDefaults.heldFor),
    },
    peers: {
      ...(webhook ? { webhook } : {}),
      ...(alertmanager ? { alertmanager } : {}),
      ...(link === undefined ? {} : { link }),
    },
  };
}

function readFactor(reader: Reader, raw: unknown, path: string): number {
  if (raw === undefined) return alarmDefaults.overExpected;
  if (typeof raw === "number" && raw >= 1 && raw <= 100) return raw;
  reader.wrong(path, raw, "a number from 1 to 100, times the expected time", "Write e.g. 1.5");
  return alarmDefaults.overExpected;
}

function readEndpoint(reader: Reader, raw: unknown, path: string): ResolvedEndpoint | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, path, ["url", "token"]);
  const token = readSecret(reader, given.token, join(path, "token"), "a token");
  if (isOutput(given.url)) return undefined;
  const url = readUrl(reader, given.url, join(path, "url"), true);
  return url === undefined ? undefined : { url, ...(token === undefined ? {} : { token }) };
}

function readLink(reader: Reader, raw: unknown, path: string): string | undefined {
  if (raw === undefined || isOutput(raw)) return undefined;
  const url = typeof raw === "string" ? parse(raw) : undefined;
  if (url && ["http:", "https:"].includes(url.protocol)) return raw as string;
  return reader.wrong(path, raw, "the address of a page", `Write e.g. "https://ci.example/runs/42"`);
}

/** @param secret whether the address itself must not be shown. */
function readUrl(reader: Reader, raw: unknown, path: string, secret: boolean): string | undefined {
  const wrong = (expected: string, mend: string): undefined => {
    if (!secret || typeof raw !== "string") return reader.wrong(path, raw, expected, mend);
    reader.problems.push({ path, message: `Got ${HIDDEN}. Expected ${expected}. ${mend}.` });
    return undefined;
  };
  const url = typeof raw === "string" ? parse(raw) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    return wrong("an address that begins with https://", `Write e.g. "https://alerts.example:9093"`);
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return wrong("https, since plain http would show alarms and token to the network", "Write https://");
  }
  if (url.username !== "" || url.password !== "") {
    return wrong("an address without a name and a password in it", "Give the credential as token");
  }
  return raw as string;
}

export function readCallback(reader: Reader, raw: unknown, path: string): ResolvedCallback | undefined {
  if (raw === undefined) return undefined;
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, ["listen", "url", "tls"]);
  const tls = readTls(reader, given.tls, at("tls"));
  const listen = readListen(reader, given.listen ?? alarmDefaults.listen, at("listen"));
  if (listen && !isLoopback(listen.host) && given.tls === undefined) {
    reader.wrong(
      at("listen"),
      given.listen,
      "an address of this machine alone, or tls: over a network the token must not be readable",
      "Add tls: { cert, key }, or listen on 127.0.0.1",
    );
  }
  const url = given.url === undefined ? undefined : readUrl(reader, given.url, at("url"), false);
  if (!listen) return undefined;
  return { ...listen, ...(url === undefined ? {} : { url }), ...(tls ? { tls } : {}) };
}

function readListen(
  reader: Reader,
  raw: unknown,
  path: string,
): { readonly host: string; readonly port: number } | undefined {
  const match =
    typeof raw === "string" ? /^(?:\[([0-9a-f:]+)\]|([0-9.]+|localhost)):(\d{1,5})$/i.exec(raw) : null;
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  if (match && (host === "localhost" || isIP(host) !== 0) && port <= 65_535) return { host, port };
  return reader.wrong(
    path,
    raw,
    "an IP address with a port, 0 for any that is free",
    `Write e.g. "127.0.0.1:0", "[::1]:9443" or "192.0.2.10:9443"`,
  );
}

function readTls(reader: Reader, raw: unknown, path: string): ResolvedCallback["tls"] {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, path, ["cert", "key"]);
  const pem = (name: "cert" | "key", header: RegExp): string | undefined => {
    const value = given[name];
    if (isOutput(value)) return undefined;
    if (typeof value === "string" && header.test(value)) return value;
    const got = value === undefined ? "nothing" : HIDDEN;
    const message = `Got ${got}. Expected the ${name === "cert" ? "certificate chain" : "private key"} in PEM form. Read it from its file or from a secret of the stack's config.`;
    reader.problems.push({ path: join(path, name), message });
    return undefined;
  };
  const cert = pem("cert", /-----BEGIN CERTIFICATE-----/);
  const key = pem("key", /-----BEGIN [A-Z ]*PRIVATE KEY-----/);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

export function readSecret(reader: Reader, raw: unknown, path: string, what: string): string | undefined {
  if (raw === undefined || isOutput(raw)) return undefined;
  if (typeof raw === "string" && /^[\x21-\x7e]+$/.test(raw)) return raw;
  const got = raw === "" ? '""' : HIDDEN;
  reader.problems.push({
    path,
    message: `Got ${got}. Expected ${what}: printable ASCII without spaces. Take it from a secret of the stack's config, or leave it out.`,
  });
  return undefined;
}

/** A value that the program does not know yet; the provider gets it as it is, and checks it then. */
export function isOutput(value: unknown): boolean {
  return typeof value === "object" && value !== null && "__pulumiOutput" in value;
}

export function parse(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

/** @param host as in a URL, an IPv6 address with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || (isIP(bare) === 4 && bare.startsWith("127."));
}
