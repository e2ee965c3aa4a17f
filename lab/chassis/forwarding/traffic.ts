/**
 * The neighbours on both sides: they send flows through the cluster both ways and count what arrives.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { bindUdp, closeUdp, type Socket } from "../../cnf/udp.ts";
import type { DeviceClock } from "../clock.ts";
import type { DataPlane, DropReason } from "./data-plane.ts";
import { decode, encode } from "./packet.ts";
import { Stream, type StreamReport } from "./stream.ts";

const HOST = "127.0.0.1";

export interface TrafficOptions {
  /** Flows, spread over the pairs of interfaces. Default 20. */
  readonly flows?: number;
  /** Of all flows and both directions together. Default 2000. */
  readonly packetsPerSecond?: number;
}

export interface FlowReport {
  readonly flow: number;
  /** E.g. `reth0-reth1`. */
  readonly path: string;
  /** Nothing came through at the end of the window in one of its directions. */
  readonly isLost: boolean;
  readonly forward: StreamReport;
  readonly backward: StreamReport;
}

export interface WindowReport {
  readonly name: string;
  readonly seconds: number;
  readonly sent: number;
  readonly lost: number;
  /** Packets that were due and never sent, since this machine was away for too long. */
  readonly leftOut: number;
  /** Milliseconds, of the flow that had the longest. */
  readonly longestGapMs: number;
  readonly flowsLost: number;
  readonly flows: readonly FlowReport[];
  /** What the cluster itself dropped meanwhile, by reason. */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>;
}

interface Window {
  readonly openedAt: number;
  /** Of each stream, the first packet. */
  readonly from: readonly number[];
  readonly leftOut: number;
  readonly drops: Readonly<Record<DropReason, number>>;
}

/** Milliseconds between two rounds of sending. */
const ROUND = 4;
/** Milliseconds. A sender that was held up for longer leaves out what it missed; else a spell in which it was would cost nothing. */
const MOST_BEHIND = 5_000;
/** Packets sent without letting any arrive: more than these, and the kernel's buffers lose some of those that are made up for. */
const MOST_AT_ONCE = 100;
/** Milliseconds that packets may still be on their way when a window is closed. */
const SETTLE = 3_000;

export class Traffic {
  readonly #plane: DataPlane;
  readonly #clock: DeviceClock;
  readonly #windows = new Map<string, Window>();
  #sockets: readonly Socket[] = [];
  /** Of flow f: forward at 2f, backward at 2f + 1. */
  #streams: readonly Stream[] = [];
  /** Calls off the next round of sending. */
  #callOff: (() => void) | undefined;
  #leftOut = 0;
  /** Flows of earlier runs: their sessions may still be known. */
  #firstFlow = 0;

  constructor(plane: DataPlane, clock: DeviceClock) {
    this.#plane = plane;
    this.#clock = clock;
  }

  /** Packets that the cluster dropped since it began, by reason. */
  get drops(): Readonly<Record<DropReason, number>> {
    return { ...this.#plane.drops };
  }

  get isRunning(): boolean {
    return this.#callOff !== undefined;
  }

  /**
   * Starts new flows.
   *
   * @throws {Error} if some run already, or a number makes no sense
   */
  async start({ flows = 20, packetsPerSecond = 2000 }: TrafficOptions = {}): Promise<void> {
    if (this.isRunning) throw new Error("traffic: it runs already; stop it first");
    if (!Number.isInteger(flows) || flows < 1 || flows > 10_000)
      throw new Error(`traffic.flows: got ${flows}, expected a whole number from 1 to 10000`);
    if (!(packetsPerSecond > 0 && packetsPerSecond <= 50_000))
      throw new Error(
        `traffic.packetsPerSecond: got ${packetsPerSecond}, expected a number above 0 and up to 50000`,
      );
    if (this.#plane.pairs.length === 0)
      throw new Error("traffic: the cluster has no two interfaces to send between");
    const first = this.#firstFlow + this.#streams.length / 2;
    // A multiple of the pairs, so that flow and pair stay together.
    this.#firstFlow = Math.ceil(first / this.#plane.pairs.length) * this.#plane.pairs.length;
    this.#streams = Array.from({ length: 2 * flows }, () => new Stream());
    if (this.#sockets.length === 0) await this.#listen();
    let start = performance.now();
    let sent = 0;
    let total = 0;
    const interval = 1000 / packetsPerSecond;
    const round = () => {
      const now = performance.now();
      const behind = now - start - interval * sent;
      if (behind > MOST_BEHIND) {
        this.#leftOut += Math.floor(behind / interval);
        start = now;
        sent = 0;
      }
      for (let left = MOST_AT_ONCE; left > 0 && start + interval * sent <= now; left--, sent++)
        this.#send(start + interval * sent, interval * total++);
      if (start + interval * sent <= now) {
        const next = setImmediate(round);
        this.#callOff = () => clearImmediate(next);
      } else {
        const next = setTimeout(round, ROUND);
        this.#callOff = () => clearTimeout(next);
      }
    };
    round();
  }

  /** Ends the flows, and the windows with them. */
  stop(): void {
    this.#callOff?.();
    this.#callOff = undefined;
    this.#windows.clear();
  }

  /** @throws {Error} if no traffic runs, or one of that name is open */
  openWindow(name: string): void {
    if (!this.isRunning) throw new Error("traffic: none runs; start it first");
    if (this.#windows.has(name)) throw new Error(`traffic window ${name}: it is open already`);
    this.#windows.set(name, {
      openedAt: performance.now(),
      from: this.#streams.map(({ sent }) => sent),
      leftOut: this.#leftOut,
      drops: { ...this.#plane.drops },
    });
  }

  /**
   * Closes a window and tells what became of the packets sent while it was open.
   *
   * @throws {Error} if none of that name is open
   */
  async closeWindow(name: string): Promise<WindowReport> {
    const window = this.#windows.get(name);
    if (!window) throw new Error(`traffic window ${name}: none of that name is open`);
    const streams = this.#streams;
    const to = streams.map(({ sent }) => sent);
    const seconds = (performance.now() - window.openedAt) / 1000;
    const deadline = performance.now() + SETTLE;
    const settled = () =>
      streams.every((stream, at) => to[at] === window.from[at] || stream.hasArrived((to[at] ?? 0) - 1));
    while (!settled() && performance.now() < deadline) await delay(10);
    this.#windows.delete(name);
    const of = (at: number) => {
      const [from = 0, end = 0] = [window.from[at], to[at]];
      const stream = streams[at] as Stream;
      return { report: stream.report(from, end), dead: stream.isDead(from, end) };
    };
    const flows = Array.from({ length: streams.length / 2 }, (_, flow): FlowReport => {
      const [forward, backward] = [of(2 * flow), of(2 * flow + 1)];
      return {
        flow,
        path: this.#plane
          .pairOf(flow)
          .map((reth) => reth.name)
          .join("-"),
        isLost: forward.dead || backward.dead,
        forward: forward.report,
        backward: backward.report,
      };
    });
    const both = flows.flatMap(({ forward, backward }) => [forward, backward]);
    const drops = Object.entries(this.#plane.drops)
      .map(([reason, count]) => [reason, count - window.drops[reason as DropReason]] as const)
      .filter(([, count]) => count > 0);
    return {
      name,
      seconds,
      sent: both.reduce((sum, { sent }) => sum + sent, 0),
      lost: both.reduce((sum, { lost }) => sum + lost, 0),
      leftOut: this.#leftOut - window.leftOut,
      longestGapMs: Math.max(0, ...both.map(({ longestGapMs }) => longestGapMs)),
      flowsLost: flows.filter(({ isLost }) => isLost).length,
      flows,
      drops: Object.fromEntries(drops),
    };
  }

  close(): void {
    this.stop();
    for (const socket of this.#sockets) closeUdp(socket);
    this.#sockets = [];
  }

  /** The far side of each direction: 0 comes out at the second interface, 1 at the first. */
  async #listen(): Promise<void> {
    await this.#plane.open();
    const receive = (data: Buffer) => {
      const packet = decode(data);
      if (!packet) return;
      this.#streams[2 * (packet.flow - this.#firstFlow) + packet.direction]?.receive(packet.seq);
    };
    const east = await bindUdp(HOST, 0, receive);
    const west = await bindUdp(HOST, 0, receive);
    this.#sockets = [east, west];
    this.#plane.connect([east.address().port, west.address().port]);
  }

  #next = 0;

  /**
   * @param due when it was to be sent, in milliseconds as `performance.now` has them
   * @param active milliseconds of sending so far
   */
  #send(due: number, active: number): void {
    const turn = this.#next++ % this.#streams.length;
    const flows = this.#streams.length / 2;
    // One pair of interfaces after the other, so that the packets of each are spaced evenly, and a spell cuts one more or less at most.
    const at = turn < flows ? 2 * turn : 2 * (turn - flows) + 1;
    const stream = this.#streams[at] as Stream;
    const [flow, direction] = [this.#firstFlow + (at >> 1), (at & 1) as 0 | 1];
    const dueAt = this.#clock.at(due);
    const seq = stream.send(active);
    const port = this.#plane.entry(flow, direction, dueAt);
    if (port === undefined) return;
    const partner = this.#streams[at ^ 1];
    const opens = stream.received === 0 && partner?.received === 0;
    this.#sockets[direction === 0 ? 1 : 0]?.send(
      encode({ stage: "in", flow, direction, opens, seq, dueAt }),
      port,
      HOST,
    );
  }
}
