/**
 * A network function's `SubscriberSplit` as it stands.
 *
 * @module
 */
import type { SubscriberSplit } from "../../contract/subscriber-split";
import type { Query } from "./api";
import type { KubernetesConnection } from "./connection";
import { isNotFound } from "./errors";
import { paths } from "./objects";
import { retrying } from "./retry";

export type Read = <T>(path: string, query?: Query) => Promise<T>;

const PATIENCE_MS = 3_000;

/**
 * @returns undefined where there is none, or its definition isn't installed.
 * @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `ABORTED`
 */
export function readSplit(
  { api }: KubernetesConnection,
  cnf: { readonly name: string; readonly namespace: string },
  signal?: AbortSignal,
): Promise<SubscriberSplit | undefined> {
  const limits = { signal, deadline: Date.now() + PATIENCE_MS };
  return splitOf(cnf, (path, query) =>
    retrying(limits, "reading the split", () => api.get(path, query, signal)),
  );
}

/** As `readSplit`, by a reader with limits of its own. */
export async function splitOf(
  { name, namespace }: { readonly name: string; readonly namespace: string },
  read: Read,
): Promise<SubscriberSplit | undefined> {
  try {
    return await read<SubscriberSplit>(paths.splits(namespace, name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
