import * as log from "@pulumi/pulumi/log/index.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import * as state from "@pulumi/pulumi/runtime/state.js";

/** Left out of the SDK's published types. */
const { getStore } = state as unknown as {
  getStore(): { settings: { options: { engineAddr?: string } } };
};

/** Which of a command's output is shown in Pulumi's log; the values are those of the official schema. */
export type Logging = "stdout" | "stderr" | "stdoutAndStderr" | "none";

/** Lines to the engine, shown beside the resource they belong to. */
export class EngineLog {
  readonly #connected: boolean;

  /** @param address the engine's gRPC address; without one nothing is logged */
  constructor(address: string | undefined) {
    this.#connected = address !== undefined;
    // The SDK learns the address in programs and components only, not in a provider's own operations.
    if (address !== undefined) getStore().settings.options.engineAddr = address;
  }

  /** Logs a line; resolves when the engine has it. An engine that is gone is no error of the command's. */
  async info(urn: string, line: string): Promise<void> {
    if (!this.#connected) return;
    // Of a resource, the log asks nothing but its URN.
    const resource = { urn: { promise: () => Promise.resolve(urn) } } as unknown as Resource;
    await log.info(line, resource).catch(() => {});
  }
}
