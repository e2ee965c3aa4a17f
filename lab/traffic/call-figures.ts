/**
 * What the two ends of the calls felt, in a window of time.
 *
 * @module
 */
import { build, type Histogram } from "hdr-histogram-js";
import type { CardMedia } from "./card-media.ts";

export interface GapFigures {
  /** Longest time between two packets of a stream, beyond what the sender's own lateness explains, ms. */
  readonly longestGapMs: number;
  /** Below which 99.9 % of the gaps lie, ms. */
  readonly gapP999Ms: number;
  readonly packets: number;
}

export interface CallFigures extends GapFigures {
  readonly packetsLost: number;
  /** Latest departure of a packet after it was due, ms; the sender's fault and taken off the gaps. */
  readonly senderLatenessMaxMs: number;
  readonly bySide: { readonly left: GapFigures; readonly right: GapFigures };
  readonly byClass: { readonly standing: GapFigures; readonly new: GapFigures };
  /** Test cards, one by one. */
  readonly cards: readonly CardMedia[];
}

export const noCalls: CallFigures = {
  longestGapMs: 0,
  gapP999Ms: 0,
  packets: 0,
  packetsLost: 0,
  senderLatenessMaxMs: 0,
  bySide: {
    left: { longestGapMs: 0, gapP999Ms: 0, packets: 0 },
    right: { longestGapMs: 0, gapP999Ms: 0, packets: 0 },
  },
  byClass: {
    standing: { longestGapMs: 0, gapP999Ms: 0, packets: 0 },
    new: { longestGapMs: 0, gapP999Ms: 0, packets: 0 },
  },
  cards: [],
};

/** Up to a minute, to the thousandth of a millisecond, with three digits. */
const MAX = 60_000_000;
const histogram = () =>
  build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: MAX,
    numberOfSignificantValueDigits: 3,
  });

const merged = (...parts: readonly Histogram[]): Histogram => {
  const whole = histogram();
  for (const part of parts) whole.add(part);
  return whole;
};

/** One window over all calls. */
export class CallWindow {
  /** Ms since 1970; who came since is new. */
  readonly #openedAt: number;
  readonly #standing = { left: histogram(), right: histogram() };
  readonly #new = { left: histogram(), right: histogram() };
  packetsLost = 0;
  latest = 0;

  constructor(openedAt: number) {
    this.#openedAt = openedAt;
  }

  /**
   * @param side number of the side that served the packet
   * @param arrived when the subscribers of the call had come, ms since 1970
   * @param gap ms
   */
  gap(side: number, arrived: number, gap: number): void {
    const { left, right } = arrived >= this.#openedAt ? this.#new : this.#standing;
    (side === 2 ? right : left).recordValue(Math.min(MAX, Math.max(1, Math.round(gap * 1_000))));
  }

  /** @param waiting longest time for which a stream has been silent now, ms */
  figures(waiting: number): Omit<CallFigures, "cards"> {
    const standing = merged(this.#standing.left, this.#standing.right);
    const fresh = merged(this.#new.left, this.#new.right);
    const total = summarise(merged(standing, fresh));
    return {
      ...total,
      longestGapMs: Math.max(total.longestGapMs, round(waiting)),
      packetsLost: this.packetsLost,
      senderLatenessMaxMs: round(this.latest),
      bySide: {
        left: summarise(merged(this.#standing.left, this.#new.left)),
        right: summarise(merged(this.#standing.right, this.#new.right)),
      },
      byClass: { standing: summarise(standing), new: summarise(fresh) },
    };
  }
}

function summarise(values: Histogram): GapFigures {
  if (values.totalCount === 0) return { longestGapMs: 0, gapP999Ms: 0, packets: 0 };
  return {
    longestGapMs: round(values.maxValue / 1_000),
    gapP999Ms: round(values.getValueAtPercentile(99.9) / 1_000),
    packets: values.totalCount,
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;
