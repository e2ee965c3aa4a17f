/**
 * Entry of the Gateway's process: `node main.ts SETTINGS`.
 *
 * @module
 */
import { readJson } from "../files.ts";
import { GatewayDaemon } from "./daemon.ts";
import type { GatewayProcessConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<GatewayProcessConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const daemon = await GatewayDaemon.start({ ...config, log });
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    daemon.stop();
    process.exit(0);
  });
}
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
