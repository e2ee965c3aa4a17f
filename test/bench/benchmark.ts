/**
 * What a benchmark is given by `run.ts`.
 *
 * @module
 */
import * as path from "node:path";
import { Stack } from "../../examples/support/pulumi.ts";
import type { Lab } from "../../lab/lab.ts";
import { Running } from "../support/command.ts";
import { type ProcessUse, UseWatch } from "./process-use.ts";

export interface Bench {
  readonly root: string;
  readonly lab: Lab;
  readonly env: NodeJS.ProcessEnv;
  readonly quick: boolean;
  readonly line: (text: string) => void;
}

export interface Measured {
  readonly seconds: number;
  readonly output: string;
  readonly uses: readonly ProcessUse[];
}

/** A stack of a program of `test/bench/programs`. */
export function openStack(bench: Bench, name: string, program: string): Promise<Stack> {
  return Stack.open({
    root: bench.root,
    program: path.join(import.meta.dirname, "programs", program, "index.ts"),
    stack: name,
    dir: path.join(bench.lab.dir, "stacks", name),
    env: bench.env,
    echo: () => undefined,
  });
}

/** @throws Error with all that `pulumi` said if it failed. */
export async function measure(stack: Stack, verb: "preview" | "up"): Promise<Measured> {
  const { command, args, options } = verb === "up" ? stack.upCommand() : stack.previewCommand();
  const running = new Running(command, args, options);
  const watch = new UseWatch(running.pid);
  const { code, output, durationMs } = await running.ended;
  const uses = await watch.stop();
  if (code !== 0) throw new Error(`pulumi ${verb} ended with ${code}:\n${output}`);
  return { seconds: durationMs / 1000, output, uses };
}
