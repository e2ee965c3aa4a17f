/**
 * Writes records to all members that are to have them: in batches, again until each has answered. A write counts as soon
 * as a majority of those in step has it.
 *
 * @module
 */
import { RECORD_LENGTH } from "./record.ts";
import { kind, RECORDS, RETRY_AFTER, WRITE_HEADER } from "./replica-wire.ts";

/** A member as a writer sees it; another one after a restart. */
export interface Receiver {
  readonly address: string;
  readonly inStep: boolean;
}

/** The members of a group, as they are at this moment. */
export interface Receivers {
  /** Those that get every change: in step, or on the way there. */
  readonly receivers: readonly Receiver[];
  /** How many of those in step must have a write before it counts. */
  readonly quorum: number;
  /** One has not answered for long. */
  missed(receiver: Receiver): void;
}

/** Least time between a write and the batch that takes it along, so that several go together, ms. */
const GATHERING = 2;
/** For how long whoever wrote is kept waiting for a majority, ms. */
const PATIENCE = 250;
/** Time without an answer after which a member no longer gets every change, ms. */
const MISSED_AFTER = 3_000;
/** Batches kept for members that can't be reached; then the oldest are given up. */
const KEPT = 10_000;

/** Told whether a majority has the write. */
type Told = (acknowledged: boolean) => void;

interface Batch {
  readonly id: number;
  readonly message: Buffer;
  readonly since: number;
  /** When it was first sent to each. */
  readonly sent: Map<Receiver, number>;
  readonly acked: Set<Receiver>;
  told: Told[] | undefined;
}

interface Waiter {
  readonly receiver: Receiver;
  readonly batches: Set<number>;
  readonly done: () => void;
}

export class ReplicaWriter {
  readonly #send: (message: Buffer, address: string) => void;
  readonly #group: () => Receivers | undefined;
  #pending = new Map<number, { record: Buffer; readonly told: Told[] }>();
  readonly #batches = new Map<number, Batch>();
  readonly #waiters = new Set<Waiter>();
  #next = 1;
  #flushing: NodeJS.Timeout | undefined;
  #retrying: NodeJS.Timeout | undefined;
  #retriedAt = 0;
  #paused = false;
  /** Writes that were answered for without a majority having them. */
  unacknowledged = 0;

  /** @param group undefined while there is none */
  constructor(send: (message: Buffer, address: string) => void, group: () => Receivers | undefined) {
    this.#send = send;
    this.#group = group;
  }

  close(): void {
    clearTimeout(this.#flushing);
    clearInterval(this.#retrying);
    this.#pending.clear();
    this.#batches.clear();
    for (const { done } of this.#waiters) done();
    this.#waiters.clear();
  }

  /** @param told not called if the writer is closed before */
  write(key: number, record: Buffer, told?: Told): void {
    const earlier = this.#pending.get(key);
    if (earlier) earlier.record = record;
    else this.#pending.set(key, { record, told: [] });
    if (told) this.#pending.get(key)?.told.push(told);
    if (this.#paused) return;
    if (this.#pending.size >= RECORDS) this.#flush();
    else this.#flushing ??= setTimeout(() => this.#flush(), GATHERING);
  }

  /** A member has answered. */
  written(message: Buffer, address: string): void {
    const batch = this.#batches.get(message.readUInt32LE(2));
    const group = this.#group();
    const receiver = group?.receivers.find((one) => one.address === address);
    if (!batch || !group || !receiver) return;
    batch.acked.add(receiver);
    for (const waiter of this.#waiters) {
      if (waiter.receiver === receiver) this.#passed(waiter, batch.id);
    }
    this.#settle(batch, group);
  }

  /** Resolves once the member has all that was written up to now, or is no longer to have it. */
  caughtUp(receiver: Receiver): Promise<void> {
    this.#flush();
    const batches = new Set<number>();
    for (const { id, acked } of this.#batches.values()) if (!acked.has(receiver)) batches.add(id);
    if (batches.size === 0) return Promise.resolve();
    return new Promise((done) => this.#waiters.add({ receiver, batches, done }));
  }

  /** Sends nothing new until `resume`; what is under way goes on. */
  pause(): void {
    this.#flush();
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    if (this.#paused || this.#pending.size === 0) return;
    const writes = [...this.#pending.values()];
    this.#pending = new Map();
    for (let from = 0; from < writes.length; from += RECORDS) {
      const part = writes.slice(from, from + RECORDS);
      const message = Buffer.allocUnsafe(WRITE_HEADER + part.length * RECORD_LENGTH);
      message[0] = kind.write;
      message[1] = part.length;
      message.writeUInt32LE(this.#next, 2);
      part.forEach(({ record }, i) => {
        record.copy(message, WRITE_HEADER + i * RECORD_LENGTH);
      });
      const told = part.flatMap((write) => write.told);
      const since = performance.now();
      this.#begin({ id: this.#next, message, since, sent: new Map(), acked: new Set(), told });
      this.#next = (this.#next + 1) >>> 0;
    }
    if (this.#retrying) return;
    this.#retriedAt = performance.now();
    this.#retrying = setInterval(() => this.#retry(), RETRY_AFTER);
  }

  #begin(batch: Batch): void {
    const group = this.#group();
    this.#batches.set(batch.id, batch);
    if (this.#batches.size > KEPT) this.#end(this.#batches.values().next().value as Batch);
    if (!group) return;
    this.#sendTo(batch, group);
    // Without a majority nobody is kept waiting for one.
    if (group.receivers.filter(({ inStep }) => inStep).length < group.quorum) this.#tell(batch, false);
    this.#settle(batch, group);
  }

  #sendTo(batch: Batch, { receivers }: Receivers): void {
    const now = performance.now();
    for (const receiver of receivers) {
      if (batch.acked.has(receiver)) continue;
      if (!batch.sent.has(receiver)) batch.sent.set(receiver, now);
      this.#send(batch.message, receiver.address);
    }
  }

  #settle(batch: Batch, group: Receivers): void {
    let acked = 0;
    let all = true;
    for (const receiver of group.receivers) {
      if (!batch.acked.has(receiver)) all = false;
      else if (receiver.inStep) acked++;
    }
    if (acked < group.quorum) return;
    this.#tell(batch, true);
    if (all) this.#end(batch);
  }

  #tell(batch: Batch, acknowledged: boolean): void {
    const { told } = batch;
    batch.told = undefined;
    if (!acknowledged && told) this.unacknowledged += told.length;
    for (const tell of told ?? []) tell(acknowledged);
  }

  #end(batch: Batch): void {
    this.#tell(batch, false);
    this.#batches.delete(batch.id);
    for (const waiter of this.#waiters) this.#passed(waiter, batch.id);
    if (this.#batches.size > 0) return;
    clearInterval(this.#retrying);
    this.#retrying = undefined;
  }

  #passed(waiter: Waiter, id: number): void {
    waiter.batches.delete(id);
    if (waiter.batches.size > 0) return;
    this.#waiters.delete(waiter);
    waiter.done();
  }

  #retry(): void {
    const group = this.#group();
    const now = performance.now();
    const missed = new Set<Receiver>();
    // While this process stood still nobody could answer, and what came since has not been read yet.
    const stood = now - this.#retriedAt - RETRY_AFTER;
    this.#retriedAt = now;
    if (stood > RETRY_AFTER)
      for (const { sent } of this.#batches.values())
        for (const [receiver, at] of sent) sent.set(receiver, at + stood);
    for (const batch of this.#batches.values()) {
      // The group itself has gone.
      if (!group) {
        this.#end(batch);
        continue;
      }
      if (batch.told && now - batch.since >= PATIENCE) this.#tell(batch, false);
      for (const receiver of group.receivers) {
        const since = batch.sent.get(receiver);
        if (since !== undefined && !batch.acked.has(receiver) && now - since >= MISSED_AFTER)
          missed.add(receiver);
      }
      this.#sendTo(batch, group);
      this.#settle(batch, group);
    }
    for (const receiver of missed) {
      // Should it come back, its time begins anew.
      for (const { sent } of this.#batches.values()) sent.delete(receiver);
      group?.missed(receiver);
    }
    for (const waiter of this.#waiters) {
      if (!missed.has(waiter.receiver) && group?.receivers.includes(waiter.receiver)) continue;
      this.#waiters.delete(waiter);
      waiter.done();
    }
  }
}
