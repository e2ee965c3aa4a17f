import { logDir, logFileOf } from "../campaign/log-file";
import { linesOf, loggedTargets, logText, parseLine } from "./log-lines";
import { pageOf, print } from "./terminal";
import { UsageError } from "./usage-error";

export interface LogOptions {
  readonly follow?: boolean;
  readonly campaign?: string;
  readonly json?: boolean;
}

export async function showLog(wanted: string | undefined, options: LogOptions): Promise<void> {
  const target = pickLogged(await loggedTargets(), wanted);
  const page = pageOf(process.stdout);
  for await (const line of linesOf(logFileOf(target), options.follow === true)) {
    const entry = parseLine(line);
    if (options.campaign !== undefined && entry?.campaign !== options.campaign) continue;
    await print(options.json || !entry ? line : logText(entry, Date.now(), page));
  }
}

/** @throws UsageError that lists what there is. */
export function pickLogged(all: readonly string[], wanted: string | undefined): string {
  const found = all.filter(
    (target) => wanted === undefined || target === wanted || target.split("/").at(-1) === wanted,
  );
  if (found.length === 1) return found[0] as string;
  if (all.length === 0) {
    throw new UsageError(
      `no log in ${logDir()}: no campaign ran on this machine, or its ISSU_LOG_DIR was another.`,
    );
  }
  throw new UsageError(
    found.length === 0
      ? `no log of ${wanted} in ${logDir()}. There is: ${all.join(", ")}.`
      : `${wanted === undefined ? "there are several logs" : `${wanted} may be any of several`}: ${found.join(", ")}. Say which.`,
  );
}
