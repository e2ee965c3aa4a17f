/**
 * Keeps the status of the split current without burdening the API server: at once when everybody has arrived, five times
 * a second while they move, once a second when only numbers wander.
 *
 * @module
 */
import type { SubscriberSplitStatus } from "pulumi-issu/contract";

/** Least time between two writes, ms. */
const WHILE_MOVING = 200;
const WHILE_SETTLED = 1_000;
const AFTER_FAILURE = 500;

export interface StatusSource {
  /** Name of the split; undefined if there is none. */
  name(): string | undefined;
  status(): SubscriberSplitStatus;
  write(name: string, status: SubscriberSplitStatus): Promise<void>;
  log(line: string): void;
}

export class StatusWriter {
  readonly #source: StatusSource;
  #timer: NodeJS.Timeout | undefined;
  #tick: NodeJS.Timeout;
  #writing = false;
  #written = "";
  #shape = "";
  #at = 0;
  /** After a failure. */
  #notBefore = 0;
  #failing = false;
  #closed = false;

  constructor(source: StatusSource) {
    this.#source = source;
    this.#tick = setInterval(() => this.poke(), WHILE_SETTLED);
    this.#tick.unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#tick);
  }

  /** Something may have changed. */
  poke(): void {
    if (this.#writing || this.#closed) return;
    const name = this.#source.name();
    if (name === undefined) return;
    const status = this.#source.status();
    // Numbers may wait; what somebody may be waiting for may not.
    const shape = JSON.stringify([
      name,
      status.observedGeneration,
      status.moving === 0,
      status.instances.map((i) => [i.name, i.serving, i.draining, i.subscribers === 0]),
    ]);
    const urgent = shape !== this.#shape;
    const now = performance.now();
    const interval = status.moving > 0 ? WHILE_MOVING : WHILE_SETTLED;
    const due = Math.max(urgent ? 0 : this.#at + interval - now, this.#notBefore - now);
    if (due > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.poke();
      }, due);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = JSON.stringify(status);
    if (text === this.#written && !urgent) return;
    void this.#write(name, status, text, shape);
  }

  async #write(name: string, status: SubscriberSplitStatus, text: string, shape: string): Promise<void> {
    this.#writing = true;
    this.#at = performance.now();
    try {
      await this.#source.write(name, status);
      this.#failing = false;
      this.#written = text;
      this.#shape = shape;
    } catch (error) {
      this.#notBefore = performance.now() + AFTER_FAILURE;
      if (!this.#failing)
        this.#source.log(`split ${name}: status not written: ${firstLine(error)}; trying on`);
      this.#failing = true;
    } finally {
      this.#writing = false;
    }
    this.poke();
  }
}

/** Errors of the client carry the whole answer. */
function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n", 1)[0] ?? "";
}
