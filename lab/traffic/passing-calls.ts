/**
 * Calls between subscribers who have just come: each lasts a while, then another pair has its turn. So the class of the
 * new is heard as well as the standing one (GRY-08).
 *
 * @module
 */
import type { Calls } from "./calls.ts";
import type { Subscribers } from "./subscribers.ts";

/** How long such a call lasts, ms. */
const LASTS = 20_000;

export class PassingCalls {
  readonly #subscribers: Subscribers;
  readonly #calls: Calls;
  readonly #free: number[] = [];
  /** By the even one of their streams. */
  readonly #running = new Map<
    number,
    { readonly slots: readonly [number, number]; readonly timer: NodeJS.Timeout }
  >();
  readonly #talking = new Set<number>();
  #waiting: number | undefined;

  /** @param first stream of the first such call */
  constructor(subscribers: Subscribers, calls: Calls, first: number, count: number) {
    this.#subscribers = subscribers;
    this.#calls = calls;
    for (let i = count - 1; i >= 0; i--) this.#free.push(first + 2 * i);
  }

  /** A subscriber has come. */
  offer(slot: number): void {
    if (this.#talking.has(slot) || this.#free.length === 0) return;
    this.#subscribers.hold(slot, true);
    this.#talking.add(slot);
    if (this.#waiting === undefined) {
      this.#waiting = slot;
      return;
    }
    const slots = [this.#waiting, slot] as const;
    this.#waiting = undefined;
    const stream = this.#free.pop() ?? 0;
    this.#calls.dial(stream, [this.#subscribers.msinOf(slots[0]), this.#subscribers.msinOf(slots[1])]);
    const timer = setTimeout(() => {
      this.#calls.hangUp(stream);
      this.#end(stream);
    }, LASTS);
    this.#running.set(stream, { slots, timer });
  }

  slotOf(stream: number): number | undefined {
    return this.#running.get(stream & ~1)?.slots[stream & 1];
  }

  /** Ends all of them. */
  reset(): void {
    for (const stream of [...this.#running.keys()]) {
      this.#calls.hangUp(stream);
      this.#end(stream);
    }
    if (this.#waiting !== undefined) this.#release(this.#waiting);
    this.#waiting = undefined;
  }

  #end(stream: number): void {
    const call = this.#running.get(stream);
    if (!call) return;
    clearTimeout(call.timer);
    this.#running.delete(stream);
    this.#free.push(stream);
    for (const slot of call.slots) this.#release(slot);
  }

  #release(slot: number): void {
    this.#talking.delete(slot);
    this.#subscribers.hold(slot, false);
  }
}
