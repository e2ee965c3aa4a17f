/**
 * Keeps looking: redraws on a terminal, prints a line for each change everywhere else.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import { changesOf } from "./changes";
import { exitCodes } from "./exit-code";
import { clock } from "./format";
import type { Page } from "./layout";
import type { StatusDocument, TargetStatus } from "./status-model";
import { statusText } from "./status-text";

const LOOK_EVERY_MS = 1000;

export interface WatchArgs {
  /** Looks once. */
  readonly look: () => Promise<StatusDocument>;
  readonly page: Page;
  /** `screen` redraws, `lines` prints changes, `json` prints a document for each change. */
  readonly mode: "screen" | "lines" | "json";
  readonly print: (text: string) => Promise<void>;
  readonly redraw: (text: string) => Promise<void>;
  /** Whether to end when nothing is in hand any more; goes on until interrupted otherwise. */
  readonly untilOver: boolean;
  readonly signal?: AbortSignal;
  /** Between two looks. */
  readonly everyMs?: number;
}

/** Whether a run works on it at this moment. */
const inHand = ({ exitCode, lease }: TargetStatus): boolean =>
  exitCode === exitCodes.inProgress && lease !== undefined;

/**
 * @returns the last document.
 * @throws what the first look throws; later ones are tried again.
 */
export async function watch(args: WatchArgs): Promise<StatusDocument> {
  let last: StatusDocument | undefined;
  let trouble: string | undefined;
  for (;;) {
    try {
      const document = await args.look();
      if (trouble !== undefined && args.mode === "lines") await args.print("it can be read again");
      trouble = undefined;
      await show(args, last, document);
      last = document;
    } catch (error) {
      if (!last) throw error;
      const message = (error as Error).message;
      if (args.mode === "screen") {
        await args.redraw(
          `${args.page.paint("red", `! ${message}; trying again`)}\n\n${statusText(last, args.page)}`,
        );
      } else if (args.mode === "lines" && message !== trouble) {
        await args.print(`it can't be read: ${message}; trying again`);
      }
      trouble = message;
    }
    if (last && trouble === undefined && args.untilOver && !last.targets.some(inHand)) return last;
    await delay(args.everyMs ?? LOOK_EVERY_MS, undefined, { signal: args.signal }).catch(() => undefined);
    if (args.signal?.aborted && last) return last;
  }
}

async function show(args: WatchArgs, before: StatusDocument | undefined, now: StatusDocument): Promise<void> {
  if (args.mode === "screen") return args.redraw(statusText(now, args.page));
  const at = Date.parse(now.at);
  const lines = now.targets.flatMap((target) =>
    changesOf(
      before?.targets.find((one) => one.target === target.target),
      target,
    ),
  );
  if (args.mode === "json") {
    if (!before || lines.length > 0) await args.print(JSON.stringify(now));
    return;
  }
  for (const line of lines) await args.print(`${clock(now.at, at)} ${line}`);
}
