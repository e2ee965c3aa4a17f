/**
 * The calls as the rest of the traffic daemon sees them, and the heartbeat of a neighbour; they are made in a thread of
 * their own.
 *
 * @module
 */
import { Worker } from "node:worker_threads";
import { type CallFigures, noCalls } from "./call-figures.ts";
import { noProbes, type ProbeFigures } from "./prober.ts";

export interface CallsData {
  readonly host: string;
  readonly port: number;
  /** Where a neighbour asks who is active. */
  readonly probePort: number;
  /** MSINs; those at 2k and 2k+1 talk to each other all the time. */
  readonly callers: readonly number[];
  /** The first so many of them are test cards, who use the internet as well. */
  readonly cards: number;
  /** Further calls, between subscribers who come and go. */
  readonly passing: number;
}

export type CallsRequest =
  | { readonly start: readonly number[] }
  | { readonly probe: readonly string[] }
  | { readonly reset: true }
  | {
      /** Even index of the two streams, behind those of `callers`. */
      readonly dial: number;
      readonly msins: readonly [number, number];
      /** When they had come, ms since 1970. */
      readonly arrived: number;
    }
  | { readonly hangUp: number }
  | {
      readonly id: number;
      readonly do: "open" | "read" | "close";
      readonly window: string;
      readonly openedAt: number;
    };

/** What both measure. */
export type MediaFigures = CallFigures & ProbeFigures;

export type CallsReply =
  | { readonly silent: readonly number[] }
  | { readonly id: number; readonly figures: MediaFigures | undefined };

const nothing: MediaFigures = { ...noCalls, ...noProbes };

export class Calls {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (figures: MediaFigures) => void>();
  #next = 1;
  /** Streams, by their index in `callers`, that have heard nothing for a second. */
  onSilent: (streams: readonly number[]) => void = () => {};
  onError: (error: unknown) => void = () => {};

  constructor(data: CallsData) {
    this.#worker = new Worker(new URL("./calls-worker.ts", import.meta.url), { workerData: data });
    this.#worker.on("error", (error) => this.onError(error));
    this.#worker.on("message", (reply: CallsReply) => {
      if ("silent" in reply) {
        this.onSilent(reply.silent);
        return;
      }
      this.#waiting.get(reply.id)?.(reply.figures ?? nothing);
      this.#waiting.delete(reply.id);
    });
  }

  /** Begins streams; those that run already go on. */
  start(streams: readonly number[]): void {
    this.#worker.postMessage({ start: streams } satisfies CallsRequest);
  }

  /** Groups whose active member is asked for from now on. */
  probe(groups: readonly string[]): void {
    this.#worker.postMessage({ probe: groups } satisfies CallsRequest);
  }

  /** Ends all streams and closes all windows. */
  reset(): void {
    this.#worker.postMessage({ reset: true } satisfies CallsRequest);
  }

  /** Begins a call between two who have come just now. */
  dial(stream: number, msins: readonly [number, number]): void {
    this.#worker.postMessage({ dial: stream, msins, arrived: Date.now() } satisfies CallsRequest);
  }

  hangUp(stream: number): void {
    this.#worker.postMessage({ hangUp: stream } satisfies CallsRequest);
  }

  /** @param openedAt ms since 1970 */
  open(window: string, openedAt: number): Promise<MediaFigures> {
    return this.#ask("open", window, openedAt);
  }

  read(window: string): Promise<MediaFigures> {
    return this.#ask("read", window);
  }

  close(window: string): Promise<MediaFigures> {
    return this.#ask("close", window);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(what: "open" | "read" | "close", window: string, openedAt = 0): Promise<MediaFigures> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#worker.postMessage({ id, do: what, window, openedAt } satisfies CallsRequest);
    });
  }
}
