/**
 * One check of the user's own: a request, and what its answer must be (GRY-07, ESC-17). Certificates are verified; what is
 * sent goes to the host that was named and to nobody else. No message has an address, a header or a body in it.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { TargetError } from "../contract/target";
import { CHECK_PAUSE_MS } from "../plan/check-step";
import type { HttpCheck } from "../policy/check-policy";

export interface CheckRun {
  readonly signal: AbortSignal;
  /** Instant (ms since 1970) at which it is given up. */
  readonly deadline: number;
  readonly progress: (line: string) => void;
  /** Sent along unless the check has headers of these names. */
  readonly headers: { readonly [name: string]: string };
}

/** Longer answers are cut before they are looked into. */
const MOST_BYTES = 1024 * 1024;
const MOST_REDIRECTS = 5;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * @returns how it was answered, in words.
 * @throws TargetError `CHECK_FAILED` with what was wrong with the last answer; the signal's reason if that is aborted.
 */
export async function httpCheck(check: HttpCheck, run: CheckRun): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    run.signal.throwIfAborted();
    const of = check.attempts > 1 ? `attempt ${attempt} of ${check.attempts}` : "";
    if (of) run.progress(`check ${check.name}: ${of}`);
    const startedAt = performance.now();
    const left = run.deadline - Date.now();
    const { status, wrong } = await answerTo(check, run, Math.min(check.withinMs, left)).catch(
      (error): Answer => {
        run.signal.throwIfAborted();
        return { status: 0, wrong: unanswered(check, error as NodeJS.ErrnoException) };
      },
    );
    if (wrong === undefined)
      return `answered ${status} in ${Math.round(performance.now() - startedAt)} ms${of ? `, ${of}` : ""}`;
    if (attempt >= check.attempts || Date.now() + CHECK_PAUSE_MS >= run.deadline) {
      throw new TargetError(
        "CHECK_FAILED",
        `check ${check.name} failed: ${wrong}; expected ${check.expects}${of ? ` (${of})` : ""}. Mend what it asks, or the check (upgrade.dialTest.checks)`,
      );
    }
    run.progress(`check ${check.name}: ${wrong}; asking again`);
    await delay(CHECK_PAUSE_MS, undefined, { signal: run.signal }).catch(() => run.signal.throwIfAborted());
  }
}

interface Answer {
  /** 0 without an answer. */
  readonly status: number;
  readonly wrong?: string;
}

interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly body: string | undefined;
}

/** Asks once, and whom it is led on to at the same place. */
async function answerTo(check: HttpCheck, run: CheckRun, withinMs: number): Promise<Answer> {
  const limit = AbortSignal.timeout(Math.max(1, withinMs));
  const signal = AbortSignal.any([run.signal, limit]);
  let asked: Asked = { method: check.method, url: new URL(check.url), body: check.body };
  for (let hops = 0; ; hops++) {
    const { status, location, text } = await send(check, asked, { ...check.headers }, run.headers, signal);
    const expected = check.statuses ? check.statuses.includes(status) : status >= 200 && status <= 299;
    if (expected) return { status, ...judged(check, status, text) };
    if (!REDIRECTS.includes(status) || location === undefined)
      return { status, wrong: `it answered ${status}` };
    const next = URL.canParse(location, asked.url.href) ? new URL(location, asked.url) : undefined;
    // Followed, it would take headers and body to somebody that nobody named.
    if (next?.origin !== asked.url.origin)
      return {
        status,
        wrong: `it answered ${status} and sends on to ${next ? `${next.protocol}//${next.host}` : "nowhere"}, which is not followed`,
      };
    if (hops >= MOST_REDIRECTS) return { status, wrong: `it sends on more than ${MOST_REDIRECTS} times` };
    asked = redirected(asked, status, next);
  }
}

/** As browsers do (RFC 9110, 15.4): after 303, and a POST after 301 or 302, it is a GET. */
function redirected({ method, body }: Asked, status: number, url: URL): Asked {
  const turns = method !== "HEAD" && (status === 303 || (status <= 302 && method === "POST"));
  return turns ? { method: "GET", url, body: undefined } : { method, url, body };
}

function judged({ contains, matches }: HttpCheck, status: number, text: string): { readonly wrong?: string } {
  const cut = text.length >= MOST_BYTES ? ` within the first ${MOST_BYTES} characters` : "";
  if (contains !== undefined && !text.includes(contains))
    return { wrong: `it answered ${status} without the text expected${cut}` };
  if (matches !== undefined && !new RegExp(matches, "u").test(text))
    return { wrong: `it answered ${status} with what does not match${cut}` };
  return {};
}

function send(
  check: HttpCheck,
  { method, url, body }: Asked,
  own: { [name: string]: string },
  more: { readonly [name: string]: string },
  signal: AbortSignal,
): Promise<{ status: number; location: string | undefined; text: string }> {
  const named = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const headers = Object.fromEntries([
    ...Object.entries({ ...more, "accept-encoding": "identity" }).filter(([name]) => !named.has(name)),
    // What described the body goes with it.
    ...Object.entries(own).filter(([name]) => body !== undefined || !/^content-/i.test(name)),
  ]);
  const options = {
    method,
    headers: body === undefined ? headers : { ...headers, "content-length": Buffer.byteLength(body) },
    signal,
    agent: false as const,
    ...(check.ca === undefined ? {} : { ca: check.ca }),
    rejectUnauthorized: true,
  };
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:" ? https.request(url, options) : http.request(url, options);
    request.once("error", reject);
    request.once("response", (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const { statusCode: status = 0, headers: of } = response;
      const end = () => {
        const text = Buffer.concat(chunks).toString("utf8").slice(0, MOST_BYTES);
        resolve({ status, location: of.location, text });
        response.destroy();
      };
      response.once("error", reject);
      response.once("end", end);
      response.once("aborted", () => reject(Object.assign(new Error("cut off"), { code: "ECONNRESET" })));
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= MOST_BYTES) end();
      });
    });
    request.end(body);
  });
}

/** Without what the error says beyond its code: it may quote the address. */
function unanswered({ withinMs }: HttpCheck, { name, code = "" }: NodeJS.ErrnoException): string {
  if (name === "TimeoutError" || name === "AbortError") return `no answer within ${withinMs / 1000} s`;
  if (/CERT|SELF_SIGNED|UNABLE_TO_/.test(code))
    return `its certificate can't be verified (${code}): give its authority's as ca, or mend it`;
  return `it can't be reached${code ? ` (${code})` : ""}`;
}
