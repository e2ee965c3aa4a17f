/**
 * Checks what a user says of checks of their own. No message repeats an address, a header or a body.
 *
 * @module
 */
import { validateHeaderName, validateHeaderValue } from "node:http";
import type { HttpCheck, PlannedCheck } from "./check-policy";
import { type Fields, join, type Reader, show } from "./reader";
import { HIDDEN, isLoopback, isOutput, parse } from "./resolve-alarms";

export const checkDefaults = { within: "10s", attempts: 1 } as const;

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;
const KNOWN = ["name", "url", "method", "headers", "body", "expect", "within", "attempts", "ca"] as const;

/** @returns of each what is planned, and what a run needs, as far as it is known yet. */
export function readChecks(
  reader: Reader,
  raw: unknown,
  path: string,
): { readonly planned: readonly PlannedCheck[]; readonly checks: readonly HttpCheck[] } {
  const planned: PlannedCheck[] = [];
  const checks: HttpCheck[] = [];
  if (raw === undefined) return { planned, checks };
  // A value that is no list could be anything, a secret too.
  const list = Array.isArray(raw)
    ? raw
    : (hidden(reader, raw, path, "a list of checks", "Write [ ... ]") ?? []);
  const seen = new Map<string, number>();
  for (const [i, one] of list.entries()) {
    const here = `${path}[${i}]`;
    if (typeof one !== "object" || one === null) {
      hidden(reader, one, here, "a check", `Write e.g. { name: "data-service", url: "https://…" }`);
      continue;
    }
    const check = readCheck(reader, one, here, seen, i);
    if (!check) continue;
    planned.push(check.planned);
    if (check.whole) checks.push(check.whole);
  }
  return { planned, checks };
}

function readCheck(
  reader: Reader,
  raw: object,
  path: string,
  seen: Map<string, number>,
  index: number,
): { readonly planned: PlannedCheck; readonly whole?: HttpCheck } | undefined {
  const at = (name: string) => join(path, name);
  refuseUnknown(reader, raw, path);
  const given = raw as Fields;
  const name = readName(reader, given.name, at("name"), seen, index);
  const method = reader.oneOf(given.method, at("method"), METHODS, given.body === undefined ? "GET" : "POST");
  const sends = given.headers !== undefined || given.body !== undefined;
  const url = readUrl(reader, given.url, at("url"), sends);
  const headers = readHeaders(reader, given.headers, at("headers"));
  const body = readBody(reader, given.body, at("body"), method);
  const expect = readExpectation(reader, given.expect, at("expect"));
  const withinMs = reader.duration(given.within, at("within"), checkDefaults.within);
  const attempts = reader.whole(given.attempts, at("attempts"), 1, checkDefaults.attempts);
  const ca = readCa(reader, given.ca, at("ca"));
  if (name === undefined) return undefined;
  const planned = { name, method, expects: expectsText(expect), withinMs, attempts };
  if (url === undefined || headers === undefined) return { planned };
  return {
    planned,
    whole: {
      ...planned,
      url,
      headers,
      ...(body === undefined ? {} : { body }),
      ...expect,
      ...(ca === undefined ? {} : { ca }),
    },
  };
}

/** As `Reader.fields` does, without the value. */
function refuseUnknown(reader: Reader, raw: object, path: string): void {
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined || (KNOWN as readonly string[]).includes(name)) continue;
    hidden(
      reader,
      value,
      join(path, name),
      `one of ${KNOWN.join(", ")}: there is no property ${name}`,
      "Remove it",
    );
  }
}

function hidden(reader: Reader, given: unknown, path: string, expected: string, mend: string): undefined {
  const got = given === undefined || given === null || given === "" ? show(given) : HIDDEN;
  reader.problems.push({ path, message: `Got ${got}. Expected ${expected}. ${mend}.` });
  return undefined;
}

function readName(
  reader: Reader,
  raw: unknown,
  path: string,
  seen: Map<string, number>,
  index: number,
): string | undefined {
  if (typeof raw !== "string" || !/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(raw)) {
    const expected =
      "a DNS label: at most 63 lower-case letters, digits and dashes, a letter first and no dash last";
    return reader.wrong(path, raw, expected, 'Write e.g. "data-service"');
  }
  const first = seen.get(raw);
  if (first !== undefined)
    return reader.wrong(path, raw, `a name of its own: the check at [${first}] has it`, "Rename one of them");
  seen.set(raw, index);
  return raw;
}

/** @param sends something besides the address that must not be readable on the network. */
function readUrl(reader: Reader, raw: unknown, path: string, sends: boolean): string | undefined {
  if (isOutput(raw)) return undefined;
  const wrong = (expected: string, mend: string) => hidden(reader, raw, path, expected, mend);
  const url = typeof raw === "string" ? parse(raw) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.hostname === "")
    return wrong("an address that begins with https://", `Write e.g. "https://test.example/procedures"`);
  if (url.username !== "" || url.password !== "")
    return wrong(
      "an address without a name and a password in it",
      "Give the credential in headers, e.g. { authorization: … }",
    );
  if (url.protocol === "http:" && sends && !isLoopback(url.hostname))
    return wrong("https, since plain http would show headers and body to the network", "Write https://");
  return raw as string;
}

/** @returns undefined while one is not known yet. */
function readHeaders(reader: Reader, raw: unknown, path: string): { [name: string]: string } | undefined {
  if (raw === undefined) return {};
  if (isOutput(raw)) return undefined;
  if (typeof raw !== "object" || raw === null || Array.isArray(raw))
    return hidden(reader, raw, path, "headers by name", "Write { name: value }");
  let unknown = false;
  const headers = Object.entries(raw).flatMap(([name, value]): [string, string][] => {
    if (!passes(() => validateHeaderName(name)))
      reader.wrong(
        path,
        name,
        "the name of a header: letters, digits and dashes",
        'Write e.g. "authorization"',
      );
    else if (isOutput(value)) unknown = true;
    else if (typeof value === "string" && passes(() => validateHeaderValue(name, value)))
      return [[name, value]];
    else
      hidden(
        reader,
        value,
        `${path}[${JSON.stringify(name)}]`,
        "text of one line, ASCII or Latin-1",
        "Correct it, or leave it out",
      );
    return [];
  });
  return unknown ? undefined : Object.fromEntries(headers);
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

function readBody(reader: Reader, raw: unknown, path: string, method: string): string | undefined {
  if (raw === undefined || isOutput(raw)) return undefined;
  if (method === "GET" || method === "HEAD")
    return hidden(
      reader,
      raw,
      path,
      `nothing, since ${method} sends no body`,
      'Leave it out, or set method to "POST"',
    );
  return typeof raw === "string"
    ? raw
    : hidden(reader, raw, path, "text", "Write e.g. JSON.stringify({ … })");
}

interface Expectation {
  readonly statuses?: readonly number[];
  readonly contains?: string;
  readonly matches?: string;
}

function readExpectation(reader: Reader, raw: unknown, path: string): Expectation {
  const given = reader.fields(raw, path, ["status", "contains", "matches"]);
  const { status, contains, matches } = given;
  const list = status === undefined ? undefined : Array.isArray(status) ? status : [status];
  const good = list?.every((one) => Number.isInteger(one) && one >= 200 && one <= 599) && list.length > 0;
  if (list && !good)
    reader.wrong(
      join(path, "status"),
      status,
      "an HTTP status from 200 to 599, or a list of them",
      "Write e.g. 200",
    );
  const text = (name: "contains" | "matches") =>
    given[name] === undefined
      ? undefined
      : reader.text(given[name], join(path, name), "text that the answer must have in it", "passed");
  const part = contains === undefined ? undefined : text("contains");
  const pattern = matches === undefined ? undefined : text("matches");
  const valid = pattern === undefined || passes(() => void new RegExp(pattern, "u"));
  if (!valid)
    reader.wrong(
      join(path, "matches"),
      pattern,
      "a regular expression of JavaScript's",
      'Write e.g. "result: (ok|passed)"',
    );
  return {
    ...(list && good ? { statuses: list as number[] } : {}),
    ...(part === undefined ? {} : { contains: part }),
    ...(pattern === undefined || !valid ? {} : { matches: pattern }),
  };
}

const expectsText = ({ statuses, contains, matches }: Expectation): string =>
  [
    statuses ? statuses.join(" or ") : "200 to 299",
    ...(contains === undefined ? [] : [`${show(contains)} in the answer`]),
    ...(matches === undefined ? [] : [`an answer that matches ${show(matches)}`]),
  ].join(", ");

function readCa(reader: Reader, raw: unknown, path: string): string | undefined {
  if (raw === undefined) return undefined;
  if (typeof raw === "string" && /-----BEGIN CERTIFICATE-----/.test(raw)) return raw;
  return hidden(reader, raw, path, "certificates in PEM form", "Read them from their file");
}
