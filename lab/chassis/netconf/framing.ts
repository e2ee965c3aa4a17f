/**
 * How messages stand in the stream of a NETCONF session (RFC 6242): each ended by `]]>]]>` until both hellos are exchanged, and in
 * chunks from then on if both sides speak 1.1.
 *
 * @module
 */

export type Framing = "1.0" | "1.1";

const END = "]]>]]>";
/** What `\n#` introduces may be no longer than this, whatever the other side sends. */
const LONGEST_HEAD = 14;
/** More than any client has reason to send. */
const LARGEST = 4 * 1024 * 1024;

/** What came can't be told apart into messages; the session has to end. */
export class FramingError extends Error {
  override readonly name = "FramingError";
}

/** Largest piece that one chunk takes here, so that clients meet messages of several chunks. */
const CHUNK = 4096;

export function framed(message: string, framing: Framing): Buffer {
  if (framing === "1.0") return Buffer.from(`${message}\n${END}\n`);
  const content = Buffer.from(message);
  const pieces: Buffer[] = [];
  for (let at = 0; at < content.length; at += CHUNK) {
    const piece = content.subarray(at, at + CHUNK);
    pieces.push(Buffer.from(`\n#${piece.length}\n`), piece);
  }
  return Buffer.concat([...pieces, Buffer.from("\n##\n")]);
}

/** Finds the messages in a stream, whatever pieces it comes in. */
export class MessageReader {
  framing: Framing = "1.0";
  #rest = Buffer.alloc(0);
  #chunks: Buffer[] = [];

  feed(piece: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    if (this.#rest.length + this.#held > LARGEST) throw new FramingError("the message is too large");
  }

  /**
   * The next message that is complete; undefined until then.
   *
   * @throws {FramingError}
   */
  next(): string | undefined {
    return this.framing === "1.0" ? this.#toEnd() : this.#chunked();
  }

  get #held(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  #toEnd(): string | undefined {
    const end = this.#rest.indexOf(END);
    if (end < 0) return undefined;
    const message = this.#rest.subarray(0, end).toString("utf8");
    this.#rest = this.#rest.subarray(end + END.length);
    return message;
  }

  #chunked(): string | undefined {
    for (;;) {
      const head = /^\s*\n#(#|[1-9]\d{0,9})\n/.exec(this.#rest.subarray(0, 64).toString("latin1"));
      if (!head) {
        const text = this.#rest.subarray(0, 64).toString("latin1").trimStart();
        if (text.length > LONGEST_HEAD || !/^(#(#|[1-9]\d*)?)?$/.test(text))
          throw new FramingError(`got ${JSON.stringify(text.slice(0, 20))}, expected the head of a chunk`);
        return undefined;
      }
      if (head[1] === "#") {
        this.#rest = this.#rest.subarray(head[0].length);
        const message = Buffer.concat(this.#chunks).toString("utf8");
        this.#chunks = [];
        return message;
      }
      const size = Number(head[1]);
      if (size > LARGEST) throw new FramingError(`a chunk of ${size} bytes is too large`);
      if (this.#rest.length < head[0].length + size) return undefined;
      this.#chunks.push(this.#rest.subarray(head[0].length, head[0].length + size));
      this.#rest = this.#rest.subarray(head[0].length + size);
    }
  }
}
