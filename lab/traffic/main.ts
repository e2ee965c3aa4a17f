/**
 * Entry of the subscribers' process: `node main.ts SETTINGS`.
 *
 * @module
 */
import { readJson } from "../files.ts";
import { TrafficDaemon } from "./daemon.ts";
import type { TrafficProcessConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<TrafficProcessConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const { controlPort: port, token, ...options } = config;
const daemon = await TrafficDaemon.start({ ...options, control: { port, token }, log });
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void daemon.stop().then(() => process.exit(0)));
}
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
