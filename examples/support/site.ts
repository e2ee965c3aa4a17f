/**
 * A site to run an example on: the lab with its subscribers, and a stack on a backend of its own.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Lab, type LabOptions, startLab } from "../../lab/lab.ts";
import { consoleProgress, ensureToolchain } from "../../lab/toolchain/index.ts";
import { compact } from "./engine-lines.ts";
import { Stack } from "./pulumi.ts";
import type { ScenarioContext } from "./scenario.ts";
import { Traffic, type WindowFigures } from "./traffic.ts";

export interface Site {
  readonly lab: Lab;
  readonly stack: Stack;
  readonly traffic: Traffic;
  /** Environment of `pulumi` and `issu`. */
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

export interface SiteShape {
  readonly nodes: number;
  readonly subscribers: number;
  readonly calls: number;
  /** What else the lab is to be like. */
  readonly lab?: Pick<LabOptions, "fourG" | "testCards" | "successRates" | "machines">;
  /** Program, relative to the root. */
  readonly program: string;
  /** Name of the stack. */
  readonly stack: string;
}

export async function openSite(context: ScenarioContext, shape: SiteShape): Promise<Site> {
  const { progress, out } = context;
  const shown = consoleProgress();
  const toolchain = await ensureToolchain({ progress: shown.report, signal: context.signal });
  shown.end();
  const lab = await startLab({
    name: context.labName,
    nodes: shape.nodes,
    subscribers: context.subscribers ?? shape.subscribers,
    calls: context.calls ?? shape.calls,
    ...shape.lab,
    cnf: true,
    traffic: true,
    onProgress: (line) => progress.line(line),
    signal: context.signal,
  });
  try {
    const dir = path.join(lab.dir, "stack");
    // A stack of an earlier run speaks of a cluster that is gone.
    await fs.rm(dir, { recursive: true, force: true });
    await fs.mkdir(out, { recursive: true });
    const env = {
      ...process.env,
      ...toolchain.pulumiEnv(),
      KUBECONFIG: lab.operatorKubeconfigPath,
      ISSU_LOG_DIR: path.join(out, "log"),
    };
    const stack = await Stack.open({
      root: context.root,
      program: path.join(context.root, shape.program),
      stack: shape.stack,
      dir,
      env,
      echo: (line) => {
        const short = compact(line);
        if (short !== undefined) progress.line(short);
      },
    });
    return {
      lab,
      stack,
      env,
      traffic: new Traffic(lab),
      close: async () => {
        if (!context.keep) await lab.stop();
      },
    };
  } catch (error) {
    if (!context.keep) await lab.stop();
    throw error;
  }
}

/** Figures over a spell of at least `atLeastMs` in which `work` runs. */
export async function quietSpell(
  traffic: Traffic,
  atLeastMs: number,
  work: () => Promise<unknown>,
): Promise<WindowFigures> {
  await traffic.openWindow("quiet");
  await Promise.all([work(), delay(atLeastMs)]);
  return traffic.closeWindow("quiet");
}
