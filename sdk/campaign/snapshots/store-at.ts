/**
 * Chooses the store of snapshots by URL, as journals are.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { SnapshotStore } from "../../contract/snapshot-store";
import { FileSnapshots } from "./file-snapshots";
import { S3Snapshots } from "./s3-snapshots";

/**
 * @param url `kubernetes` (beside the target), or a URL like `file:///var/lib/issu` or
 *   `s3://bucket/prefix?region=eu-central-1`.
 * @param clusterStore called only if they are kept beside the target.
 * @throws Error if the URL is of no known kind, or has mistakes: got, expected.
 */
export function snapshotStoreAt(url: string, clusterStore: () => SnapshotStore): SnapshotStore {
  if (url === "kubernetes") return clusterStore();
  if (url.startsWith("s3://")) return new S3Snapshots(url);
  try {
    if (url.startsWith("file://")) return new FileSnapshots(fileURLToPath(url), url);
  } catch {
    throw new Error(
      `snapshots: got ${url}, expected a folder of this machine with three slashes, like file:///var/lib/issu`,
    );
  }
  // Whatever it is, it may hold a password.
  const shown = url.replace(/\/\/[^/@]*@/, "//…@").replace(/\?.*$/s, "?…");
  throw new Error(
    `snapshots: got ${shown}, expected "kubernetes" (beside the target) or a URL like file:///var/lib/issu or s3://bucket/prefix?region=eu-central-1`,
  );
}
