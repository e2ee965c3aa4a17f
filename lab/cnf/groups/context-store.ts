/**
 * How one load-sharing instance keeps its subscribers' contexts in the data-storage component, so that another can go on
 * with them when it dies (TEF-9). Without such a component it does nothing.
 *
 * @module
 */
import { type Context, newContext } from "../context.ts";
import { bindUdp, closeUdp, type Socket } from "../udp.ts";
import { ports } from "../wire.ts";
import { encodeRecord, nextVersion, PAYLOAD_LENGTH } from "./record.ts";
import { ReplicaReader } from "./replica-reader.ts";
import { kind } from "./replica-wire.ts";
import { ReplicaWriter } from "./replica-writer.ts";
import type { StorageGroup } from "./storage-group.ts";

/** Contexts that are written in one go when the component has just come up, and the time between two such, ms. */
const SEEDED = 500;
const SEEDING = 10;

export class ContextStore {
  readonly writer: ReplicaWriter;
  readonly #reader: ReplicaReader;
  readonly #group: () => StorageGroup | undefined;
  #socket!: Socket;
  #seeding: NodeJS.Timeout | undefined;
  /** Contexts that were taken from there. */
  recovered = 0;

  private constructor(group: () => StorageGroup | undefined) {
    this.#group = group;
    const send = (message: Buffer, address: string) => this.#socket.send(message, ports.replica, address);
    this.writer = new ReplicaWriter(send, group);
    this.#reader = new ReplicaReader(send, group);
  }

  /**
   * @param address of the instance
   * @throws {Error} if no socket can be bound there
   */
  static async open(address: string, group: () => StorageGroup | undefined): Promise<ContextStore> {
    const store = new ContextStore(group);
    store.#socket = await bindUdp(address, ports.replica, (message, from) => {
      if (message[0] === kind.written) store.writer.written(message, from.address);
      else if (message[0] === kind.found) store.#reader.found(message, from.address);
    });
    return store;
  }

  close(): void {
    clearTimeout(this.#seeding);
    this.writer.close();
    this.#reader.close();
    closeUdp(this.#socket);
  }

  /**
   * Writes a context as it is now.
   *
   * @param then called once it is kept, or once nothing can be done about that; not called after `close`
   */
  put(context: Context, then: () => void = () => {}): void {
    if (!this.#group()) {
      then();
      return;
    }
    const payload = Buffer.alloc(PAYLOAD_LENGTH);
    payload.writeUInt32LE(context.address, 0);
    payload.writeUInt16LE(context.port, 4);
    payload[6] = context.sessions;
    this.writer.write(context.msin, encodeRecord(context.msin, nextVersion(), payload), then);
  }

  /** The subscriber has left for good. */
  remove(msin: number, then: () => void): void {
    if (this.#group()) this.writer.write(msin, encodeRecord(msin, nextVersion(), undefined), then);
    else then();
  }

  /** Whether there is anything to ask. */
  get present(): boolean {
    return this.#group()?.table !== undefined;
  }

  /** @returns undefined if nobody knows the subscriber */
  async find(msin: number): Promise<Context | undefined> {
    const record = await this.#reader.read(msin);
    if (!record || record.deleted) return undefined;
    const { payload } = record;
    const context = newContext(msin, payload.readUInt32LE(0), payload.readUInt16LE(4));
    context.registered = true;
    context.sessions = payload[6] ?? 0;
    return context;
  }

  /** The component has come up while these contexts were here already. */
  seed(contexts: readonly Context[]): void {
    clearTimeout(this.#seeding);
    for (const context of contexts.slice(0, SEEDED)) if (context.registered) this.put(context);
    const rest = contexts.slice(SEEDED);
    if (rest.length > 0) this.#seeding = setTimeout(() => this.seed(rest), SEEDING);
  }
}
