/** A target of a made-up kind that gives out parts and takes them back: a dial that has records. */
import { createHash } from "node:crypto";
import type { ActionContext, CapturedPart, SavedPart } from "pulumi-issu/contract";
import { TargetError } from "pulumi-issu/contract";
import { FakeTarget } from "../unit/fake-target.ts";

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export class SnapTarget extends FakeTarget {
  records: Buffer = Buffer.from("record 1\nrecord 2\n");
  /** What happens while records are read. */
  during: () => void | Promise<void> = () => undefined;
  claims: { sha256?: string; bytes?: number } | undefined;
  /** Copies that were made for a reader and not cleared away. */
  copies = 0;
  restored: string[] = [];

  async *capture(): AsyncGenerator<CapturedPart> {
    const versions = Buffer.from(JSON.stringify({ version: this.dial.version }));
    yield {
      name: "versions.json",
      kind: "versions",
      mediaType: "application/json",
      async *open() {
        yield versions;
      },
    };
    const { records, during } = this;
    this.copies += 1;
    try {
      yield {
        name: "data/dial",
        kind: "data",
        mediaType: "application/octet-stream",
        about: { component: "dial", records: 2 },
        claimed: this.claims ?? { sha256: sha256(records), bytes: records.length },
        async *open() {
          for (let i = 0; i < records.length; i += 65_536) {
            await during();
            yield records.subarray(i, i + 65_536);
          }
        },
      };
    } finally {
      this.copies -= 1;
    }
  }

  async putBack(part: SavedPart, { signal }: ActionContext): Promise<{ readonly detail: string }> {
    signal.throwIfAborted();
    if (part.kind !== "data") throw new TargetError("BAD_PART", `${part.name} can't be put back`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of part.open()) chunks.push(chunk);
    this.records = Buffer.concat(chunks);
    this.restored.push(part.name);
    return { detail: `${this.records.length} bytes as they were` };
  }
}
