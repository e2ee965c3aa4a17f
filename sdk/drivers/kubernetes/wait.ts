/**
 * Waiting for a condition on watched collections.
 *
 * @module
 */
import { TargetError } from "../../contract/target";
import { checkAborted, type Limits } from "./retry";
import type { Watched } from "./watched";

/** Conditions may depend on time that has passed, so they are looked at this often also without a change. */
const LOOK_EVERY_MS = 250;

// biome-ignore lint/suspicious/noExplicitAny: collections of any kind
export type AnyWatched = Watched<any>;

/**
 * Waits until `check` returns something.
 *
 * @param what what is waited for, and what was last seen; for messages.
 * @param check called at every change, once every collection is there; what it throws ends the wait.
 * @throws TargetError `TIMEOUT`, `ABORTED`
 */
export async function waitUntil<T>(
  sources: readonly AnyWatched[],
  limits: Limits,
  what: () => string,
  check: () => T | undefined,
): Promise<T> {
  const off: (() => void)[] = [];
  try {
    return await new Promise<T>((resolve, reject) => {
      const look = () => {
        try {
          checkAborted(limits.signal, `waiting for ${what()}`);
          for (const source of sources) if (source.failure) throw source.failure;
          const found = sources.every((source) => source.synced) ? check() : undefined;
          if (found !== undefined) resolve(found);
          else if (Date.now() >= limits.deadline) throw timeOut(sources, what());
        } catch (error) {
          reject(error);
        }
      };
      for (const source of sources) off.push(source.onChange(look));
      const timer = setInterval(look, LOOK_EVERY_MS);
      off.push(() => clearInterval(timer));
      limits.signal?.addEventListener("abort", look);
      off.push(() => limits.signal?.removeEventListener("abort", look));
      look();
    });
  } finally {
    for (const end of off) end();
  }
}

function timeOut(sources: readonly AnyWatched[], what: string): TargetError {
  const trouble = sources.map((source) => source.trouble).find((text) => text !== undefined);
  const unseen = sources.every((source) => source.synced) ? "" : "; the cluster has not answered";
  return new TargetError(
    "TIMEOUT",
    `the time limit was reached while waiting for ${what}${unseen}${trouble ? `; ${trouble}` : ""}`,
  );
}

/** Reports a line when it differs from the last one. */
export function onceEach(progress: (line: string) => void): (line: string) => void {
  let last: string | undefined;
  return (line) => {
    if (line === last) return;
    last = line;
    progress(line);
  };
}
