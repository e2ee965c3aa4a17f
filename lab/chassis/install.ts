/**
 * Packages: found in a node's files, installed for its next boot.
 *
 * @module
 */
import type { Cluster } from "./cluster.ts";
import { imageName, type Manifest, readManifest } from "./image.ts";
import { UpgradeError } from "./issu.ts";
import type { ChassisNode } from "./node.ts";

/** @returns what is wrong, in the device's words, if it can't be told what it holds */
export function packageOf(node: ChassisNode, path: string): Manifest | string {
  const content = node.files.read(path);
  if (!content) return `error: package '${path}' does not exist`;
  return readManifest(content) ?? `error: ${path}: not a signed package, or its beginning is damaged`;
}

/** @throws {UpgradeError} if `/var` has too little room for unpacking it */
export function requireRoom(node: ChassisNode, { requiredKilobytes, release, product }: Manifest): void {
  const free = Math.max(0, node.files.mountOf("/var").freeKilobytes);
  if (free >= requiredKilobytes) return;
  throw new UpgradeError(
    [
      `insufficient disk space on node${node.id}`,
      "WARNING: The /var filesystem is low on free disk space.",
      `WARNING: ${imageName(release, product)} requires ${requiredKilobytes}k free, but there is only ${Math.round(free)}k available.`,
    ].join("\n"),
  );
}

/**
 * Installs for the next boot. A node that goes down meanwhile boots what it ran.
 *
 * @throws the signal's reason when it is aborted
 */
export async function install(
  cluster: Cluster,
  node: ChassisNode,
  { release, boots }: Manifest,
  signal: AbortSignal = node.life,
): Promise<void> {
  node.pending = undefined;
  try {
    await cluster.clock.wait(cluster.shape.durations.install, signal);
  } catch (error) {
    cluster.events.record("install-cut", { node: node.id, release });
    throw error;
  }
  node.pending = { release, boots };
  cluster.events.record("installed", { node: node.id, release });
}
