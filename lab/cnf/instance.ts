/**
 * One instance of the network function: sockets on its pod's own address, sessions in its memory, KPIs over HTTP. What it
 * holds dies with it.
 *
 * Answers leave by the service address, which every instance has as well (direct server return), so that neighbours see
 * one network function only (GRY-02).
 *
 * @module
 */
import { createServer, type Server } from "node:http";
import { type Context, newContext } from "./context.ts";
import type { Faults } from "./faults.ts";
import { ContextStore } from "./groups/context-store.ts";
import type { StorageGroup } from "./groups/storage-group.ts";
import { Kpis } from "./kpis.ts";
import { Transfer } from "./transfer.ts";
import { bindUdp, closeUdp, type RemoteInfo, type Socket } from "./udp.ts";
import { at, cause, flag, HEADER, ports, procedureNumber, sideOf, type, unpackAddress } from "./wire.ts";

export interface InstanceIdentity {
  /** Number on the wire, unique within the network function. */
  readonly number: number;
  readonly pod: string;
  /** IPv4 address of the pod. */
  readonly address: string;
  readonly workload: string;
  readonly version: string;
  readonly metricsPort: number;
  readonly metricsPath: string;
}

/** What an instance needs of its surroundings. */
export interface InstanceHost {
  readonly faults: Faults;
  /** Subscribers that an instance is rated for. */
  readonly ratedSubscribers: number;
  /** Sends from the service address. */
  sendSignalling(message: Buffer, port: number, address: string): void;
  sendMedia(message: Buffer, port: number, address: string): void;
  /** Whether an instance lives at that address. */
  alive(address: string): boolean;
  /** A subscriber has left for good. */
  departed(msin: number): void;
  /** Where contexts are kept beyond the life of an instance; undefined if nowhere. */
  store(): StorageGroup | undefined;
}

const REGISTRATION = procedureNumber("registration");
/** Procedures by which a subscriber comes, and by which it gets a session; of 5G and of 4G. */
const ATTACH = procedureNumber("attach");
const PDU_SESSION = procedureNumber("pdu-session-establishment");
const PDN_CONNECTION = procedureNumber("pdn-connection");
const PAGING = procedureNumber("paging");

/** Address of a node that subscribers are connected through; there are few. */
const addresses = new Map<number, string>();
function addressOf(packed: number): string {
  let address = addresses.get(packed);
  if (address === undefined) {
    address = unpackAddress(packed);
    addresses.set(packed, address);
  }
  return address;
}

export class Instance {
  readonly identity: InstanceIdentity;
  readonly contexts = new Map<number, Context>();
  readonly kpis = new Kpis();
  /** Number of the side it serves; 0 if both or none, in which case the load balancer's stamp on a request says it. */
  side = 0;
  sessions = 0;
  closed = false;

  readonly #host: InstanceHost;
  readonly #trailer: Buffer;
  readonly #sockets: Socket[] = [];
  #metrics: Server | undefined;
  #transfer!: Transfer;
  #store!: ContextStore;
  /** Messages for subscribers whose contexts are being asked for. */
  readonly #recalled = new Map<number, { readonly message: Buffer; readonly media: boolean }[]>();

  private constructor(identity: InstanceIdentity, host: InstanceHost) {
    this.identity = identity;
    this.#host = host;
    this.#trailer = Buffer.from(`${identity.version}\0${identity.pod}\0`);
  }

  /** @throws {Error} if one of its sockets can't be bound. */
  static async start(identity: InstanceIdentity, host: InstanceHost): Promise<Instance> {
    const instance = new Instance(identity, host);
    try {
      await instance.#open();
    } catch (error) {
      instance.close();
      throw error;
    }
    return instance;
  }

  async #open(): Promise<void> {
    const { address, metricsPort } = this.identity;
    this.#sockets.push(await bindUdp(address, ports.signalling, (message) => this.onSignalling(message)));
    this.#sockets.push(await bindUdp(address, ports.media, (message) => this.onMedia(message)));
    const internal = await bindUdp(address, ports.internal, (message, from) => this.#internal(message, from));
    this.#sockets.push(internal);
    this.#transfer = new Transfer(this, internal);
    this.#store = await ContextStore.open(address, () => this.#host.store());
    const server = createServer((request, response) => this.#serveMetrics(request.url ?? "", response));
    this.#metrics = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: address, port: metricsPort, exclusive: true }, () => resolve());
    });
  }

  /** Ends it abruptly: what it holds is lost. */
  close(): void {
    this.closed = true;
    for (const socket of this.#sockets) closeUdp(socket);
    this.#metrics?.close();
    this.#metrics?.closeAllConnections();
    this.#transfer?.close();
    this.#store?.close();
    this.#recalled.clear();
    this.contexts.clear();
    this.sessions = 0;
  }

  /**
   * Takes contexts over from another instance, by the internal interface.
   *
   * @returns those that the other instance did not have
   * @throws {Error} if it does not answer or has died
   */
  takeOver(from: Instance, msins: readonly number[]): Promise<readonly number[]> {
    return this.#transfer.fetch(from, msins);
  }

  /** A context has arrived from elsewhere; its subscriber is told who serves it now. */
  adopt(context: Context): void {
    this.#replace(context.msin, context);
    this.inform(context.msin, this.side);
  }

  /** Tells a subscriber which side serves it now; nothing to one that has not registered yet. */
  inform(msin: number, side: number): void {
    const context = this.contexts.get(msin);
    if (!context?.registered) return;
    const message = this.#message(type.update, 0, msin, 0, context.sessions, cause.none, side);
    this.#host.sendSignalling(message, context.port, addressOf(context.address));
  }

  /** A subscriber that is admitted here; whoever it was handed to before has lost it. */
  claim(msin: number): void {
    this.#transfer.claim(msin);
  }

  /** Takes a context away, for another instance to have it. */
  surrender(msin: number): Context | undefined {
    const context = this.contexts.get(msin);
    if (context) this.#replace(msin, undefined);
    return context;
  }

  onSignalling(message: Buffer): void {
    const msin = message.readUInt32LE(at.msin);
    const context = this.contexts.get(msin);
    if (!context && this.#transfer.redirect(msin, message, false)) return;
    if (!context && needsContext(message) && this.#recall(msin, message, false)) return;
    this.#signal(message, msin, context);
  }

  #signal(message: Buffer, msin: number, context: Context | undefined): void {
    switch (message[at.type]) {
      case type.request:
        this.#request(message, msin, context);
        return;
      case type.challengeAnswer:
        this.#challengeAnswer(message, context);
        return;
      case type.reach:
        this.#reach(message, msin, context);
        return;
      case type.pageAnswer:
        this.#pageAnswer(message, context);
        return;
      case type.releaseSession:
        if (!context) return;
        this.#setSessions(context, context.sessions & ~(message[at.sessions] ?? 0));
        this.#store.put(context);
        return;
      case type.deregister:
        if (context) this.#replace(msin, undefined);
        this.#store.remove(msin, () => {
          this.#reply(message, type.deregisterAnswer, 0, cause.none);
          this.#host.departed(msin);
        });
        return;
    }
  }

  onMedia(message: Buffer): void {
    const msin = message.readUInt32LE(at.msin);
    const context = this.contexts.get(msin);
    if (!context) {
      if (!this.#transfer.redirect(msin, message, true)) this.#recall(msin, message, true);
      return;
    }
    if ((context.sessions & 1) === 0) return;
    message.writeUInt16LE(this.identity.number, at.instance);
    if (this.side !== 0) message[at.side] = this.side;
    this.#host.sendMedia(message, message.readUInt16LE(at.port), addressOf(message.readUInt32LE(at.address)));
  }

  #request(message: Buffer, msin: number, known: Context | undefined): void {
    const procedure = message[at.procedure] ?? 0;
    const initial = isInitial(message);
    const transaction = message.readUInt32LE(at.transaction);
    if (initial && known?.registered && known.transaction === transaction) {
      // Sent again before the answer came; the subscriber has it by now, and has gone on.
      this.#finish(message, procedure, known.sessions, cause.none);
      return;
    }
    if (known) this.#abandon(known);
    if (!known && !initial) {
      this.#finish(message, procedure, 0, cause.implicitlyDeregistered);
      return;
    }
    if (this.#host.faults.rejects(this.identity.version, procedure, msin)) {
      this.#finish(message, procedure, known?.sessions ?? 0, cause.congestion);
      return;
    }
    if (hasUserCause(message)) {
      this.#finish(message, procedure, known?.sessions ?? 0, cause.notSubscribed);
      return;
    }
    const address = message.readUInt32LE(at.address);
    const port = message.readUInt16LE(at.port);
    const context = known ?? newContext(msin, address, port);
    const elsewhere = context.address !== address || context.port !== port;
    context.address = address;
    context.port = port;
    if (initial) {
      // Whoever registers anew has nothing left of before.
      if (known) this.#setSessions(known, 0);
      else this.contexts.set(msin, context);
      context.registered = false;
      context.pending = procedure + 1;
      context.transaction = transaction;
      this.#reply(message, type.challenge, 0, cause.none);
      return;
    }
    const before = context.sessions;
    if (procedure === PDU_SESSION || procedure === PDN_CONNECTION) {
      this.#setSessions(context, before | (message[at.sessions] ?? 0));
    }
    const { sessions } = context;
    const finish = () => this.#finish(message, procedure, sessions, cause.none);
    // What was promised must be kept before anybody relies on it.
    if (sessions === before && !elsewhere) finish();
    else this.#store.put(context, finish);
  }

  #challengeAnswer(message: Buffer, context: Context | undefined): void {
    const procedure = (context?.pending ?? 0) - 1;
    if (!context || (procedure !== REGISTRATION && procedure !== ATTACH)) return;
    if (context.transaction !== message.readUInt32LE(at.transaction)) return;
    context.pending = 0;
    context.registered = true;
    const { sessions } = context;
    this.#store.put(context, () => this.#finish(message, procedure, sessions, cause.none));
  }

  #reach(message: Buffer, msin: number, context: Context | undefined): void {
    if (!context?.registered) {
      this.#finish(message, PAGING, 0, cause.implicitlyDeregistered);
      return;
    }
    this.#abandon(context);
    if (this.#host.faults.rejects(this.identity.version, PAGING, msin)) {
      this.#finish(message, PAGING, context.sessions, cause.congestion);
      return;
    }
    if (hasUserCause(message)) {
      this.#finish(message, PAGING, context.sessions, cause.notSubscribed);
      return;
    }
    const transaction = message.readUInt32LE(at.transaction);
    context.pending = PAGING + 1;
    context.transaction = transaction;
    context.callerAddress = message.readUInt32LE(at.address);
    context.callerPort = message.readUInt16LE(at.port);
    const side = this.side || (message[at.side] ?? 0);
    const page = this.#message(type.page, PAGING, msin, transaction, context.sessions, cause.none, side);
    this.#host.sendSignalling(page, context.port, addressOf(context.address));
  }

  #pageAnswer(message: Buffer, context: Context | undefined): void {
    if (context?.pending !== PAGING + 1) return;
    if (context.transaction !== message.readUInt32LE(at.transaction)) return;
    context.pending = 0;
    // Whoever asked is told, which need not be the subscriber's own node.
    message.writeUInt32LE(context.callerAddress, at.address);
    message.writeUInt16LE(context.callerPort, at.port);
    this.#finish(message, PAGING, context.sessions, cause.none);
  }

  /**
   * Asks the data-storage component for a context that is not here: the instance that had it may have died. The message
   * waits for the answer.
   *
   * @returns false if there is nothing to ask
   */
  #recall(msin: number, message: Buffer, media: boolean): boolean {
    const waiting = this.#recalled.get(msin);
    if (waiting) {
      waiting.push({ message, media });
      return true;
    }
    if (!this.#store.present) return false;
    this.#recalled.set(msin, [{ message, media }]);
    void this.#store.find(msin).then((context) => {
      const messages = this.#recalled.get(msin) ?? [];
      this.#recalled.delete(msin);
      if (this.closed) return;
      for (const { message, media } of messages) {
        // It may have registered anew meanwhile, or have been moved on.
        if (!this.contexts.has(msin) && this.#transfer.redirect(msin, message, media)) continue;
        if (context && !this.contexts.has(msin)) {
          this.adopt(context);
          // Again, since the one that died may not have reached every member with it.
          this.#store.put(context);
          this.#store.recovered++;
        }
        if (media) {
          if (this.contexts.has(msin)) this.onMedia(message);
        } else this.#signal(message, msin, this.contexts.get(msin));
      }
    });
    return true;
  }

  /** Contexts that were taken up after another instance had died with them. */
  get recovered(): number {
    return this.#store.recovered;
  }

  /** Through which its contexts are written. */
  get writer(): ContextStore["writer"] {
    return this.#store.writer;
  }

  /** A place for contexts has come up while they were here already. */
  seed(): void {
    this.#store.seed([...this.contexts.values()]);
  }

  /** A new procedure ends one that was waiting for the subscriber. */
  #abandon(context: Context): void {
    if (context.pending === 0) return;
    this.#count(context.pending - 1, false);
    context.pending = 0;
  }

  #finish(message: Buffer, procedure: number, sessions: number, result: number): void {
    this.#count(procedure, result === cause.none);
    message[at.procedure] = procedure;
    this.#reply(message, type.answer, sessions, result);
  }

  #count(procedure: number, success: boolean): void {
    if (!this.#host.faults.countersStuck(this.identity.version)) this.kpis.count(procedure, success);
  }

  #reply(message: Buffer, kind: number, sessions: number, result: number): void {
    const answer = this.#message(
      kind,
      message[at.procedure] ?? 0,
      message.readUInt32LE(at.msin),
      message.readUInt32LE(at.transaction),
      sessions,
      result,
      this.side || (message[at.side] ?? 0),
    );
    const address = addressOf(message.readUInt32LE(at.address));
    this.#host.sendSignalling(answer, message.readUInt16LE(at.port), address);
  }

  #message(
    kind: number,
    procedure: number,
    msin: number,
    transaction: number,
    sessions: number,
    result: number,
    side: number,
  ): Buffer {
    const message = Buffer.allocUnsafe(HEADER + this.#trailer.length);
    message[at.type] = kind;
    message[at.procedure] = procedure;
    message[at.flags] = 0;
    message[at.side] = side;
    message.writeUInt32LE(msin, at.msin);
    message.writeUInt32LE(transaction, at.transaction);
    message.writeUInt16LE(this.identity.number, at.instance);
    message[at.sessions] = sessions;
    message[at.cause] = result;
    message.set(this.#trailer, at.trailer);
    return message;
  }

  #setSessions(context: Context, sessions: number): void {
    this.sessions += bits(sessions) - bits(context.sessions);
    context.sessions = sessions;
  }

  #replace(msin: number, context: Context | undefined): void {
    this.sessions += bits(context?.sessions ?? 0) - bits(this.contexts.get(msin)?.sessions ?? 0);
    if (context) this.contexts.set(msin, context);
    else this.contexts.delete(msin);
  }

  #internal(message: Buffer, from: RemoteInfo): void {
    this.#transfer.receive(message, from);
  }

  #serveMetrics(url: string, response: import("node:http").ServerResponse): void {
    const { version, workload, metricsPath } = this.identity;
    if (this.#host.faults.metricsMissing(version) || url.split("?")[0] !== metricsPath) {
      response.writeHead(404).end("not found\n");
      return;
    }
    const text = this.kpis.text(
      { version, workload, side: sideOf(this.side) ?? "" },
      {
        subscribers: this.contexts.size,
        sessions: this.sessions,
        load: Math.min(1, this.contexts.size / this.#host.ratedSubscribers),
      },
    );
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(text);
  }

  /** Whether another instance can be spoken to. */
  hears(address: string): boolean {
    return this.#host.alive(address);
  }
}

/** Whether a request is a first registration or attach. */
function isInitial(message: Buffer): boolean {
  const procedure = message[at.procedure] ?? 0;
  if (procedure !== REGISTRATION && procedure !== ATTACH) return false;
  return ((message[at.flags] ?? 0) & flag.initial) !== 0;
}

const hasUserCause = (message: Buffer): boolean => ((message[at.flags] ?? 0) & flag.userCause) !== 0;

/** Whether a message can't be answered for a subscriber that nobody knows, as a first registration can. */
function needsContext(message: Buffer): boolean {
  switch (message[at.type]) {
    case type.request:
      return !isInitial(message);
    case type.reach:
    case type.releaseSession:
      return true;
    default:
      return false;
  }
}

function bits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
