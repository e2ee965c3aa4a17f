/**
 * Entry of the front's process: `node main.ts SETTINGS`. Its control tells the members' state (`GET /state`).
 *
 * @module
 */
import { ControlError, serveControl } from "../control.ts";
import { readJson } from "../files.ts";
import { Front } from "./front.ts";
import type { FrontConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<FrontConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const { control, ...options } = config;
const front = await Front.start({ ...options, log });
await serveControl(control, (method, [what]) => {
  if (method === "GET" && what === "state") return front.state;
  throw new ControlError(404, `no ${method} /${what}; there is /state`);
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
