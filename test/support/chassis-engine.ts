/**
 * One run of the engine on a chassis, as the provider carries it out: looks, plans, runs the stages in order. Run as a program it reads
 * its inputs from standard input and names each stage as it begins, so that it can be killed there.
 *
 * @module
 */
import { text } from "node:stream/consumers";
import { CHASSIS_STAGES } from "#sdk/plan/chassis.js";
import { Sessions } from "#sdk/provider/sessions.js";

export interface EngineRun {
  readonly outcome: "completed" | "unchanged" | "refused" | "failed";
  /** Why preview refused it, or what the first stage that failed said. */
  readonly error: string;
  readonly code: string;
  readonly ticks: readonly string[];
  readonly warnings: readonly string[];
}

export interface EngineHooks {
  /** Stops at its next safe point when this resolves. */
  readonly interrupt?: Promise<unknown>;
  /** Told of each line of progress. */
  readonly onTick?: (line: string, stage: string) => void;
  /** Told of each stage that is about to begin, and waited for. */
  readonly onStage?: (stage: string) => void | Promise<void>;
}

/** @param inputs of a stage, as the component gives them. */
export async function runEngine(inputs: object, hooks: EngineHooks = {}): Promise<EngineRun> {
  const ticks: string[] = [];
  const none = { ticks, warnings: [] };
  const sessions = new Sessions();
  try {
    const { session, problems } = await sessions.get(inputs as never);
    const told = (all: readonly { path: string; message: string }[]) =>
      all.map((one) => `${one.path}: ${one.message}`).join("\n");
    if (!session) return { ...none, outcome: "refused", error: told(problems), code: "REFUSED" };
    const view = await session.view();
    if (!view.campaign) return { ...none, outcome: "unchanged", error: "", code: "" };
    const refusal = [told(view.plan.problems), view.quarantine ?? ""].filter(Boolean).join("\n");
    const { warnings } = view.plan;
    if (refusal) return { ticks, warnings, outcome: "refused", error: refusal, code: "REFUSED" };
    void hooks.interrupt?.then(() => session.stop("interrupted"));
    for (const stage of CHASSIS_STAGES) {
      try {
        await hooks.onStage?.(stage);
        await session.runStage(stage, {
          tick: (line) => {
            ticks.push(`${stage}: ${line}`);
            hooks.onTick?.(line, stage);
          },
          say: () => undefined,
        });
      } catch (error) {
        const { message, code } = error as Error & { code: string };
        return { ticks, warnings, outcome: "failed", error: message, code };
      }
    }
    return { ticks, warnings, outcome: "completed", error: "", code: "" };
  } catch (error) {
    const { message, code } = error as Error & { code: string };
    return { ...none, outcome: "refused", error: message, code };
  } finally {
    await sessions.each((session) => session.close());
    await sessions.settle();
  }
}

if (import.meta.main) {
  const run = await runEngine(JSON.parse(await text(process.stdin)), {
    onStage: (stage) => void process.stdout.write(`${stage}\n`),
  });
  process.stdout.write(`${run.outcome} ${run.code} ${run.error}\n`);
}
