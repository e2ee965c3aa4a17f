/**
 * A new member takes over the records of one that is in step, part by part, while it already gets every new write. Which
 * of the two comes first is of no consequence, since the later version of a record wins.
 *
 * @module
 */
import type { Conversion } from "./form.ts";
import { RECORD_LENGTH } from "./record.ts";
import type { Replica } from "./replica.ts";
import { COPIED_HEADER, COPY_HEADER, kind, RECORDS, RETRY_AFTER } from "./replica-wire.ts";

/** Parts that are asked for at the same time. */
const WINDOW = 8;
/** Time between two parts where the pace is held down, ms. */
const SLOW_PART = 100;

/** Gives parts of a table out. */
export class CopySource {
  readonly #replica: Replica;
  readonly #copies = new Map<string, { keys: Iterator<number>; next: number; parts: Map<number, Buffer> }>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  give(request: Buffer, port: number, address: string): void {
    const part = request.readUInt32LE(COPY_HEADER - 4);
    const id = `${address}/${request.readUInt32LE(2)}`;
    let copy = this.#copies.get(id);
    if (!copy) {
      for (const other of this.#copies.keys())
        if (other.startsWith(`${address}/`)) this.#copies.delete(other);
      copy = { keys: this.#replica.table.keys(), next: 0, parts: new Map() };
      this.#copies.set(id, copy);
    }
    // Those before it may have been overtaken; they are asked for yet.
    for (; copy.next <= part; copy.next++) {
      copy.parts.set(copy.next, this.#part(request, copy.next, copy.keys));
      copy.parts.delete(copy.next - 4 * WINDOW);
    }
    const answer = copy.parts.get(part);
    if (answer) this.#replica.send(answer, address, port);
  }

  #part(request: Buffer, part: number, keys: Iterator<number>): Buffer {
    const { table } = this.#replica;
    const form = Buffer.from(this.#replica.form.name);
    const begin = COPIED_HEADER + form.length;
    const wanted = Math.min(RECORDS, request[1] ?? 0);
    const answer = Buffer.alloc(begin + wanted * RECORD_LENGTH);
    let count = 0;
    while (count < wanted) {
      const { value: key, done } = keys.next();
      if (done) break;
      if (table.copy(key, answer, begin + count * RECORD_LENGTH)) count++;
    }
    answer[0] = kind.copied;
    answer[1] = count;
    request.copy(answer, 2, 2, 6);
    answer.writeUInt32LE(part, 6);
    answer.writeUInt32LE(table.size, 10);
    answer[14] = form.length;
    form.copy(answer, COPIED_HEADER);
    return answer.subarray(0, begin + count * RECORD_LENGTH);
  }
}

export interface CopyTerms {
  /** Records a second that may be taken over; undefined for as many as there are, 0 for none. */
  pace(): number | undefined;
  /**
   * How records of another form are taken in; undefined for those of one's own.
   *
   * @throws {Error} that says why they can't be
   */
  conversion(schema: string): Conversion | undefined;
}

let copies = 1;

/** Takes a table over. */
export class Copy {
  readonly #replica: Replica;
  readonly #source: string;
  readonly #terms: CopyTerms;
  readonly #id = copies++;
  readonly #asked = new Map<number, number>();
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #last = false;
  #taken = 0;
  #there: number | undefined;
  #slowAt = 0;
  #settle!: { readonly resolve: () => void; readonly reject: (error: Error) => void };
  /** Rejects with the reason why it can't be had; neither if it is cancelled. */
  readonly done: Promise<void>;

  constructor(replica: Replica, source: string, terms: CopyTerms) {
    this.#replica = replica;
    this.#source = source;
    this.#terms = terms;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#timer = setInterval(() => this.#tick(), RETRY_AFTER);
    this.#pump();
  }

  cancel(): void {
    clearInterval(this.#timer);
  }

  /** Records still to be taken over; undefined while that is not known. */
  get behind(): number | undefined {
    return this.#there === undefined ? undefined : Math.max(0, this.#there - this.#taken);
  }

  receive(message: Buffer): void {
    if (message.readUInt32LE(2) !== this.#id || !this.#asked.delete(message.readUInt32LE(6))) return;
    const begin = COPIED_HEADER + (message[14] ?? 0);
    const schema = message.toString("utf8", COPIED_HEADER, begin);
    this.#there = message.readUInt32LE(10);
    let convert: Conversion | undefined;
    try {
      if (this.#replica.full) throw new Error("no space left for records");
      convert = this.#terms.conversion(schema);
    } catch (error) {
      this.cancel();
      this.#settle.reject(error as Error);
      return;
    }
    const count = message[1] ?? 0;
    for (let i = 0; i < count; i++) {
      const offset = begin + i * RECORD_LENGTH;
      convert?.(message, offset);
      this.#replica.table.apply(message, offset);
    }
    this.#taken += count;
    if (count === 0) this.#last = true;
    if (this.#last && this.#asked.size === 0) {
      this.cancel();
      this.#settle.resolve();
    } else this.#pump();
  }

  #tick(): void {
    const now = performance.now();
    for (const [part, at] of this.#asked) if (now - at >= RETRY_AFTER) this.#ask(part, RECORDS);
    this.#pump();
  }

  #pump(): void {
    if (this.#last) return;
    const pace = this.#terms.pace();
    if (pace !== undefined) {
      const now = performance.now();
      if (pace === 0 || this.#asked.size > 0 || now - this.#slowAt < SLOW_PART - RETRY_AFTER / 2) return;
      this.#slowAt = now;
      this.#ask(this.#next++, Math.max(1, Math.min(RECORDS, Math.round((pace * SLOW_PART) / 1_000))));
      return;
    }
    while (this.#asked.size < WINDOW) this.#ask(this.#next++, RECORDS);
  }

  #ask(part: number, records: number): void {
    this.#asked.set(part, performance.now());
    const request = Buffer.alloc(COPY_HEADER);
    request[0] = kind.copy;
    request[1] = records;
    request.writeUInt32LE(this.#id, 2);
    request.writeUInt32LE(part, 6);
    this.#replica.send(request, this.#source);
  }
}
