/**
 * What an example brings for `examples/run.ts`.
 *
 * @module
 */
import type { Progress } from "./progress.ts";
import type { Report } from "./report.ts";

export interface ScenarioContext {
  /** Root of the repository. */
  readonly root: string;
  /** Folder for what the run leaves behind. */
  readonly out: string;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly labName: string;
  /** Leave the lab up at the end. */
  readonly keep: boolean;
  readonly subscribers?: number;
  readonly calls?: number;
}

export interface Scenario {
  /** Headings of its steps, in order; shown with what is left to do. */
  readonly steps: readonly string[];
  /** @returns the report, what did not end as it should, in words, and what is shown before the table. */
  run(context: ScenarioContext): Promise<{
    readonly report: Report;
    readonly mistakes: readonly string[];
    readonly shown?: string;
  }>;
}
