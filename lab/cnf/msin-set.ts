/**
 * A set of subscribers, a bit each, since MSINs are dense.
 *
 * @module
 */
export class MsinSet {
  #bits = new Uint8Array(4096);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(msin: number): boolean {
    return ((this.#bits[msin >>> 3] ?? 0) & (1 << (msin & 7))) !== 0;
  }

  add(msin: number): void {
    const at = msin >>> 3;
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(at + 1)));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const before = this.#bits[at] ?? 0;
    const after = before | (1 << (msin & 7));
    if (after === before) return;
    this.#bits[at] = after;
    this.#size++;
  }

  *[Symbol.iterator](): Generator<number> {
    for (let at = 0; at < this.#bits.length; at++) {
      const byte = this.#bits[at] ?? 0;
      for (let bit = 0; byte >>> bit !== 0; bit++) if (byte & (1 << bit)) yield at * 8 + bit;
    }
  }
}
