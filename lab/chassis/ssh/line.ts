/**
 * The line between an operator and a node, and what faults do to it.
 *
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";

export interface LineTroubles {
  /** Every byte of output comes by itself. */
  oneByte: boolean;
  /** Device seconds that each answer takes. */
  delaySeconds: number;
  /** Answers come, but no prompt after them, and no end. */
  noPrompt: boolean;
  /** A copy is cut after so many bytes; undefined: not at all. */
  cutCopyAfter: number | undefined;
  /** The next copy is stored with a flipped bit. */
  corruptCopies: boolean;
}

export const quietLine = (): LineTroubles => ({
  oneByte: false,
  delaySeconds: 0,
  noPrompt: false,
  cutCopyAfter: undefined,
  corruptCopies: false,
});

/** Writes in order, whole or byte by byte. */
export class Outlet {
  readonly #write: (data: Buffer) => void;
  readonly #troubles: LineTroubles;
  #queue: Promise<void> = Promise.resolve();

  constructor(write: (data: Buffer) => void, troubles: LineTroubles) {
    this.#write = write;
    this.#troubles = troubles;
  }

  write(output: string | Buffer): void {
    const data = Buffer.from(output);
    this.#queue = this.#queue.then(async () => {
      if (!this.#troubles.oneByte) return this.#write(data);
      for (const byte of data) {
        this.#write(Buffer.of(byte));
        await nextTurn();
      }
    });
  }

  /** Resolves once all of it is written. */
  drained(): Promise<void> {
    return this.#queue;
  }
}
