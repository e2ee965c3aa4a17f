/**
 * Reads records from a majority of the members in step, so that whatever a majority has acknowledged is seen.
 *
 * @module
 */
import { decodeRecord, RECORD_LENGTH, type StoredRecord } from "./record.ts";
import { kind, RECORDS, RETRY_AFTER, WRITE_HEADER } from "./replica-wire.ts";
import type { Receivers } from "./replica-writer.ts";

/** Least time between a question and the message that takes it along, so that several go together, ms. */
const GATHERING = 1;
/** For how long a majority is waited for; then the best answer there is counts, ms. */
const PATIENCE = 1_000;

type Found = (record: StoredRecord | undefined) => void;

interface Question {
  readonly message: Buffer;
  readonly since: number;
  readonly askers: Map<number, Found[]>;
  readonly best: Map<number, StoredRecord>;
  readonly answered: Set<string>;
}

export class ReplicaReader {
  readonly #send: (message: Buffer, address: string) => void;
  readonly #group: () => Receivers | undefined;
  #pending = new Map<number, Found[]>();
  readonly #questions = new Map<number, Question>();
  #next = 1;
  #asking: NodeJS.Timeout | undefined;
  #retrying: NodeJS.Timeout | undefined;

  constructor(send: (message: Buffer, address: string) => void, group: () => Receivers | undefined) {
    this.#send = send;
    this.#group = group;
  }

  /** Questions that are open stay without an answer. */
  close(): void {
    clearTimeout(this.#asking);
    clearInterval(this.#retrying);
    this.#pending.clear();
    this.#questions.clear();
  }

  /** @returns the record, also of one that was deleted; undefined if nobody knows one */
  read(key: number): Promise<StoredRecord | undefined> {
    return new Promise((found) => {
      const others = this.#pending.get(key);
      if (others) others.push(found);
      else this.#pending.set(key, [found]);
      if (this.#pending.size >= RECORDS) this.#ask();
      else this.#asking ??= setTimeout(() => this.#ask(), GATHERING);
    });
  }

  /** A member has answered. */
  found(message: Buffer, address: string): void {
    const id = message.readUInt32LE(2);
    const question = this.#questions.get(id);
    const group = this.#group();
    if (!question || !group) return;
    if (!group.receivers.some((one) => one.address === address && one.inStep)) return;
    for (let i = 0; i < (message[1] ?? 0); i++) {
      const record = decodeRecord(message, WRITE_HEADER + i * RECORD_LENGTH);
      const best = question.best.get(record.key);
      if (!best || record.version > best.version) question.best.set(record.key, record);
    }
    question.answered.add(address);
    if (question.answered.size >= group.quorum) this.#answer(id, question);
  }

  #ask(): void {
    clearTimeout(this.#asking);
    this.#asking = undefined;
    const askers = this.#pending;
    this.#pending = new Map();
    const message = Buffer.allocUnsafe(WRITE_HEADER + 4 * askers.size);
    const id = this.#next;
    this.#next = (this.#next + 1) >>> 0;
    message[0] = kind.read;
    message[1] = askers.size;
    message.writeUInt32LE(id, 2);
    [...askers.keys()].forEach((key, i) => {
      message.writeUInt32LE(key, WRITE_HEADER + 4 * i);
    });
    this.#questions.set(id, {
      message,
      askers,
      since: performance.now(),
      best: new Map(),
      answered: new Set(),
    });
    this.#sendAll();
    this.#retrying ??= setInterval(() => this.#sendAll(), RETRY_AFTER);
  }

  #sendAll(): void {
    const group = this.#group();
    for (const [id, question] of this.#questions) {
      const inStep = group?.receivers.filter((one) => one.inStep) ?? [];
      if (inStep.length === 0 || performance.now() - question.since >= PATIENCE) {
        this.#answer(id, question);
        continue;
      }
      for (const { address } of inStep)
        if (!question.answered.has(address)) this.#send(question.message, address);
    }
  }

  #answer(id: number, { askers, best }: Question): void {
    this.#questions.delete(id);
    if (this.#questions.size === 0) {
      clearInterval(this.#retrying);
      this.#retrying = undefined;
    }
    for (const [key, told] of askers) for (const tell of told) tell(best.get(key));
  }
}
