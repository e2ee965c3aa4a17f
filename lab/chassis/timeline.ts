/**
 * A value with its recent past. The forwarding plane judges a packet by how things stood when it was due, so that a machine which
 * is late in carrying it loses no packet that the devices would not have lost.
 *
 * @module
 */

/** Changes that are remembered. */
const KEPT = 32;

export class Timeline<T> {
  readonly #now: () => number;
  readonly #changes: { readonly from: number; readonly value: T }[];

  /** @param now device seconds */
  constructor(value: T, now: () => number) {
    this.#now = now;
    this.#changes = [{ from: Number.NEGATIVE_INFINITY, value }];
  }

  get current(): T {
    return this.#changes.at(-1)?.value as T;
  }

  set current(value: T) {
    if (value === this.current) return;
    this.#changes.push({ from: this.#now(), value });
    if (this.#changes.length > KEPT) this.#changes.shift();
  }

  /** @param seconds device seconds */
  at(seconds: number): T {
    const change = this.#changes.findLast(({ from }) => from <= seconds) ?? this.#changes[0];
    return change?.value as T;
  }
}

/**
 * Spells in which nothing passes. They last exactly as long as the device takes, however late this machine is in ending them.
 */
export class Silences {
  readonly #spells: { readonly from: number; readonly to: number }[] = [];

  /** @param from @param to device seconds */
  add(from: number, to: number): void {
    this.#spells.push({ from, to });
    if (this.#spells.length > KEPT) this.#spells.shift();
  }

  covers(at: number): boolean {
    return this.#spells.some(({ from, to }) => at >= from && at < to);
  }
}
