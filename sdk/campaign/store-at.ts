/**
 * Chooses the store by URL, as Pulumi chooses its backends.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { RequestBook } from "../contract/requests";
import type { Store } from "../contract/store";
import { FileRequests } from "./file-requests";
import { FileStore } from "./file-store";
import { S3Store } from "./s3-store";

/**
 * @param journal `kubernetes` (the default: beside the target), `kubernetes://namespace` (on the cluster that is named for it), or a
 *   URL like `file:///var/lib/issu` or `s3://bucket/prefix?region=eu-central-1`.
 * @param clusterStore called only if the journal is kept on a cluster; with the namespace, if it is not the target's own.
 * @throws Error if the URL is of no known kind, or has mistakes; it says what was got and what is expected.
 */
export function storeAt(journal: string | undefined, clusterStore: (namespace?: string) => Store): Store {
  if (journal === undefined || journal === "kubernetes") return clusterStore();
  const namespace = /^kubernetes:\/\/([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)\/?$/.exec(journal)?.[1];
  if (namespace !== undefined) return clusterStore(namespace);
  if (journal.startsWith("s3://")) return new S3Store(journal);
  if (journal.startsWith("file://")) return new FileStore(folderOf(journal));
  // Whatever it is, it may hold a password.
  const shown = journal.replace(/\/\/[^/@]*@/, "//…@").replace(/\?.*$/s, "?…");
  throw new Error(
    `journal: got ${shown}, expected "kubernetes" (beside the target) or a URL like file:///var/lib/issu or s3://bucket/prefix?region=eu-central-1`,
  );
}

/** The requests beside a journal that is kept in a folder; undefined where it is kept elsewhere. */
export const requestsAt = (journal: string | undefined): RequestBook | undefined =>
  journal?.startsWith("file://") ? new FileRequests(folderOf(journal)) : undefined;

function folderOf(journal: string): string {
  try {
    return fileURLToPath(journal);
  } catch {
    throw new Error(
      `journal: got ${journal}, expected a folder of this machine with three slashes, like file:///var/lib/issu`,
    );
  }
}
