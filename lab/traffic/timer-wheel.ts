/**
 * A timer for each of many subscribers without an object for each: buckets of a hundredth of a second, linked through
 * typed arrays.
 *
 * @module
 */
const TICK = 10;
const BUCKETS = 8192;
/** In place of a bucket: not set, and about to fire. */
const UNSET = -1;
const FIRING = -2;

export class TimerWheel {
  readonly #heads = new Int32Array(BUCKETS).fill(-1);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Bucket of a slot; -1 if its timer is not set. */
  readonly #bucket: Int32Array;
  readonly #due: Float64Array;
  #tick: number;

  /** @param now ms, of the clock that all other instants are of */
  constructor(slots: number, now: number) {
    this.#next = new Int32Array(slots);
    this.#previous = new Int32Array(slots);
    this.#bucket = new Int32Array(slots).fill(-1);
    this.#due = new Float64Array(slots);
    this.#tick = Math.floor(now / TICK);
  }

  /** Sets a slot's timer, in place of the one it had. */
  set(slot: number, due: number): void {
    this.clear(slot);
    this.#due[slot] = due;
    // What lies beyond a turn of the wheel is looked at once a turn.
    const tick = Math.min(Math.max(Math.ceil(due / TICK), this.#tick + 1), this.#tick + BUCKETS - 1);
    const bucket = tick % BUCKETS;
    const head = this.#heads[bucket] ?? -1;
    this.#next[slot] = head;
    this.#previous[slot] = -1;
    if (head >= 0) this.#previous[head] = slot;
    this.#heads[bucket] = slot;
    this.#bucket[slot] = bucket;
  }

  clear(slot: number): void {
    const bucket = this.#bucket[slot] ?? -1;
    this.#bucket[slot] = UNSET;
    if (bucket < 0) return;
    const next = this.#next[slot] ?? -1;
    const previous = this.#previous[slot] ?? -1;
    if (next >= 0) this.#previous[next] = previous;
    if (previous >= 0) this.#next[previous] = next;
    else this.#heads[bucket] = next;
  }

  /** Tells every slot whose timer is due; its timer is no longer set then. */
  advance(now: number, fire: (slot: number) => void): void {
    const until = Math.floor(now / TICK);
    while (this.#tick < until) {
      this.#tick++;
      const bucket = this.#tick % BUCKETS;
      let slot = this.#heads[bucket] ?? -1;
      this.#heads[bucket] = -1;
      // Detached first: whoever fires may set its timer again, into this very bucket a turn later.
      const due: number[] = [];
      for (; slot >= 0; slot = this.#next[slot] ?? -1) {
        this.#bucket[slot] = FIRING;
        due.push(slot);
      }
      for (const one of due) {
        // One that fired before it may have stopped this one, or set it anew.
        if (this.#bucket[one] !== FIRING) continue;
        this.#bucket[one] = UNSET;
        if ((this.#due[one] ?? 0) > now) this.set(one, this.#due[one] ?? 0);
        else fire(one);
      }
    }
  }
}
