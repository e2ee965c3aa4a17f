/**
 * Questions to the control plane while it starts, before a client library is of use.
 *
 * @module
 */
import { request } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import type { Identity } from "./pki.ts";

export interface Trust {
  readonly ca: string;
  readonly identity?: Pick<Identity, "cert" | "key">;
}

/** @returns the status code of a GET. @throws if nothing answers within 2 s. */
export async function probe(url: string, trust: Trust, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = request(
      url,
      {
        ca: trust.ca,
        ...(trust.identity ? { cert: trust.identity.cert, key: trust.identity.key } : {}),
        agent: false,
        timeout: 2_000,
        signal,
      },
      (res) => {
        res.resume();
        res.once("end", () => resolve(res.statusCode ?? 0));
        res.once("error", reject);
      },
    );
    req.once("timeout", () => req.destroy(new Error(`${url} did not answer within 2 s`)));
    req.once("error", reject);
    req.end();
  });
}

/** Waits until a GET is answered with 200. @throws the reason of the signal when that is aborted first. */
export async function untilServing(url: string, trust: Trust, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    try {
      if ((await probe(url, trust, signal)) === 200) return;
    } catch {
      signal.throwIfAborted();
    }
    await delay(50, undefined, { signal });
  }
}
