/**
 * The order in which subscribers move, as the contract wants it: by quota, deterministic and sticky. A subscriber holds a
 * position in [0, 100) from its arrival to its departure and is on the right exactly while its position is below the
 * threshold. So raising the ratio from r1 to r2 moves only those between, and lowering it moves the same ones back.
 *
 * Positions follow the golden-ratio sequence in order of arrival, whose every prefix fills [0, 100) evenly: with n
 * subscribers the split errs by about log(n)/n, where a hash of the identity errs by about 1/sqrt(n). Freed positions are
 * given out again first, so that departures leave no holes.
 *
 * The threshold is the ratio itself. Only when departures that nobody replaces have bent the split by more than the
 * tolerance is it shifted, to where the share is exact again; that moves those few who are next to it.
 *
 * @module
 */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** Share of the subscribers by which the split may be off before the threshold is shifted; at least one subscriber. */
const TOLERANCE = 0.002;

export class Assignment {
  private next = 0;
  private readonly freed: number[] = [];
  private readonly positions = new Map<string, number>();
  private set = 0;
  private limit = 0;
  private below = 0;

  /**
   * Gives a subscriber its position, or tells the one it holds.
   *
   * @returns position in percent
   */
  admit(subscriber: string): number {
    const held = this.positions.get(subscriber);
    if (held !== undefined) return held;
    const position = this.freed.pop() ?? ((this.next++ * GOLDEN) % 1) * 100;
    this.positions.set(subscriber, position);
    if (position < this.limit) this.below++;
    this.repair();
    return position;
  }

  /** Forgets a subscriber and keeps its position for the next arrival. */
  release(subscriber: string): void {
    const position = this.positions.get(subscriber);
    if (position === undefined) return;
    this.positions.delete(subscriber);
    this.freed.push(position);
    if (position < this.limit) this.below--;
    this.repair();
  }

  /** Share of the subscribers that belong on the right, in percent, 0 to 100. */
  get ratio(): number {
    return this.set;
  }

  set ratio(ratio: number) {
    const before = { ratio: this.set, limit: this.limit };
    if (ratio === before.ratio) return;
    this.set = ratio;
    this.limit = ratio;
    this.below = this.count(ratio);
    this.repair();
    // A shifted threshold must not turn a rise into a fall for anybody, nor the other way round.
    const sticky =
      ratio > before.ratio ? Math.max(this.limit, before.limit) : Math.min(this.limit, before.limit);
    if (sticky !== this.limit) {
      this.limit = sticky;
      this.below = this.count(sticky);
    }
  }

  /** Positions below it are on the right, in percent. Whenever it changes, some subscribers may have changed sides. */
  get threshold(): number {
    return this.limit;
  }

  /** Whether a subscriber belongs on the right; false for one that was not admitted. */
  onRight(subscriber: string): boolean {
    const position = this.positions.get(subscriber);
    return position !== undefined && position < this.limit;
  }

  /** Subscribers that hold a position. */
  get size(): number {
    return this.positions.size;
  }

  /** Those of them that belong on the right. */
  get right(): number {
    return this.below;
  }

  private repair(): void {
    const size = this.positions.size;
    const wanted = (size * this.set) / 100;
    if (Math.abs(this.below - wanted) <= Math.max(1, TOLERANCE * size)) return;
    const sorted = Float64Array.from(this.positions.values()).sort();
    this.below = Math.round(wanted);
    this.limit = sorted[this.below] ?? 100;
  }

  private count(limit: number): number {
    let count = 0;
    for (const position of this.positions.values()) if (position < limit) count++;
    return count;
  }
}
