/**
 * The internal interface between instances: contexts are fetched over it, and messages that reach the former instance of a
 * subscriber go on over it to the present one (GRY-02: the domains forward messages to each other). Make before break: the
 * former instance serves until it hands the context over, and from then on passes on whatever still arrives, so that
 * nothing is dropped in between.
 *
 * @module
 */
import { CONTEXT_LENGTH, type Context, readContext, writeContext } from "./context.ts";
import type { Instance } from "./instance.ts";
import type { RemoteInfo, Socket } from "./udp.ts";
import { ports } from "./wire.ts";

const kind = { fetch: 1, contexts: 2, signalling: 3, media: 4 } as const;

/** Contexts in one datagram, so that it stays below the common MTU. */
export const BATCH = 40;
/** For how long a former instance passes messages on, ms. */
const FORWARDING = 3_000;
const RETRY_AFTER = 100;
const TRIES = 10;

interface Fetch {
  readonly from: Instance;
  readonly msins: readonly number[];
  readonly request: Buffer;
  tries: number;
  timer: NodeJS.Timeout;
  resolve(missing: readonly number[]): void;
  reject(error: Error): void;
}

/** A context that was handed over: kept until nobody can ask for it again. */
interface Tombstone {
  /** Undefined if there was none yet: a first message was still unread, and belongs elsewhere too. */
  readonly context: Context | undefined;
  readonly address: string;
  readonly until: number;
}

export class Transfer {
  readonly #instance: Instance;
  readonly #socket: Socket;
  readonly #fetches = new Map<number, Fetch>();
  /** Messages for subscribers whose contexts are on their way here. */
  readonly #expected = new Map<number, { message: Buffer; media: boolean }[]>();
  readonly #gone = new Map<number, Tombstone>();
  readonly #sweep: NodeJS.Timeout;
  #next = 1;

  constructor(instance: Instance, socket: Socket) {
    this.#instance = instance;
    this.#socket = socket;
    this.#sweep = setInterval(() => this.#forget(), 1_000);
    this.#sweep.unref();
  }

  close(): void {
    clearInterval(this.#sweep);
    for (const id of [...this.#fetches.keys()]) this.#fail(id, "this instance has died");
    this.#gone.clear();
    this.#expected.clear();
  }

  /** @see Instance.takeOver */
  fetch(from: Instance, msins: readonly number[]): Promise<readonly number[]> {
    const id = this.#next++;
    const request = Buffer.allocUnsafe(6 + 4 * msins.length);
    request[0] = kind.fetch;
    request[1] = msins.length;
    request.writeUInt32LE(id, 2);
    msins.forEach((msin, i) => {
      request.writeUInt32LE(msin, 6 + 4 * i);
      this.#expected.set(msin, []);
    });
    return new Promise((resolve, reject) => {
      const timer = setInterval(() => this.#retry(id), RETRY_AFTER);
      this.#fetches.set(id, { from, msins, request, tries: 1, timer, resolve, reject });
      this.#socket.send(request, ports.internal, from.identity.address);
    });
  }

  /**
   * A message for a subscriber without context here.
   *
   * @returns false if it belongs nowhere else
   */
  redirect(msin: number, message: Buffer, media: boolean): boolean {
    const waiting = this.#expected.get(msin);
    if (waiting) {
      waiting.push({ message, media });
      return true;
    }
    const gone = this.#gone.get(msin);
    if (!gone || !this.#instance.hears(gone.address)) return false;
    this.#socket.send(
      [Buffer.of(media ? kind.media : kind.signalling), message],
      ports.internal,
      gone.address,
    );
    return true;
  }

  /** The subscriber is served here from now on, wherever its context went before: it begins anew. */
  claim(msin: number): void {
    this.#gone.delete(msin);
  }

  receive(message: Buffer, from: RemoteInfo): void {
    switch (message[0]) {
      case kind.fetch:
        this.#handOver(message, from);
        return;
      case kind.contexts:
        this.#arrived(message);
        return;
      case kind.signalling:
        this.#instance.onSignalling(message.subarray(1));
        return;
      case kind.media:
        this.#instance.onMedia(message.subarray(1));
        return;
    }
  }

  #handOver(request: Buffer, from: RemoteInfo): void {
    const count = request[1] ?? 0;
    const answer = Buffer.alloc(6 + count * CONTEXT_LENGTH);
    const until = performance.now() + FORWARDING;
    let found = 0;
    for (let i = 0; i < count; i++) {
      const msin = request.readUInt32LE(6 + 4 * i);
      const context = this.#instance.surrender(msin) ?? this.#again(msin, from.address);
      this.#gone.delete(msin);
      this.#gone.set(msin, { context, address: from.address, until });
      if (!context) continue;
      writeContext(context, answer, 6 + CONTEXT_LENGTH * found++);
    }
    answer[0] = kind.contexts;
    answer[1] = found;
    request.copy(answer, 2, 2, 6);
    this.#socket.send(answer, 0, 6 + found * CONTEXT_LENGTH, from.port, from.address);
  }

  /** An answer that was lost is given again; to another instance only if the one that had it has died. */
  #again(msin: number, address: string): Context | undefined {
    const gone = this.#gone.get(msin);
    if (!gone) return undefined;
    return gone.address === address || !this.#instance.hears(gone.address) ? gone.context : undefined;
  }

  #arrived(answer: Buffer): void {
    const id = answer.readUInt32LE(2);
    const fetch = this.#fetches.get(id);
    if (!fetch) return;
    this.#fetches.delete(id);
    clearInterval(fetch.timer);
    // They are served here now, also those without a context yet; passed on, their messages would go in circles.
    for (const msin of fetch.msins) this.#gone.delete(msin);
    const found = answer[1] ?? 0;
    for (let i = 0; i < found; i++) this.#instance.adopt(readContext(answer, 6 + CONTEXT_LENGTH * i));
    // Nothing can have come in before this point but what was kept waiting.
    const missing = fetch.msins.filter((msin) => !this.#instance.contexts.has(msin));
    for (const msin of fetch.msins) this.#release(msin);
    fetch.resolve(missing);
  }

  #release(msin: number): void {
    const waiting = this.#expected.get(msin);
    this.#expected.delete(msin);
    for (const { message, media } of waiting ?? []) {
      if (media) this.#instance.onMedia(message);
      else this.#instance.onSignalling(message);
    }
  }

  #retry(id: number): void {
    const fetch = this.#fetches.get(id);
    if (!fetch) return;
    const { pod } = fetch.from.identity;
    if (fetch.from.closed) this.#fail(id, `${pod} has died`);
    else if (fetch.tries++ >= TRIES) this.#fail(id, `${pod} does not answer`);
    else this.#socket.send(fetch.request, ports.internal, fetch.from.identity.address);
  }

  #fail(id: number, reason: string): void {
    const fetch = this.#fetches.get(id);
    if (!fetch) return;
    this.#fetches.delete(id);
    clearInterval(fetch.timer);
    for (const msin of fetch.msins) this.#expected.delete(msin);
    fetch.reject(new Error(`contexts can't be fetched: ${reason}`));
  }

  #forget(): void {
    const now = performance.now();
    // In order of age, since whatever is set again is taken out first.
    for (const [msin, { until }] of this.#gone) {
      if (until > now) break;
      this.#gone.delete(msin);
    }
  }
}
