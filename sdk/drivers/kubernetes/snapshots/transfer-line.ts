/**
 * The line over which records pass: one request of HTTP, streamed, with a bearer token. Over TLS, except on this machine: what
 * passes are subscribers' records, and the token.
 *
 * @module
 */
import * as http from "node:http";
import * as https from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { SavedPart } from "../../../contract/snapshot-parts";
import { TargetError } from "../../../contract/target";
import { isLoopback } from "../../../policy/resolve-alarms";

/** The other side is given up when nothing has passed for so long. */
const IDLE_MS = 30_000;

/** @param object whose address it is, for messages. @throws TargetError `TRANSFER_FAILED`, `TRANSFER_UNSAFE` */
export async function* fetched(
  url: string,
  token: string,
  object: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { request, answered } = open("GET", url, { Authorization: `Bearer ${token}` }, object, signal);
  request.end();
  try {
    const response = await answered;
    if (response.statusCode !== 200) throw new Error(`it answered ${response.statusCode}`);
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    throw failed(object, "fetched", error, signal);
  } finally {
    request.destroy();
  }
}

/** @throws as `fetched` */
export async function sent(
  url: string,
  token: string,
  object: string,
  part: SavedPart,
  signal: AbortSignal,
): Promise<void> {
  const headers = {
    Authorization: `Bearer ${token}`,
    "Content-Type": part.mediaType,
    "Content-Length": String(part.bytes),
  };
  const { request, answered } = open("PUT", url, headers, object, signal);
  try {
    // What keeps us from reading is not the line's fault, and is told as it is.
    let unread: unknown;
    const source = async function* () {
      try {
        yield* part.open();
      } catch (error) {
        unread = error;
        throw error;
      }
    };
    const [written, response] = await Promise.allSettled([
      pipeline(Readable.from(source(), { objectMode: false }), request),
      answered,
    ]);
    if (unread !== undefined) throw unread;
    if (response.status === "rejected") throw failed(object, "sent", response.reason, signal);
    response.value.resume();
    const { statusCode = 0 } = response.value;
    if (statusCode < 200 || statusCode > 299)
      throw failed(object, "sent", new Error(`it answered ${statusCode}`), signal);
    if (written.status === "rejected") throw failed(object, "sent", written.reason, signal);
  } finally {
    request.destroy();
  }
}

function open(
  method: string,
  text: string,
  headers: http.OutgoingHttpHeaders,
  object: string,
  signal: AbortSignal,
) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol)) {
    throw new TargetError(
      "TRANSFER_FAILED",
      `${object} names the address ${JSON.stringify(text)}, expected one that begins with https://.`,
    );
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw new TargetError(
      "TRANSFER_UNSAFE",
      `${object} wants records over plain http to ${url.host}, where others could read them. Expected https, which is left out only on this machine itself (docs/contract.md).`,
    );
  }
  const request = (url.protocol === "https:" ? https : http).request(url, { method, headers, signal });
  request.setTimeout(IDLE_MS, () => request.destroy(new Error(`nothing passed for ${IDLE_MS / 1000} s`)));
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
    request.once("close", () => reject(new Error("the line was closed")));
  });
  // Looked at later, or not at all.
  answered.catch(() => undefined);
  return { request, answered };
}

function failed(object: string, what: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof TargetError) return error;
  return new TargetError(
    "TRANSFER_FAILED",
    `the records of ${object} could not be ${what}: ${(error as Error).message}. Run again.`,
    {
      cause: error,
    },
  );
}
