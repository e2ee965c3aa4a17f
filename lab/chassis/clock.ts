/**
 * Time as the devices have it: their durations are the real ones, divided by one visible number.
 *
 * @module
 */

/** The simulation has ended; whatever still waits is to stop. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";
}

export class DeviceClock {
  /** Device seconds that pass in a second. */
  readonly timeScale: number;
  readonly #start = performance.now();
  readonly #startDate = Date.now();
  readonly #closed = new AbortController();

  constructor(timeScale: number) {
    this.timeScale = timeScale;
  }

  /** Device seconds since the simulation began. */
  now(): number {
    return this.at(performance.now());
  }

  /** Device seconds at a moment of this machine. @param milliseconds as `performance.now` has them */
  at(milliseconds: number): number {
    return ((milliseconds - this.#start) / 1000) * this.timeScale;
  }

  /** What the devices' own clocks say. @param seconds device seconds since the beginning; default: now */
  date(seconds: number = this.now()): Date {
    return new Date(this.#startDate + seconds * 1000);
  }

  /**
   * Waits for so many device seconds.
   *
   * @throws the signal's reason when it is aborted, {@link ClosedError} when the simulation ends
   */
  wait(seconds: number, signal?: AbortSignal): Promise<void> {
    const ends = [this.#closed.signal, ...(signal ? [signal] : [])];
    return new Promise((resolve, reject) => {
      const gone = ends.find(({ aborted }) => aborted);
      if (gone) return reject(gone.reason);
      const stop = (end: AbortSignal) => () => {
        settle();
        reject(end.reason);
      };
      const listeners = ends.map((end) => [end, stop(end)] as const);
      const timer = setTimeout(
        () => {
          settle();
          resolve();
        },
        (seconds * 1000) / this.timeScale,
      );
      const settle = () => {
        clearTimeout(timer);
        for (const [end, listener] of listeners) end.removeEventListener("abort", listener);
      };
      for (const [end, listener] of listeners) end.addEventListener("abort", listener, { once: true });
    });
  }

  /** Does something after so many device seconds, unless the simulation has ended. @returns what calls it off */
  after(seconds: number, work: () => void): () => void {
    const off = new AbortController();
    this.wait(seconds, off.signal).then(work, () => {});
    return () => off.abort(new ClosedError("called off"));
  }

  /** Ends every wait. */
  close(): void {
    this.#closed.abort(new ClosedError("the simulation has ended"));
  }
}
