/**
 * A watch that stands: it goes on from where it ended, and begins anew with a list only when it is told to.
 *
 * @module
 */
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { ApiTrust } from "./connection.ts";
import { ask } from "./connection.ts";
import type { ProbeRecorder } from "./figures.ts";

interface Watched {
  readonly metadata: { readonly resourceVersion: string };
  readonly data?: Readonly<Record<string, string>>;
}

interface WatchEvent {
  readonly type: string;
  readonly object: Watched & { readonly code?: number };
}

const AGAIN_MS = 100;
/**
 * One that says nothing for so long, though there is a write four times a second, is as good as broken: other clients find that out by
 * asking the other end whether it is there.
 */
const SILENT_MS = 15_000;

/** Watches the number that is counted up in a ConfigMap; returns when the signal is aborted. */
export async function keepWatching(
  trust: ApiTrust,
  collection: string,
  name: string,
  recorder: ProbeRecorder,
  signal: AbortSignal,
): Promise<void> {
  let from: string | undefined;
  let seen: number | undefined;
  let first = true;
  const take = ({ metadata, data }: Watched): void => {
    from = metadata.resourceVersion;
    // A bookmark says how far the watch is, and nothing else.
    if (data === undefined) return;
    const count = Number(data.count);
    if (seen !== undefined && count > seen + 1) recorder.watchTrouble("missed", count - seen - 1);
    if (seen !== undefined && count > seen) recorder.event();
    seen = Math.max(seen ?? 0, count);
  };
  while (!signal.aborted) {
    try {
      if (from === undefined) {
        const { status, body } = await ask(trust, `${collection}/${name}`, { withinMs: 2_000 });
        if (status !== 200) throw new Error(`HTTP ${status}`);
        if (!first) recorder.watchTrouble("relists");
        take(body as Watched);
      }
      first = false;
      const ended = await watchOnce(trust, watchUrl(collection, name, from ?? ""), take, signal);
      if (signal.aborted) return;
      recorder.watchTrouble("breaks");
      if (ended === "expired") from = undefined;
    } catch {
      // The calls count what is refused; a watch is only begun again.
    }
    await delay(AGAIN_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

const watchUrl = (collection: string, name: string, from: string): string =>
  `${collection}?watch=1&fieldSelector=metadata.name%3D${name}&resourceVersion=${from}&allowWatchBookmarks=true`;

/** @throws {Error} if no watch comes about. */
function watchOnce(
  trust: ApiTrust,
  url: string,
  take: (object: Watched) => void,
  signal: AbortSignal,
): Promise<"ended" | "expired"> {
  const agent = new Agent({ ...trust });
  return new Promise<"ended" | "expired">((resolve, reject) => {
    const asked = request(url, { agent, signal, timeout: SILENT_MS }, (answer) => {
      if (answer.statusCode === 410) return resolve("expired");
      if (answer.statusCode !== 200) return reject(new Error(`HTTP ${answer.statusCode}`));
      let expired = false;
      const lines = createInterface({ input: answer });
      lines.on("line", (line) => {
        const { type, object } = JSON.parse(line) as WatchEvent;
        if (type === "ERROR") expired ||= object.code === 410;
        else take(object);
      });
      // Broken or ended, it is begun again.
      for (const stream of [lines, answer]) stream.on("error", () => resolve("ended"));
      answer.once("close", () => resolve(expired ? "expired" : "ended"));
    });
    asked.once("timeout", () => asked.destroy(new Error("it says nothing")));
    asked.once("error", reject);
    asked.end();
  }).finally(() => agent.destroy());
}
