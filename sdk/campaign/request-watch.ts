/**
 * What operators ask of the campaign while it runs (ESC-12, ESC-21): abort and pause, seen within a second or two.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { OperatorRequest, RequestBook } from "../contract/requests";
import { CampaignError } from "./errors";

/** Requests are made by people: a second more or less is nothing to them, and something to the API server. */
const LOOK_EVERY_MS = 1000;
const PAUSE_LOOK_MS = 200;

/** What the requests made of one campaign come to. */
export interface Wishes {
  readonly abort?: OperatorRequest;
  /** Set while the last word is to pause. */
  readonly pause?: OperatorRequest;
  readonly approvals: readonly OperatorRequest[];
}

/** @param requests oldest first, of any campaign. */
export function wishesFor(campaign: string | undefined, requests: readonly OperatorRequest[]): Wishes {
  const ours = requests.filter((one) => one.campaign === campaign);
  const abort = ours.find(({ kind }) => kind === "abort");
  const pause = ours.findLast(({ kind }) => kind === "pause" || kind === "resume");
  return {
    approvals: ours.filter(({ kind }) => kind === "approve"),
    ...(abort ? { abort } : {}),
    ...(pause?.kind === "pause" ? { pause } : {}),
  };
}

export const saidBy = ({ by, reason }: OperatorRequest): string => `by ${by}: ${reason}`;

/** Why an aborted campaign is taken back. */
export const abortReason = (abort: OperatorRequest): CampaignError =>
  new CampaignError("ABORTED", `aborted ${saidBy(abort)}`);

export class RequestWatch {
  private readonly book: RequestBook | undefined;
  private readonly target: string;
  private readonly campaign: string;
  private readonly heard: (request: OperatorRequest) => void;
  private readonly known = new Set<string>();
  private readonly aborting = new AbortController();
  private readonly stopping = new AbortController();
  private loop: Promise<void> = Promise.resolve();
  private pause: OperatorRequest | undefined;

  /** @param heard told of each request once. */
  constructor(
    book: RequestBook | undefined,
    target: string,
    campaign: string,
    heard: (request: OperatorRequest) => void,
  ) {
    this.book = book;
    this.target = target;
    this.campaign = campaign;
    this.heard = heard;
  }

  /** Aborted with `ABORTED` once an operator asks for it. */
  get aborted(): AbortSignal {
    return this.aborting.signal;
  }

  start(): void {
    if (this.book) this.loop = this.run(this.book);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.loop;
  }

  /** @returns at once, or when the pause is over; how long it was, in milliseconds. */
  async whilePaused(signal: AbortSignal, tick: (line: string) => void): Promise<number> {
    const since = Date.now();
    while (this.pause && !signal.aborted) {
      tick(`paused ${saidBy(this.pause)}; issu resume goes on, issu abort goes back`);
      await delay(PAUSE_LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
    signal.throwIfAborted();
    return Date.now() - since;
  }

  private async run(book: RequestBook): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      // A book that can't be read just now is read a second later.
      const requests = await book.asked(this.target, signal).catch(() => undefined);
      if (requests && !signal.aborted) this.take(requests);
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private take(requests: readonly OperatorRequest[]): void {
    for (const request of requests) {
      if (request.campaign !== this.campaign || this.known.has(request.id)) continue;
      this.known.add(request.id);
      this.heard(request);
    }
    const { abort, pause } = wishesFor(this.campaign, requests);
    this.pause = pause;
    if (abort) this.aborting.abort(abortReason(abort));
  }
}
