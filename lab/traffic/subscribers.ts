/**
 * The subscribers: each attaches, then registers periodically and now and then establishes a PDU session, asks for
 * service or is paged; some leave and others come. One procedure at a time each, tried again when nobody answers. Their
 * state lies in typed arrays, for there are up to a hundred thousand.
 *
 * @module
 */
import type { DialTestResult, Procedure } from "pulumi-issu/contract";
import { imsiOf, msinOf } from "../cnf/identity.ts";
import { bindUdp, closeUdp, type Socket } from "../cnf/udp.ts";
import {
  at,
  cause,
  flag,
  HEADER,
  procedureNames,
  procedureNumber,
  sideNumber,
  sideOf,
  type,
} from "../cnf/wire.ts";
import { Access } from "./access.ts";
import type { Recorder } from "./recorder.ts";
import { TimerWheel } from "./timer-wheel.ts";
import type { UserCauses } from "./user-causes.ts";

export interface SubscriberOptions {
  /** How many there are at any time. The first two are the designated ones of dial tests. */
  readonly subscribers: number;
  /** Slots from 2 on that neither leave nor arrive, since they hold calls. */
  readonly calling: number;
  /** 4G subscribers among them. */
  readonly fourG: number;
  /** Those who came first, so many of them, are test cards: told about in `onServed`. */
  readonly cards: number;
  /** Failures that nobody but the subscriber is to blame for. Who is designated or holds a call has none. */
  readonly userCauses: UserCauses;
  /** Per second, of all subscribers together. */
  readonly registrationsPerSecond: number;
  readonly otherProceduresPerSecond: number;
  /** Subscribers that leave in a second; as many come. */
  readonly churnPerSecond: number;
  /** Wait before the first retry, ms; it doubles. */
  readonly timeout: number;
  /** Tries of a procedure in all. */
  readonly tries: number;
  /** Wait after a rejection, ms. */
  readonly backOff: number;
  readonly host: string;
  readonly port: number;
}

const REGISTRATION = procedureNumber("registration");
const PDU_SESSION = procedureNumber("pdu-session-establishment");
const SERVICE = procedureNumber("service-request");
const PAGING = procedureNumber("paging");
const TRACKING_AREA_UPDATE = procedureNumber("tracking-area-update");
const PDN_CONNECTION = procedureNumber("pdn-connection");
/** Not one of those that are counted. */
const DEREGISTRATION = procedureNames.length;

/** Session that every attached subscriber holds, and one that comes and goes. */
const DEFAULT_SESSION = 1;
const EXTRA_SESSION = 2;

const isSession = (procedure: number): boolean => procedure === PDU_SESSION || procedure === PDN_CONNECTION;

const state = { detached: 0, attaching: 1, attached: 2 } as const;

/** Attaching subscribers that wait for an answer at the same time. */
const ATTACH_WINDOW = 200;
const TICK = 10;
const SETUP_EVERY = 100;

interface Outcome {
  readonly cause: number | undefined;
  readonly pod: string;
  readonly side: number;
}

export class Subscribers {
  readonly count: number;
  readonly #options: SubscriberOptions;
  readonly #recorder: Recorder;
  readonly #wheel: TimerWheel;
  #socket!: Socket;

  readonly #slots = new Map<number, number>();
  readonly #msin: Uint32Array;
  readonly #state: Uint8Array;
  readonly #sessions: Uint8Array;
  readonly #side: Uint8Array;
  /** When the present holder of the slot was first seen, ms since 1970. */
  readonly #arrived: Float64Array;
  /** Procedure in hand: number plus one, 0 for none. */
  readonly #procedure: Uint8Array;
  readonly #initial: Uint8Array;
  /** What it asks for now can't be had, for a cause of its own. */
  readonly #userCause: Uint8Array;
  readonly #access: Access;
  readonly #tries: Uint8Array;
  readonly #transaction: Uint32Array;
  readonly #nextRegistration: Float64Array;
  readonly #nextOther: Float64Array;
  /** Held back from procedures of its own, for a dial test. */
  readonly #dialling: Uint8Array;
  /** In a call, so that it does not leave. */
  readonly #held: Uint8Array;
  readonly #outcomes = new Map<number, (outcome: Outcome) => void>();
  readonly #toAttach: number[] = [];
  #attaching = 0;
  #attached = 0;
  #transactions = 1;
  #nextMsin: number;
  #servedAt: number | undefined;
  #allAttachedAt: number | undefined;
  #lastTick = performance.now();
  #churn = 0;
  #longestStall = 0;
  #timer: NodeJS.Timeout | undefined;
  #setup: NodeJS.Timeout | undefined;
  /** Told when a slot has its default session for the first time, or again. */
  onAttached: (slot: number) => void = () => {};
  /** Told whenever an instance speaks to a test card. */
  onServed: (msin: number, version: string, pod: string, side: number) => void = () => {};

  constructor(options: SubscriberOptions, recorder: Recorder) {
    const n = options.subscribers;
    this.count = n;
    this.#options = options;
    this.#recorder = recorder;
    this.#wheel = new TimerWheel(n, performance.now());
    this.#msin = new Uint32Array(n);
    this.#state = new Uint8Array(n);
    this.#sessions = new Uint8Array(n);
    this.#side = new Uint8Array(n);
    this.#arrived = new Float64Array(n);
    this.#procedure = new Uint8Array(n);
    this.#initial = new Uint8Array(n);
    this.#userCause = new Uint8Array(n);
    this.#access = new Access(n, options.fourG);
    this.#tries = new Uint8Array(n);
    this.#transaction = new Uint32Array(n);
    this.#nextRegistration = new Float64Array(n);
    this.#nextOther = new Float64Array(n);
    this.#dialling = new Uint8Array(n);
    this.#held = new Uint8Array(n);
    for (let slot = 0; slot < n; slot++) {
      this.#msin[slot] = slot + 1;
      this.#slots.set(slot + 1, slot);
      this.#toAttach.push(slot);
    }
    this.#toAttach.reverse();
    this.#nextMsin = n + 1;
  }

  /** @throws {Error} if no socket can be bound. */
  async start(): Promise<void> {
    this.#socket = await bindUdp("127.0.0.1", 0, (message) => this.#receive(message));
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.#awaitService();
  }

  /** Nobody attaches where there is no service; so their node asks for it, until it is answered. */
  #awaitService(): void {
    clearInterval(this.#setup);
    this.#setup = setInterval(() => {
      const message = Buffer.alloc(HEADER);
      message[at.type] = type.setup;
      this.#socket.send(message, this.#options.port, this.#options.host);
    }, SETUP_EVERY);
  }

  close(): void {
    clearInterval(this.#timer);
    clearInterval(this.#setup);
    closeUdp(this.#socket);
  }

  /** Switches every subscriber off, and on again once there is service. */
  reset(): void {
    this.#toAttach.length = 0;
    for (let slot = this.count - 1; slot >= 0; slot--) {
      this.#wheel.clear(slot);
      this.#state[slot] = state.detached;
      this.#procedure[slot] = 0;
      this.#sessions[slot] = 0;
      this.#side[slot] = 0;
      this.#arrived[slot] = 0;
      this.#toAttach.push(slot);
    }
    this.#attaching = 0;
    this.#attached = 0;
    this.#servedAt = undefined;
    this.#allAttachedAt = undefined;
    for (const tell of this.#outcomes.values()) tell({ cause: undefined, pod: "", side: 0 });
    this.#outcomes.clear();
    this.#awaitService();
  }

  get attached(): number {
    return this.#attached;
  }

  /** Seconds from the first sign of service until everybody was attached; undefined before. */
  get attachSeconds(): number | undefined {
    if (this.#servedAt === undefined || this.#allAttachedAt === undefined) return undefined;
    return (this.#allAttachedAt - this.#servedAt) / 1_000;
  }

  /** Longest time for which this process did nothing at all since the last call, ms. */
  takeLongestStall(): number {
    const longest = this.#longestStall;
    this.#longestStall = 0;
    return longest;
  }

  /** Keeps a subscriber from leaving, or lets it. */
  hold(slot: number, held: boolean): void {
    this.#held[slot] = held ? 1 : 0;
  }

  msinOf(slot: number): number {
    return this.#msin[slot] ?? 0;
  }

  /** What every attached subscriber last knew: calls back with MSIN, number of its side and instant of its arrival. */
  each(visit: (msin: number, side: number, arrived: number, on4G: boolean) => void): void {
    for (let slot = 0; slot < this.count; slot++) {
      if (this.#state[slot] !== state.attached) continue;
      const on4G = this.#access.on4G(slot);
      visit(this.#msin[slot] ?? 0, this.#side[slot] ?? 0, this.#arrived[slot] ?? 0, on4G);
    }
  }

  /** What was known as one side is known as another from now on, without anybody having moved. */
  rename(left: number, right: number): void {
    for (let slot = 0; slot < this.count; slot++) {
      const side = this.#side[slot] ?? 0;
      if (side !== 0) this.#side[slot] = side === sideNumber.left ? left : right;
    }
  }

  /** The subscriber hears nothing from its peer, so it asks for service now. */
  askForService(slot: number): void {
    if (this.#state[slot] === state.attached && this.#procedure[slot] === 0)
      this.#begin(slot, SERVICE, false);
  }

  /**
   * Runs procedures one after the other from one subscriber.
   *
   * @throws {Error} if there is no such subscriber
   */
  async dial(subscriber: string, procedures: readonly Procedure[]): Promise<DialTestResult[]> {
    const slot = this.#slots.get(msinOf(subscriber) ?? -1);
    if (slot === undefined) throw new Error(`subscriber ${subscriber} is not of this lab`);
    this.#dialling[slot] = 1;
    try {
      const results: DialTestResult[] = [];
      for (const procedure of procedures) results.push(await this.#dialOne(slot, subscriber, procedure));
      return results;
    } finally {
      this.#dialling[slot] = 0;
      if (this.#procedure[slot] === 0) this.#idle(slot);
    }
  }

  async #dialOne(slot: number, subscriber: string, procedure: Procedure): Promise<DialTestResult> {
    // One that it has begun itself comes to its end first.
    while (this.#procedure[slot] !== 0) await this.#outcome(slot);
    const started = performance.now();
    const outcome = this.#outcome(slot);
    this.#beginNamed(slot, procedureNumber(procedure));
    const { cause: result, pod, side } = await outcome;
    const sideName = sideOf(side);
    return {
      subscriber,
      procedure,
      passed: result === cause.none,
      servedBy: pod,
      ...(sideName ? { side: sideName } : {}),
      durationMs: Math.round((performance.now() - started) * 100) / 100,
      ...(result === cause.none
        ? {}
        : { cause: result === undefined ? "no answer" : `5GMM cause ${result}` }),
    };
  }

  #outcome(slot: number): Promise<Outcome> {
    return new Promise((resolve) => this.#outcomes.set(slot, resolve));
  }

  #tick(): void {
    const now = performance.now();
    const elapsed = now - this.#lastTick;
    this.#longestStall = Math.max(this.#longestStall, elapsed - TICK);
    this.#lastTick = now;
    this.#wheel.advance(now, (slot) => this.#due(slot, now));
    if (this.#servedAt === undefined) return;
    while (this.#attaching < ATTACH_WINDOW) {
      const slot = this.#toAttach.pop();
      if (slot === undefined) break;
      this.#attach(slot);
    }
    if (this.#allAttachedAt === undefined) return;
    this.#churn += (elapsed * this.#options.churnPerSecond) / 1_000;
    for (; this.#churn >= 1; this.#churn--) this.#leave();
  }

  #due(slot: number, now: number): void {
    const procedure = (this.#procedure[slot] ?? 0) - 1;
    if (procedure >= 0) {
      if (procedure !== DEREGISTRATION) this.#recorder.attempt(procedure, this.#side[slot] ?? 0, false);
      if ((this.#tries[slot] ?? 0) < this.#options.tries) {
        this.#tries[slot] = (this.#tries[slot] ?? 0) + 1;
        if (procedure !== DEREGISTRATION) this.#count("retries", 1, slot);
        this.#send(slot);
      } else this.#ended(slot, undefined, "");
      return;
    }
    if (this.#state[slot] === state.detached) {
      this.#toAttach.push(slot);
      return;
    }
    if (this.#dialling[slot]) return;
    if ((this.#nextRegistration[slot] ?? 0) <= now) this.#beginNamed(slot, this.#access.periodic(slot));
    else if ((this.#nextOther[slot] ?? 0) <= now) {
      this.#beginNamed(slot, this.#access.other(slot, Math.random(), this.#watched(slot)));
    } else this.#idle(slot);
  }

  #attach(slot: number): void {
    this.#attaching++;
    this.#state[slot] = state.attaching;
    if (this.#arrived[slot] === 0) this.#arrived[slot] = Date.now();
    this.#sessions[slot] = 0;
    this.#access.home(slot);
    this.#begin(slot, this.#access.initial(slot), true);
  }

  /** One that holds no call leaves; its successor comes in its place. */
  #leave(): void {
    // The few of 4G come and go as often as the many of 5G, for there to be attempts enough to judge by.
    const only4G = this.#options.fourG > 0 && Math.random() < 0.5;
    const first = Math.max(this.#firstFree, only4G ? this.#access.first4G : 0);
    for (let tries = 0; tries < 50 && first < this.count; tries++) {
      const slot = first + Math.floor(Math.random() * (this.count - first));
      if (this.#state[slot] !== state.attached || this.#procedure[slot] !== 0 || this.#held[slot]) continue;
      this.#begin(slot, DEREGISTRATION, false);
      return;
    }
  }

  #left(slot: number): void {
    this.#slots.delete(this.#msin[slot] ?? 0);
    const msin = this.#nextMsin++;
    this.#msin[slot] = msin;
    this.#slots.set(msin, slot);
    this.#setState(slot, state.detached);
    this.#side[slot] = 0;
    this.#arrived[slot] = 0;
    this.#sessions[slot] = 0;
    this.#toAttach.push(slot);
  }

  /** A procedure of an attached subscriber. */
  #beginNamed(slot: number, procedure: number): void {
    if (isSession(procedure) && ((this.#sessions[slot] ?? 0) & EXTRA_SESSION) !== 0) {
      this.#sessions[slot] = (this.#sessions[slot] ?? 0) & ~EXTRA_SESSION;
      this.#message(slot, type.releaseSession, 0, EXTRA_SESSION);
    }
    this.#begin(slot, procedure, false);
  }

  #begin(slot: number, procedure: number, initial: boolean): void {
    this.#procedure[slot] = procedure + 1;
    this.#initial[slot] = initial ? 1 : 0;
    this.#userCause[slot] = !this.#watched(slot) && this.#options.userCauses.draw(procedure) ? 1 : 0;
    this.#tries[slot] = 1;
    this.#transactions = (this.#transactions + 1) >>> 0;
    this.#transaction[slot] = this.#transactions;
    if (procedure !== DEREGISTRATION) {
      this.#count("proceduresAttempted", 1, slot);
      this.#recorder.procedure(procedure, "attempted");
    }
    this.#send(slot);
  }

  #send(slot: number): void {
    const procedure = (this.#procedure[slot] ?? 0) - 1;
    const kind =
      procedure === DEREGISTRATION ? type.deregister : procedure === PAGING ? type.reach : type.request;
    const wanted = !isSession(procedure)
      ? 0
      : this.#state[slot] === state.attaching
        ? DEFAULT_SESSION
        : EXTRA_SESSION;
    this.#message(slot, kind, procedure, wanted);
    const wait = this.#options.timeout * 2 ** ((this.#tries[slot] ?? 1) - 1);
    this.#wheel.set(slot, performance.now() + wait);
  }

  #message(slot: number, kind: number, procedure: number, sessions: number): void {
    const message = Buffer.allocUnsafe(HEADER);
    message[at.type] = kind;
    message[at.procedure] = procedure;
    message[at.flags] =
      (this.#initial[slot] ? flag.initial : 0) |
      (this.#access.on4G(slot) ? flag.fourG : 0) |
      (this.#userCause[slot] ? flag.userCause : 0);
    message[at.side] = 0;
    message.writeUInt32LE(this.#msin[slot] ?? 0, at.msin);
    message.writeUInt32LE(this.#transaction[slot] ?? 0, at.transaction);
    message[at.sessions] = sessions;
    message[at.cause] = 0;
    this.#socket.send(message, this.#options.port, this.#options.host);
  }

  #receive(message: Buffer): void {
    const kind = message[at.type];
    if (kind === type.setupAnswer) {
      clearInterval(this.#setup);
      this.#servedAt ??= performance.now();
      return;
    }
    const msin = message.readUInt32LE(at.msin);
    const slot = this.#slots.get(msin);
    if (slot === undefined) return;
    const end = message.indexOf(0, at.trailer);
    const version = message.toString("latin1", at.trailer, end);
    const side = message[at.side] ?? 0;
    if (side !== 0) this.#side[slot] = side;
    this.#recorder.met(version, msin);
    if (msin <= this.#options.cards)
      this.onServed(msin, version, message.toString("latin1", end + 1, message.length - 1), side);
    if (kind === type.update) return;
    const transaction = message.readUInt32LE(at.transaction);
    if (transaction !== this.#transaction[slot] || this.#procedure[slot] === 0) return;
    switch (kind) {
      case type.challenge:
        this.#message(slot, type.challengeAnswer, (this.#procedure[slot] ?? 0) - 1, 0);
        return;
      case type.page:
        this.#message(slot, type.pageAnswer, PAGING, 0);
        return;
      case type.deregisterAnswer:
        if ((this.#procedure[slot] ?? 0) - 1 === DEREGISTRATION) this.#ended(slot, cause.none, "");
        return;
      case type.answer: {
        const procedure = (this.#procedure[slot] ?? 0) - 1;
        if (message[at.procedure] !== procedure) return;
        const result = message[at.cause] ?? 0;
        this.#recorder.attempt(procedure, this.#side[slot] ?? 0, result === cause.none);
        this.#compare(slot, procedure, result, message[at.sessions] ?? 0);
        this.#ended(slot, result, message.toString("latin1", end + 1, message.length - 1));
      }
    }
  }

  /** Sessions that the network says there are against those that the subscriber holds. */
  #compare(slot: number, procedure: number, result: number, there: number): void {
    const held = this.#sessions[slot] ?? 0;
    const gone = held & ~(result === cause.implicitlyDeregistered ? 0 : there);
    if (gone !== 0) this.#count("sessionsLost", (gone & 1) + ((gone >> 1) & 1), slot);
    this.#sessions[slot] = held & ~gone;
    if (isSession(procedure) && result === cause.none) this.#sessions[slot] = there;
  }

  /** @param result undefined if nobody answered */
  #ended(slot: number, result: number | undefined, pod: string): void {
    const procedure = (this.#procedure[slot] ?? 0) - 1;
    const success = result === cause.none;
    this.#procedure[slot] = 0;
    this.#wheel.clear(slot);
    if (procedure !== DEREGISTRATION) {
      this.#recorder.ended(procedure, this.#side[slot] ?? 0, success, this.#initial[slot] === 1);
    }
    if (!success && procedure !== DEREGISTRATION) {
      this.#count("proceduresFailed", 1, slot);
      this.#recorder.procedure(procedure, "failed");
      if (result === cause.notSubscribed) this.#count("userCauses", 1, slot);
    }
    const now = performance.now();
    if (procedure === DEREGISTRATION) this.#left(slot);
    else if (result === cause.implicitlyDeregistered) this.#lost(slot);
    else if (this.#state[slot] === state.attaching) this.#attachStep(slot, procedure, success, now);
    else {
      const soon = success ? this.#access.succeeded(slot, procedure) : undefined;
      // A cause of its own does not go away by trying again at once.
      this.#plan(slot, procedure, success || result === cause.notSubscribed, now);
      if (soon !== undefined) this.#nextOther[slot] = now + soon * (0.5 + Math.random());
      this.#idle(slot);
    }
    const tell = this.#outcomes.get(slot);
    if (!tell) return;
    this.#outcomes.delete(slot);
    tell({ cause: result, pod, side: this.#side[slot] ?? 0 });
  }

  /** The network has forgotten the subscriber, which registers anew. */
  #lost(slot: number): void {
    if (this.#state[slot] === state.attaching) this.#attaching--;
    this.#setState(slot, state.detached);
    this.#sessions[slot] = 0;
    this.#count("reRegistrations", 1, slot);
    this.#toAttach.push(slot);
  }

  #attachStep(slot: number, procedure: number, success: boolean, now: number): void {
    if (success && procedure === this.#access.initial(slot)) {
      this.#begin(slot, this.#access.session(slot), false);
      return;
    }
    this.#attaching--;
    if (!success) {
      this.#setState(slot, state.detached);
      this.#wheel.set(slot, now + this.#options.backOff * (0.8 + 0.4 * Math.random()));
      return;
    }
    this.#setState(slot, state.attached);
    const { subscribers, registrationsPerSecond, otherProceduresPerSecond } = this.#options;
    // Their first procedures lie all over the interval, as if they had been here for long.
    this.#nextRegistration[slot] = now + (Math.random() * 1_000 * subscribers) / registrationsPerSecond;
    this.#nextOther[slot] = now + (Math.random() * 1_000 * subscribers) / otherProceduresPerSecond;
    this.#idle(slot);
    if (this.#attached === this.count) this.#allAttachedAt ??= now;
    this.onAttached(slot);
  }

  #setState(slot: number, to: number): void {
    if (this.#state[slot] === state.attached) this.#attached--;
    if (to === state.attached) this.#attached++;
    this.#state[slot] = to;
  }

  /** When the next procedure of that kind is due. */
  #plan(slot: number, procedure: number, success: boolean, now: number): void {
    const { subscribers, registrationsPerSecond, otherProceduresPerSecond, backOff } = this.#options;
    const periodic = procedure === REGISTRATION || procedure === TRACKING_AREA_UPDATE;
    const next = periodic ? this.#nextRegistration : this.#nextOther;
    const rate = periodic ? registrationsPerSecond : otherProceduresPerSecond;
    const interval = success ? (1_000 * subscribers) / rate : backOff;
    next[slot] = now + interval * (0.5 + Math.random());
  }

  #idle(slot: number): void {
    if (this.#state[slot] !== state.attached || this.#dialling[slot]) return;
    this.#wheel.set(slot, Math.min(this.#nextRegistration[slot] ?? 0, this.#nextOther[slot] ?? 0));
  }

  /** First slot whose subscriber is neither designated nor in a call all the time. */
  get #firstFree(): number {
    return 2 + this.#options.calling;
  }

  #watched(slot: number): boolean {
    return slot < this.#firstFree;
  }

  #count(key: Parameters<Recorder["count"]>[0], by: number, slot: number): void {
    this.#recorder.count(key, by, this.#side[slot] ?? 0, this.#arrived[slot] ?? 0);
  }

  /** Identity of a slot, for logs. */
  imsi(slot: number): string {
    return imsiOf(this.msinOf(slot));
  }
}
