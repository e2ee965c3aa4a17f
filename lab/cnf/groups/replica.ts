/**
 * The records of one member, and its socket at the pod's own address: takes writes, answers questions, gives copies out
 * and takes one over.
 *
 * @module
 */
import { bindUdp, closeUdp, type RemoteInfo, type Socket } from "../udp.ts";
import { ports } from "../wire.ts";
import { Copy, CopySource, type CopyTerms } from "./copy.ts";
import type { Form } from "./form.ts";
import { RECORD_LENGTH, RecordTable } from "./record.ts";
import { COPY_HEADER, kind, WRITE_HEADER } from "./replica-wire.ts";

export interface Ailments {
  /** The others can't be reached. */
  cutOff(): boolean;
  /** There is no space left. */
  full(): boolean;
}

export class Replica {
  readonly address: string;
  /** Of the records in its table. */
  readonly form: Form;
  table = new RecordTable();
  /** Told of answers to writes that were sent from here. */
  onWritten: (message: Buffer, from: string) => void = () => {};
  /** What ails it, by faults. */
  readonly #ailments: Ailments;
  /** Told of messages from outside. */
  onProbe: (message: Buffer) => void = () => {};

  readonly #source = new CopySource(this);
  #socket!: Socket;
  #copy: Copy | undefined;

  constructor(address: string, form: Form, ailments: Ailments) {
    this.#ailments = ailments;
    this.address = address;
    this.form = form;
  }

  /** @throws {Error} if its socket can't be bound. */
  async open(): Promise<void> {
    this.#socket = await bindUdp(this.address, ports.replica, (message, from) =>
      this.#receive(message, from),
    );
  }

  close(): void {
    this.#copy?.cancel();
    if (this.#socket) closeUdp(this.#socket);
  }

  send(message: Buffer, address: string, port: number = ports.replica): void {
    if (address !== this.address && this.#ailments.cutOff()) return;
    this.#socket.send(message, port, address);
  }

  /** Begins to take over the records of another member; a copy in hand is given up. */
  copyFrom(address: string, terms: CopyTerms): Copy {
    this.#copy?.cancel();
    this.#copy = new Copy(this, address, terms);
    return this.#copy;
  }

  /** Whether it can take records in. */
  get full(): boolean {
    return this.#ailments.full();
  }

  #receive(message: Buffer, from: RemoteInfo): void {
    if (from.address !== this.address && this.#ailments.cutOff()) return;
    switch (message[0]) {
      case kind.write: {
        if (this.full) return;
        for (let i = 0; i < (message[1] ?? 0); i++) {
          const offset = WRITE_HEADER + i * RECORD_LENGTH;
          this.form.turn(message, offset);
          this.table.apply(message, offset);
        }
        const answer = Buffer.allocUnsafe(WRITE_HEADER);
        message.copy(answer, 0, 0, WRITE_HEADER);
        answer[0] = kind.written;
        this.send(answer, from.address, from.port);
        return;
      }
      case kind.written:
        this.onWritten(message, from.address);
        return;
      case kind.read:
        this.#find(message, from);
        return;
      case kind.copy:
        if (message.length === COPY_HEADER) this.#source.give(message, from.port, from.address);
        return;
      case kind.copied:
        this.#copy?.receive(message);
        return;
      case kind.probe:
        this.onProbe(message.subarray(1));
        return;
    }
  }

  #find(question: Buffer, from: RemoteInfo): void {
    const keys = question[1] ?? 0;
    const answer = Buffer.allocUnsafe(WRITE_HEADER + keys * RECORD_LENGTH);
    let found = 0;
    for (let i = 0; i < keys; i++) {
      const key = question.readUInt32LE(WRITE_HEADER + 4 * i);
      const offset = WRITE_HEADER + found * RECORD_LENGTH;
      if (!this.table.copy(key, answer, offset)) continue;
      this.form.turn(answer, offset);
      found++;
    }
    question.copy(answer, 0, 0, WRITE_HEADER);
    answer[0] = kind.found;
    answer[1] = found;
    this.send(answer.subarray(0, WRITE_HEADER + found * RECORD_LENGTH), from.address, from.port);
  }
}
