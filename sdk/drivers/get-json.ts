/**
 * One GET of JSON from a monitoring system: bounded in time and size, certificates verified, redirects not followed, since
 * they would take the token to somebody that nobody named.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { SourceError } from "../contract/monitoring";
import type { ResolvedMonitor } from "../policy/gate-policy";

/** A gate that waits longer for an answer has no data. */
const TIMEOUT_MS = 5_000;
const LARGEST = 8 * 1024 * 1024;

export interface Answer {
  readonly status: number;
  /** Undefined if it was no JSON. */
  readonly body: unknown;
}

export class JsonClient {
  /** Host and port, for messages. */
  readonly host: string;
  private readonly base: URL;
  private readonly headers: { readonly [name: string]: string };
  private readonly agent: http.Agent;

  constructor({ url, token, ca, headers = {} }: ResolvedMonitor) {
    this.base = new URL(url.replace(/\/*$/, "/"));
    this.host = this.base.host;
    this.headers = {
      accept: "application/json",
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    const options = { keepAlive: true, maxSockets: 4, ...(ca === undefined ? {} : { ca }) };
    this.agent = this.base.protocol === "https:" ? new https.Agent(options) : new http.Agent(options);
  }

  /**
   * @param path below the server's address, without a slash in front.
   * @throws SourceError `UNREACHABLE`, `UNAUTHORIZED`, `BAD_ANSWER` for redirects and answers that are too large
   */
  async get(path: string, query: URLSearchParams, signal?: AbortSignal): Promise<Answer> {
    const url = new URL(path, this.base);
    url.search = query.toString();
    const limit = AbortSignal.timeout(TIMEOUT_MS);
    let answer: { readonly status: number; readonly text: string };
    try {
      answer = await this.ask(url, signal ? AbortSignal.any([signal, limit]) : limit);
    } catch (error) {
      if (error instanceof SourceError) throw error;
      const why = limit.aborted ? `did not answer within ${TIMEOUT_MS / 1000} s` : reasonOf(error as Error);
      throw new SourceError("UNREACHABLE", `${this.host} ${why}`);
    }
    const { status, text } = answer;
    if (status === 401 || status === 403) {
      throw new SourceError("UNAUTHORIZED", `${this.host} refuses who asks (HTTP ${status})`);
    }
    if (status >= 300 && status < 400) {
      throw new SourceError("BAD_ANSWER", `${this.host} sends on to another address (HTTP ${status})`);
    }
    return { status, body: parsed(text) };
  }

  private ask(url: URL, signal: AbortSignal): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const send = url.protocol === "https:" ? https.get : http.get;
      const request = send(url, { agent: this.agent, headers: this.headers, signal }, (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          size += chunk.length;
          if (size > LARGEST) {
            request.destroy(
              new SourceError("BAD_ANSWER", `${this.host} answers with more than ${LARGEST >> 20} MB`),
            );
          }
        });
        response.once("end", () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
        );
        response.once("error", reject);
      });
      request.once("error", reject);
    });
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reasonOf(error: Error): string {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return "can't be reached";
  return /CERT|SIGNATURE|SELF_SIGNED|TLS/.test(code)
    ? `shows a certificate that is not trusted (${code})`
    : `can't be reached (${code})`;
}
