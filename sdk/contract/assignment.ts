/**
 * The order in which subscribers move, as the contract wants it: by quota, deterministic and sticky. A subscriber holds a
 * position in [0, 100) from its arrival to its departure and is on the right exactly while `position < ratio`. So raising
 * the ratio from r1 to r2 moves only those between, and lowering it moves the same ones back.
 *
 * Positions follow the golden-ratio sequence in order of arrival, whose every prefix fills [0, 100) evenly: with n
 * subscribers the split errs by about log(n)/n, where a hash of the identity errs by about 1/sqrt(n). Freed positions are
 * given out again first, so departures leave no holes.
 *
 * @module
 */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

export class Assignment {
  private next = 0;
  private readonly freed: number[] = [];
  private readonly positions = new Map<string, number>();

  /** Position of a subscriber in percent; one that is new is given the next. */
  admit(subscriber: string): number {
    const held = this.positions.get(subscriber);
    if (held !== undefined) return held;
    const position = this.freed.pop() ?? ((this.next++ * GOLDEN) % 1) * 100;
    this.positions.set(subscriber, position);
    return position;
  }

  /** Forgets a subscriber and keeps its position for the next arrival. */
  release(subscriber: string): void {
    const position = this.positions.get(subscriber);
    if (position === undefined) return;
    this.positions.delete(subscriber);
    this.freed.push(position);
  }

  get size(): number {
    return this.positions.size;
  }
}
