/**
 * How the lab's own daemons are run: with their settings in a file of mode 600, and at real-time priority where that is
 * allowed. They stand for machines with cores of their own, and their timers are what the lab measures with: beside a
 * busy build, calls show gaps of 25 ms with it and of 150 ms without.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
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
    ...ahead(process.execPath, ["--single-threaded-gc", fileURLToPath(entry), file]),
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

/** By way of chrt(1), which becomes the program itself, so that every thread has the priority. */
function ahead(command: string, args: readonly string[]): { command: string; args: readonly string[] } {
  const realTime = ["--rr", "1"];
  const allowed = spawnSync("chrt", [...realTime, "true"], { stdio: "ignore" }).status === 0;
  return allowed ? { command: "chrt", args: [...realTime, command, ...args] } : { command, args };
}
