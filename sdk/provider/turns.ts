/**
 * Work that waits for its turn, so that a program with many targets does not ask everything of a cluster at once: an API
 * server turns such a crowd away (429).
 *
 * @module
 */
export class Turns {
  private readonly most: number;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param most at work at a time. */
  constructor(most: number) {
    this.most = most;
  }

  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= this.most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.running++;
    try {
      return await work();
    } finally {
      // The place goes to the next one as it is.
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
