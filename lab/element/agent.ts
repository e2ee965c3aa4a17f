import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { consoleProgress, ensureToolchain } from "../toolchain/index.ts";
import { elementAgent } from "../toolchain/programs.ts";

/** On what an element runs: Linux namespaces, or a simulation of them where a machine allows none. */
export type Platform = "namespaces" | "simulated";

export interface PlatformFound {
  readonly platform: Platform;
  /** Whether root's rights are there; without them namespaces are those of a user namespace. */
  readonly root: boolean;
  /** Why it is not namespaces. */
  readonly reason?: string;
}

/**
 * Path of the program that is init, daemons and hardware of an element; built when its source changed.
 *
 * @throws {ToolchainError} if it can't be built
 */
export async function findAgent(signal?: AbortSignal): Promise<string> {
  const progress = consoleProgress();
  try {
    const tools = await ensureToolchain({
      catalogue: [elementAgent],
      progress: progress.report,
      ...(signal ? { signal } : {}),
    });
    return tools.path("element-agent");
  } finally {
    progress.end();
  }
}

/** Tries what an element needs, in namespaces that end at once. `ISSU_ELEMENTS=simulated` has it as where none are allowed. */
export async function findPlatform(agent: string): Promise<PlatformFound> {
  if (process.env.ISSU_ELEMENTS === "simulated")
    return { platform: "simulated", root: false, reason: "ISSU_ELEMENTS asks for it" };
  const { stdout } = await promisify(execFile)(agent, ["probe"], { timeout: 20_000 });
  return JSON.parse(stdout) as PlatformFound;
}
