/**
 * What one receiver is still to be told. Alarms go in order, one request at a time; a receiver that is away or slow holds up
 * nothing but its own queue, which is bounded.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { AlarmNotice } from "../alarms";
import type { Undelivered } from "./post";
import type { AlarmSink } from "./sink";

const MOST_WAITING = 200;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** Times a notice is tried that the receiver refuses for good (a wrong token, a wrong address). */
const REFUSALS = 3;

export class Outbox {
  readonly sink: AlarmSink;
  private waiting: AlarmNotice[] = [];
  private working: Promise<void> | undefined;
  private readonly ending = new AbortController();
  private readonly hurry = new AbortController();
  private readonly trouble: (reason: string | undefined) => void;
  private troubled = false;

  /** @param trouble told why a notice could not be delivered, once; and undefined when one gets through again. */
  constructor(sink: AlarmSink, trouble: (reason: string | undefined) => void) {
    this.sink = sink;
    this.trouble = trouble;
  }

  put(notices: readonly AlarmNotice[]): void {
    if (notices.length === 0 || this.ending.signal.aborted) return;
    this.waiting.push(...notices);
    // The oldest go first: what is over is worth less than what is.
    this.waiting.splice(0, Math.max(0, this.waiting.length - MOST_WAITING));
    this.working ??= this.work().finally(() => {
      this.working = undefined;
    });
  }

  /** Sends what is left without waiting between tries, and gives up after `withinMs`. */
  async end(last: readonly AlarmNotice[], staysUntil: number, withinMs: number): Promise<void> {
    const over = delay(withinMs, undefined, { ref: false }).then(() => this.ending.abort());
    this.hurry.abort();
    const finish = async () => {
      await this.working;
      if (last.length > 0) await this.sink.send(last, this.ending.signal, staysUntil);
    };
    await Promise.race([finish().catch((error: Error) => this.fail(error.message)), over]);
    this.ending.abort();
  }

  private async work(): Promise<void> {
    let failures = 0;
    while (this.waiting.length > 0 && !this.ending.signal.aborted) {
      const batch = [...this.waiting];
      try {
        await this.sink.send(batch, this.ending.signal);
        failures = 0;
        if (this.troubled) this.trouble(undefined);
        this.troubled = false;
        this.waiting = this.waiting.filter((one) => !batch.includes(one));
      } catch (error) {
        const { message, passing } = error as Undelivered;
        failures += 1;
        this.fail(message);
        // The last notices of a run get one more try each, without the waits.
        if (this.hurry.signal.aborted || (passing === false && failures >= REFUSALS)) {
          this.waiting = this.waiting.filter((one) => !batch.includes(one));
          failures = 0;
          continue;
        }
        const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** (failures - 1));
        await delay(wait, undefined, { signal: this.hurry.signal, ref: false }).catch(() => undefined);
      }
    }
  }

  private fail(reason: string): void {
    if (this.troubled || this.ending.signal.aborted) return;
    this.troubled = true;
    this.trouble(reason);
  }
}
