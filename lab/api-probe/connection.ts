/**
 * One try of a call to the API.
 *
 * @module
 */
import { Agent, request } from "node:https";

export interface ApiTrust {
  /** PEM, all three. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A connection that stands; calls go by it one after the other. */
export const standingAgent = (trust: ApiTrust): Agent =>
  new Agent({ ...trust, keepAlive: true, maxSockets: 1 });

/**
 * @param by a connection that stands, or what a new one is opened with.
 * @throws {Error} if nothing answers within `withinMs`, or the connection breaks.
 */
export function ask(
  by: Agent | ApiTrust,
  url: string,
  { method = "GET", body, withinMs }: { method?: string; body?: object; withinMs: number },
): Promise<Answer> {
  const payload = body === undefined ? "" : JSON.stringify(body);
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        method,
        ...(by instanceof Agent ? { agent: by } : { agent: false, ...by }),
        headers: { "content-type": type, "content-length": Buffer.byteLength(payload) },
        signal: AbortSignal.timeout(withinMs),
      },
      async (answer) => {
        try {
          const chunks: Buffer[] = [];
          for await (const chunk of answer) chunks.push(chunk as Buffer);
          const text = Buffer.concat(chunks).toString("utf8");
          resolve({ status: answer.statusCode ?? 0, body: text === "" ? undefined : JSON.parse(text) });
        } catch (error) {
          reject(error as Error);
        }
      },
    );
    asked.once("error", reject);
    asked.end(payload);
  });
}
