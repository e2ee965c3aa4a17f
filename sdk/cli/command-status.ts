import { parseDuration } from "../policy/duration";
import { exitCodes, worst } from "./exit-code";
import { Probe } from "./probe";
import { openSite, type SiteOptions, targetsOf } from "./site";
import { documentOf } from "./status";
import { statusText } from "./status-text";
import { pageOf, print, redraw } from "./terminal";
import { UsageError } from "./usage-error";
import { watch } from "./watch";

export interface StatusOptions extends SiteOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
  readonly exitCode?: boolean;
  readonly window: string;
}

/** Window of a display that stays: long enough to smooth, short enough to show a fall. */
const WATCH_WINDOW_MS = 30_000;

/** @returns the exit code. */
export async function showStatus(wanted: string | undefined, options: StatusOptions): Promise<number> {
  const windowMs = parseDuration(options.window);
  if (windowMs === undefined) {
    throw new UsageError(`--window: got ${options.window}, expected a time such as 2s, 500ms or 0s`);
  }
  const site = await openSite(options, wanted);
  const targets = await targetsOf(site, wanted);
  const kept = options.watch && windowMs > 0 ? Math.max(windowMs, WATCH_WINDOW_MS) : windowMs;
  const probes = targets.map((target) => new Probe(site, target, kept));
  const look = async () =>
    documentOf(await Promise.all(probes.map((one) => one.look(!options.watch))), Date.now());
  const page = pageOf(process.stdout);

  if (options.watch) {
    const screen = process.stdout.isTTY && !options.json;
    if (screen) process.stdout.write("\u001b[2J");
    const last = await watch({
      look,
      page,
      mode: options.json ? "json" : screen ? "screen" : "lines",
      print,
      redraw: (text) => redraw(text, process.stdout),
      untilOver: options.exitCode === true,
    });
    return codeOf(last);
  }
  const document = await look();
  await print(options.json ? JSON.stringify(document, null, 2) : statusText(document, page));
  return options.exitCode ? codeOf(document) : exitCodes.ok;
}

const codeOf = ({ targets }: ReturnType<typeof documentOf>): number =>
  worst(targets.map(({ exitCode }) => exitCode));
