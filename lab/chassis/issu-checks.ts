import type { Cluster } from "./cluster.ts";
import type { Manifest } from "./image.ts";
import { UpgradeError } from "./issu.ts";
import type { ChassisNode } from "./node.ts";

/**
 * Whether a node's configuration commits on a release (CHA-5).
 *
 * @throws {UpgradeError} naming the statement that does not
 */
export function checkConfiguration(cluster: Cluster, node: ChassisNode, manifest: Manifest): void {
  const { statements } = node.configuration.committed;
  const removed = manifest.removedStatements.find((stem) =>
    statements.some((one) => one === stem || one.startsWith(`${stem} `)),
  );
  const rejected = removed ?? cluster.troubles.rejectedStatement;
  if (rejected === undefined) {
    cluster.events.record("configuration-checked", { node: node.id, release: manifest.release });
    return;
  }
  const words = rejected.split(" ");
  throw new UpgradeError(
    [
      `Validation failed on node${node.id}`,
      `[edit ${words.slice(0, -1).join(" ")}]`,
      `  '${words.at(-1)}'`,
      `    syntax error in ${manifest.release}`,
      "configuration check-out failed",
    ].join("\n"),
  );
}
