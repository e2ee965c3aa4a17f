/**
 * Chooses the store by URL, as Pulumi chooses its backends.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Store } from "../contract/store";
import { FileStore } from "./file-store";

/**
 * @param journal `kubernetes` (the default: beside the target) or a URL like `file:///var/lib/issu`.
 * @param clusterStore called only if the journal is kept beside the target.
 * @throws Error if the URL is of no known kind.
 */
export function storeAt(journal: string | undefined, clusterStore: () => Store): Store {
  if (journal === undefined || journal === "kubernetes") return clusterStore();
  if (journal.startsWith("file://")) return new FileStore(fileURLToPath(journal));
  throw new Error(
    `journal: got ${journal}, expected "kubernetes" (beside the target) or a URL like file:///var/lib/issu`,
  );
}
