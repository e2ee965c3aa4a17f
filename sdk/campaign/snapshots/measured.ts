/**
 * Counting and hashing bytes as they pass.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { Chunks } from "../../contract/snapshot-parts";

export interface Measure {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

export class Measured {
  private readonly hash = createHash("sha256");
  private bytes = 0;

  /** @param passed told how many bytes have passed. */
  async *through(chunks: Chunks, passed?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      this.hash.update(chunk);
      this.bytes += chunk.length;
      passed?.(this.bytes);
      yield chunk;
    }
  }

  /** Call once, when all has passed. */
  end(): Measure {
    return { bytes: this.bytes, sha256: this.hash.digest("hex") };
  }
}

/** Reads to the end. */
export async function measure(chunks: Chunks): Promise<Measure> {
  const measured = new Measured();
  for await (const _ of measured.through(chunks));
  return measured.end();
}
