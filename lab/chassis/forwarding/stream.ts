/**
 * One direction of a flow: which packets were sent when, and which came through.
 *
 * @module
 */

/** What became of the packets of a stretch of time. */
export interface StreamReport {
  readonly sent: number;
  readonly lost: number;
  /** Milliseconds of sending from the last packet before a loss to the first after it; the sender's own pauses don't count. */
  readonly longestGapMs: number;
}

/** Packets at the end of a stretch that tell whether a flow is still alive. */
const TAIL = 20;

export class Stream {
  #sentAt = new Float64Array(1024);
  #arrived = new Uint8Array(1024);
  /** Packets sent so far; the next one's number. */
  sent = 0;
  received = 0;

  /** @param at milliseconds of sending so far @returns the packet's number */
  send(at: number): number {
    if (this.sent === this.#arrived.length) {
      const [times, flags] = [this.#sentAt, this.#arrived];
      this.#sentAt = new Float64Array(2 * flags.length);
      this.#sentAt.set(times);
      this.#arrived = new Uint8Array(2 * flags.length);
      this.#arrived.set(flags);
    }
    this.#sentAt[this.sent] = at;
    return this.sent++;
  }

  receive(seq: number): void {
    if (seq >= this.sent || this.#arrived[seq] === 1) return;
    this.#arrived[seq] = 1;
    this.received++;
  }

  hasArrived(seq: number): boolean {
    return this.#arrived[seq] === 1;
  }

  /** @param from number of the first packet @param to number after the last */
  report(from: number, to: number): StreamReport {
    let lost = 0;
    let longest = 0;
    let lastArrived = from;
    for (let seq = from; seq < to; seq++) {
      if (!this.hasArrived(seq)) lost++;
      else {
        if (seq - lastArrived > 1) longest = Math.max(longest, this.#gap(lastArrived, seq));
        lastArrived = seq;
      }
    }
    if (to - 1 > lastArrived) longest = Math.max(longest, this.#gap(lastArrived, to - 1));
    return { sent: to - from, lost, longestGapMs: Math.round(10 * longest) / 10 };
  }

  /** Whether nothing of a stretch's end came through. */
  isDead(from: number, to: number): boolean {
    if (to === from) return false;
    for (let seq = Math.max(from, to - TAIL); seq < to; seq++) if (this.hasArrived(seq)) return false;
    return true;
  }

  #gap(from: number, to: number): number {
    return (this.#sentAt[to] ?? 0) - (this.#sentAt[from] ?? 0);
  }
}
