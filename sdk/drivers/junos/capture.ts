/**
 * What is saved off the device: what ran, and its configuration (ESC-14). The configuration holds the device's secrets in the form
 * in which the device keeps them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { NODES } from "../../contract/chassis-inventory";
import type { CapturedPart, PartKind } from "../../contract/snapshot-parts";
import type { ActionContext } from "../../contract/target";
import { type Chassis, sessionOf } from "./chassis-context";
import { observe } from "./observe";
import { CONFIGURATION } from "./questions";

/** @throws TargetError as the nodes. */
export async function* capture(
  chassis: Chassis,
  { signal, deadline }: ActionContext,
): AsyncGenerator<CapturedPart> {
  const { nodes, groups } = await observe(chassis, signal);
  yield part("versions.json", "versions", "application/json", JSON.stringify({ nodes, groups }));
  for (const node of NODES) {
    const session = sessionOf(chassis, node);
    const text = await session.ask(CONFIGURATION, { signal, deadline });
    yield part(`configuration/${node}.conf`, "configuration", "text/plain", `${text}\n`);
  }
}

function part(name: string, kind: PartKind, mediaType: string, text: string): CapturedPart {
  const bytes = Buffer.from(text);
  return {
    name,
    kind,
    mediaType,
    claimed: { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") },
    async *open() {
      yield bytes;
    },
  };
}
