/**
 * What became of the four test cards: who served them over time, and what they heard of their calls and of the internet
 * (GRY-10).
 *
 * @module
 */
import type { CardMedia } from "../../lab/traffic/card-media.ts";
import type { Served } from "../../lab/traffic/served-log.ts";

/** A call in which nothing was heard for so long has been cut, ms. */
export const CUT_AFTER = 1_000;

export interface CardReport {
  readonly subscriber: string;
  readonly designated: boolean;
  /** Since before the upgrade; the first entry is who served then. */
  readonly served: readonly Served[];
  /** Over the upgrade and the rollback. */
  readonly call: CardMedia["call"];
  readonly data: CardMedia["data"];
  /** Over the quiet spell. */
  readonly quiet: { readonly call: CardMedia["call"]; readonly data: CardMedia["data"] };
}

/**
 * @param served as the traffic tells it
 * @param since ms since 1970, when the upgrade began
 */
export function cardReports(
  served: readonly { readonly subscriber: string; readonly served: readonly Served[] }[],
  whole: readonly CardMedia[],
  quiet: readonly CardMedia[],
  designated: number,
  since: number,
): readonly CardReport[] {
  return served.map(({ subscriber, served: log }, i) => {
    const [media, still] = [whole[i], quiet[i]];
    if (!media || !still) throw new Error(`nothing was recorded of the calls of ${subscriber}`);
    const before = log.findLastIndex((one) => one.since <= since);
    return {
      subscriber,
      designated: i < designated,
      served: log.slice(Math.max(0, before)),
      call: media.call,
      data: media.data,
      quiet: { call: still.call, data: still.data },
    };
  });
}

/** What must not have become of them, in words. */
export function cardMistakes(cards: readonly CardReport[], to: string): string[] {
  return cards.flatMap(({ subscriber, served, call, data }) => [
    ...(call.packets === 0 ? [`card ${subscriber}: nothing was heard of its call`] : []),
    ...(call.longestGapMs >= CUT_AFTER
      ? [`card ${subscriber}: its call was cut: silence for ${Math.round(call.longestGapMs)} ms`]
      : []),
    ...(data.answered === 0 ? [`card ${subscriber}: no answer from the internet`] : []),
    ...(served.some(({ version }) => version === to) && new Set(served.map(({ pod }) => pod)).size > 1
      ? []
      : [`card ${subscriber}: no instance of ${to} ever served it`]),
  ]);
}

/** At most 100 columns. */
export function cardLines(cards: readonly CardReport[], since: number): string {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return cards
    .flatMap(({ subscriber, designated, served, call, data, quiet }) => [
      `${subscriber}, ${designated ? "designated" : "not designated"}`,
      `  call: longest gap ${ms(call.longestGapMs)}, ${ms(quiet.call.longestGapMs)} in the quiet spell` +
        ` (${call.longestGapMs <= 2 * quiet.call.longestGapMs ? "within" : "beyond"} twice that);` +
        ` ${call.packetsLost} of ${call.packets + call.packetsLost} packets lost`,
      `  internet: ${data.answered} of ${data.sent} packets answered, longest gap ${ms(data.longestGapMs)}` +
        ` (${ms(quiet.data.longestGapMs)})`,
      ...served.map(({ since: at, version, pod }) => {
        const after = Math.max(0, (at - since) / 1_000).toFixed(1);
        return `  ${at <= since ? "before   " : `${after} s`.padStart(9)}  ${version}  ${pod}`;
      }),
    ])
    .join("\n");
}
