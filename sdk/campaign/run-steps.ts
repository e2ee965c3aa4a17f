/**
 * Runs steps one after the other: journal first, then act, then journal what was observed.
 *
 * @module
 */
import type { Target } from "../contract/target";
import type { Step } from "../plan/plan";
import { failureOf } from "./errors";
import type { CampaignLog } from "./log";

export interface StepRun {
  readonly target: Pick<Target, "perform">;
  readonly log: CampaignLog;
  readonly campaign: string;
  readonly stage: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Waited for before each step: an operator may have paused the campaign. */
  readonly mayBegin?: () => Promise<unknown>;
  /** Called before a step acts and after it was observed; writes the journal. */
  readonly record: (index: number, state: "running" | "done" | "failed", detail?: string) => Promise<void>;
}

export async function runSteps(steps: readonly Step[], run: StepRun): Promise<void> {
  for (const [index, step] of steps.entries()) {
    await run.mayBegin?.();
    run.signal.throwIfAborted();
    await run.record(index, "running");
    run.progress(`${index + 1}/${steps.length} ${step.summary}`);
    const startedAt = Date.now();
    const entry = (code: string, message: string) =>
      run.log.write({
        campaign: run.campaign,
        stage: run.stage,
        action: step.action,
        object: step.object,
        code,
        message,
        epoch: run.epoch,
        durationMs: Date.now() - startedAt,
      });
    try {
      const { detail } = await run.target.perform(step, {
        signal: run.signal,
        epoch: run.epoch,
        deadline: startedAt + step.limitMs,
        progress: (line) => run.progress(`${index + 1}/${steps.length} ${line}`),
      });
      entry("OK", detail);
      await run.record(index, "done", detail);
    } catch (error) {
      // The reason for an abort says more than the driver's word that it was aborted.
      const failure = failureOf(run.signal.aborted ? run.signal.reason : error);
      entry(failure.code, failure.message);
      await run.record(index, "failed", failure.message).catch(() => undefined);
      throw run.signal.aborted ? run.signal.reason : error;
    }
  }
}
