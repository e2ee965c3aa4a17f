/**
 * Where a campaign's time went, by its own log.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";

interface Line {
  readonly time: string;
  readonly stage: string;
  readonly action: string;
  readonly durationMs?: number;
}

export interface Spent {
  /** From its opening to its end, s. */
  readonly seconds: number;
  /** Seconds by kind of step; `watching` is soaks and gates, `between stages` the engine's and the session's own. */
  readonly spent: { readonly [action: string]: number };
}

/** @param since ms since 1970. */
export async function campaignSince(dir: string, since: number): Promise<Spent> {
  const text = await fs.readFile(path.join(dir, "cnf_core_amf.jsonl"), "utf8");
  const lines = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line)
    .filter(({ time }) => Date.parse(time) >= since);
  return spentIn(lines);
}

/** @throws Error if the lines have no campaign that was opened. */
export function spentIn(lines: readonly Line[]): Spent {
  const opened = lines.find(({ action }) => action === "campaign-open");
  const last = lines.at(-1);
  if (!opened || !last) throw new Error("the campaign's log names no campaign that was opened");
  const seconds = (Date.parse(last.time) - Date.parse(opened.time)) / 1000;
  const spent: { [action: string]: number } = {};
  let inStages = 0;
  for (const { action, durationMs = 0, stage, time } of lines) {
    if (action === "stage-end") {
      const begun = lines.find((one) => one.stage === stage && one.action === "stage-begin");
      if (begun) inStages += (Date.parse(time) - Date.parse(begun.time)) / 1000;
    } else if (durationMs > 0) spent[action] = (spent[action] ?? 0) + durationMs / 1000;
  }
  const steps = Object.values(spent).reduce((sum, one) => sum + one, 0);
  return { seconds, spent: { ...spent, watching: inStages - steps, "between stages": seconds - inStages } };
}
