/**
 * Keeps the status of a resource current without burdening the API server: at once when something has happened that
 * somebody may be waiting for, five times a second while things move, once a second when only numbers wander.
 *
 * @module
 */
/** Least time between two writes, ms. */
const WHILE_MOVING = 200;
const WHILE_SETTLED = 1_000;
const AFTER_FAILURE = 500;

export interface StatusSource<Status> {
  /** For the log, e.g. `split amf`. */
  readonly what: string;
  /** Name of the resource; undefined if there is none. */
  name(): string | undefined;
  status(): Status;
  /** What somebody may be waiting for. */
  shape(status: Status): unknown;
  /** Whether more is about to change. */
  moving(status: Status): boolean;
  write(name: string, status: Status): Promise<void>;
  log(line: string): void;
}

export class StatusWriter<Status> {
  readonly #source: StatusSource<Status>;
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

  constructor(source: StatusSource<Status>) {
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
    const shape = JSON.stringify([name, this.#source.shape(status)]);
    const urgent = shape !== this.#shape;
    const now = performance.now();
    const interval = this.#source.moving(status) ? WHILE_MOVING : WHILE_SETTLED;
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

  async #write(name: string, status: Status, text: string, shape: string): Promise<void> {
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
        this.#source.log(`${this.#source.what}: status not written: ${firstLine(error)}; trying on`);
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
