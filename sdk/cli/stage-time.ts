import type { StageRecord } from "../campaign/journal";

/**
 * How long a stage took, or has taken so far.
 *
 * @returns milliseconds; undefined if it was not begun since the campaign was last taken up.
 */
export function stageMs(stage: StageRecord, now: number): number | undefined {
  // A stage that waits to be run again still has the start of its last run.
  if (!stage.startedAt || stage.state === "pending") return undefined;
  return (stage.finishedAt ? Date.parse(stage.finishedAt) : now) - Date.parse(stage.startedAt);
}
