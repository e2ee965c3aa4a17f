/**
 * The test cards' media: what each heard of its call, and its way to the internet and back, by window (GRY-10). A data
 * packet goes by way of the network function to a server, here at the same socket, and its answer comes back the same way.
 *
 * @module
 */
import { at, type } from "../cnf/wire.ts";

export interface CardMedia {
  readonly msin: number;
  readonly call: {
    readonly packets: number;
    readonly packetsLost: number;
    /** Longest silence, ms; the sender's lateness taken off, a silence that lasts included. */
    readonly longestGapMs: number;
  };
  readonly data: {
    readonly sent: number;
    readonly answered: number;
    /** Longest time between two answers, ms. */
    readonly longestGapMs: number;
  };
}

interface Tally {
  packets: number;
  packetsLost: number;
  longestGap: number;
  sent: number;
  answered: number;
  dataGap: number;
}

/** Time between two data packets of a card, ms, and their length in bytes. */
const EVERY = 50;
const LENGTH = 1_200;
/** In place of a flag: on its way back. */
const ANSWER = 1;

export class CardsMedia {
  readonly #msins: readonly number[];
  readonly #send: (packet: Buffer) => void;
  readonly #windows = new Map<string, Tally[]>();
  readonly #running: Uint8Array;
  readonly #heard: Float64Array;
  readonly #answered: Float64Array;
  readonly #packet = Buffer.alloc(LENGTH);
  #due = performance.now() + EVERY;

  constructor(msins: readonly number[], send: (packet: Buffer) => void) {
    this.#msins = msins;
    this.#send = send;
    this.#running = new Uint8Array(msins.length);
    this.#heard = new Float64Array(msins.length).fill(-1);
    this.#answered = new Float64Array(msins.length).fill(-1);
  }

  start(card: number): void {
    if (card < this.#msins.length) this.#running[card] = 1;
  }

  reset(): void {
    this.#running.fill(0);
    this.#heard.fill(-1);
    this.#answered.fill(-1);
    this.#windows.clear();
  }

  open(window: string): void {
    this.#windows.set(
      window,
      this.#msins.map(() => ({
        packets: 0,
        packetsLost: 0,
        longestGap: 0,
        sent: 0,
        answered: 0,
        dataGap: 0,
      })),
    );
  }

  close(window: string): void {
    this.#windows.delete(window);
  }

  /** A packet of the call has come; `gap` is undefined for the first. */
  heard(card: number, now: number, gap: number | undefined): void {
    if (card >= this.#msins.length) return;
    this.#heard[card] = now;
    this.#each(card, (tally) => {
      tally.packets++;
      tally.longestGap = Math.max(tally.longestGap, gap ?? 0);
    });
  }

  /** @param count negative for one that had been taken for lost */
  lost(card: number, count: number): void {
    this.#each(card, (tally) => {
      tally.packetsLost += count;
    });
  }

  /** @returns when it is due next */
  send(now: number): number {
    if (this.#msins.length === 0) return Number.POSITIVE_INFINITY;
    while (this.#due <= now) {
      this.#due += EVERY;
      this.#msins.forEach((msin, card) => {
        if (this.#running[card]) this.#sendOne(card, msin, now);
      });
    }
    return this.#due;
  }

  /** A data packet has come through the network function, on its way there or back. */
  receive(packet: Buffer): void {
    if (packet[at.flags] !== ANSWER) {
      packet[at.flags] = ANSWER;
      this.#send(packet);
      return;
    }
    const card = this.#msins.indexOf(packet.readUInt32LE(at.msin));
    if (card < 0) return;
    const now = performance.now();
    const before = this.#answered[card] ?? -1;
    this.#answered[card] = now;
    this.#each(card, (tally) => {
      tally.answered++;
      if (before >= 0) tally.dataGap = Math.max(tally.dataGap, now - before);
    });
  }

  figures(window: string): readonly CardMedia[] {
    const now = performance.now();
    const silent = (since: number) => (since >= 0 && now - since > 100 ? now - since : 0);
    return (this.#windows.get(window) ?? []).map((tally, card) => ({
      msin: this.#msins[card] ?? 0,
      call: {
        packets: tally.packets,
        packetsLost: tally.packetsLost,
        longestGapMs: round(Math.max(tally.longestGap, silent(this.#heard[card] ?? -1))),
      },
      data: {
        sent: tally.sent,
        answered: tally.answered,
        longestGapMs: round(Math.max(tally.dataGap, silent(this.#answered[card] ?? -1))),
      },
    }));
  }

  #sendOne(card: number, msin: number, now: number): void {
    const packet = this.#packet;
    packet[at.type] = type.data;
    packet[at.side] = 0;
    packet[at.flags] = 0;
    packet.writeUInt32LE(msin, at.msin);
    packet.writeUInt32LE(msin, at.transaction);
    packet.writeDoubleLE(now, at.sent);
    // A datagram is read by the kernel some time after this call.
    this.#send(Buffer.from(packet));
    this.#each(card, (tally) => {
      tally.sent++;
    });
  }

  #each(card: number, change: (tally: Tally) => void): void {
    for (const tallies of this.#windows.values()) {
      const tally = tallies[card];
      if (tally) change(tally);
    }
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;
