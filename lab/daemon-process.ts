/**
 * How the lab's own daemons are run: with their settings in a file of mode 600, ahead of other work where that is allowed,
 * since their timers are what the lab measures with.
 *
 * @module
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ControlAddress, control } from "./control.ts";
import { writeJson } from "./files.ts";
import type { ProcessSpec } from "./processes.ts";

/**
 * @param entry of the daemon, which gets the path of its settings as its only argument
 * @param settings may hold secrets
 */
export function daemonProcess(
  name: string,
  entry: URL,
  dir: string,
  settings: unknown,
  address: ControlAddress,
): ProcessSpec {
  const file = join(dir, `${name}.json`);
  writeJson(file, settings);
  return {
    name,
    // Raises the priority of every thread, and goes on without where that is not allowed.
    command: "nice",
    args: ["-n", "-15", process.execPath, "--single-threaded-gc", fileURLToPath(entry), file],
    readyWithinMs: 30_000,
    async ready(signal) {
      for (;;) {
        try {
          await control(address, "GET", "/state", { signal });
          return;
        } catch (error) {
          if (signal.aborted) throw error;
        }
        await delay(50, undefined, { signal });
      }
    },
  };
}
