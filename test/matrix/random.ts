/** Random numbers that a seed repeats: mulberry32, 32 bits of state. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to but not including 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)] as T;
  }

  /** So many of them, in their order. */
  sample<T>(from: readonly T[], count: number): readonly T[] {
    const left = from.map((_, index) => index);
    const chosen = Array.from({ length: Math.min(count, left.length) }, () => {
      return left.splice(Math.floor(this.next() * left.length), 1)[0] as number;
    });
    return chosen.toSorted((a, b) => a - b).map((index) => from[index] as T);
  }
}

/** What `ISSU_SEED` says; 1 without it, so that a run can be compared with the one before. */
export const seed = Number(process.env.ISSU_SEED ?? 1);

/** `ISSU_SHARD=1/2`: the first half of the cases, to be run beside the second. */
export function isOurs(number: number): boolean {
  const [shard = 1, of = 1] = (process.env.ISSU_SHARD ?? "1/1").split("/").map(Number);
  return number % of === shard % of;
}

/** A lab for each shard. */
export const labName = (name: string): string =>
  `${name}${process.env.ISSU_SHARD ? `-${process.env.ISSU_SHARD.replace("/", "-")}` : ""}`;
