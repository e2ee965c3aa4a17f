/**
 * Messages in the stream of a NETCONF session (RFC 6242): ended by `]]>]]>` in 1.0, cut into chunks with their length before each in 1.1.
 * Both sides begin with 1.0 and change after their hellos.
 *
 * @module
 */

const END = Buffer.from("]]>]]>");
/** Before a chunk, or behind the last one. Devices put line ends between messages, which are of no meaning. */
const HEAD = /^\s*\n#(#|[1-9]\d{0,9})\n/;
const HEAD_LENGTH = 40;
/** In bytes; what is longer is not from a device. */
const LONGEST_MESSAGE = 64 * 1024 * 1024;

export function frame(message: string, chunked: boolean): Buffer {
  const bytes = Buffer.from(message);
  return chunked
    ? Buffer.concat([Buffer.from(`\n#${bytes.length}\n`), bytes, Buffer.from("\n##\n")])
    : Buffer.concat([bytes, END]);
}

/** Puts messages together from pieces of any size. */
export class Deframer {
  /** How what comes next is framed. */
  chunked = false;
  /** Of the message in hand. */
  private pieces: Buffer[] = [];
  private length = 0;
  /** What is not yet understood. */
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes that the chunk in hand still lacks. */
  private lacking = 0;

  /**
   * @returns each message that is now complete. `chunked` may be changed between two.
   * @throws Error if the stream can't be told apart into messages any more.
   */
  *take(piece: Buffer): Generator<string> {
    this.rest = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    for (;;) {
      const message = this.chunked ? this.nextChunked() : this.nextEnded();
      if (message === undefined) return;
      yield message;
    }
  }

  private nextEnded(): string | undefined {
    const end = this.rest.indexOf(END);
    if (end >= 0) {
      this.keep(end);
      this.rest = this.rest.subarray(END.length);
      return this.whole();
    }
    // Its mark may be cut in two.
    this.keep(Math.max(0, this.rest.length - END.length + 1));
    return undefined;
  }

  private nextChunked(): string | undefined {
    for (;;) {
      if (this.lacking > 0) {
        const before = this.length;
        this.keep(Math.min(this.lacking, this.rest.length));
        this.lacking -= this.length - before;
        if (this.lacking > 0) return undefined;
      }
      const text = this.rest.subarray(0, HEAD_LENGTH).toString("latin1");
      const head = HEAD.exec(text);
      if (!head) {
        if (!/^\s*(?:#(?:#|\d*))?$/.test(text) || text.length >= HEAD_LENGTH)
          throw new Error(`got ${JSON.stringify(text.trim())}, expected the length of a chunk`);
        return undefined;
      }
      this.rest = this.rest.subarray(head[0].length);
      if (head[1] === "#") return this.whole();
      this.lacking = Number(head[1]);
      if (this.length + this.lacking > LONGEST_MESSAGE)
        throw new Error(`a chunk of ${this.lacking} bytes is too long`);
    }
  }

  private keep(bytes: number): void {
    if (bytes === 0) return;
    this.pieces.push(this.rest.subarray(0, bytes));
    this.rest = this.rest.subarray(bytes);
    this.length += bytes;
    if (this.length > LONGEST_MESSAGE) throw new Error(`a message of more than ${LONGEST_MESSAGE} bytes`);
  }

  private whole(): string {
    const message = Buffer.concat(this.pieces).toString("utf8");
    this.pieces = [];
    this.length = 0;
    return message;
  }
}
