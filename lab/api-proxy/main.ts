/**
 * Entry of the proxy's process: `node main.ts SETTINGS`.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import { ControlError, serveControl } from "../control.ts";
import { readJson } from "../files.ts";
import { type ProxyFault, ProxyFaults } from "./faults.ts";
import { Line } from "./line.ts";
import type { ApiProxyConfig } from "./process.ts";
import { createProxy } from "./proxy.ts";

const file = process.argv[2] ?? "";
const config = readJson<ApiProxyConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);

const faults = new ProxyFaults();
const proxy = createProxy(config, faults);
await new Promise<void>((resolve, reject) => {
  proxy.once("error", reject);
  proxy.listen({ host: "127.0.0.1", port: 0 }, resolve);
});
const line = new Line(config.port, (proxy.address() as AddressInfo).port);
await line.listen();
await serveControl({ port: config.controlPort, token: config.token }, async (method, [what, name], body) => {
  if (what === "state" && method === "GET") return { faults: faults.list() };
  if (what === "faults" && method === "GET") return faults.list();
  if (what === "faults" && method === "POST") faults.add(body as ProxyFault);
  else if (what === "faults" && method === "DELETE") faults.clear(name);
  else throw new ControlError(404, `no ${method} /${what}`);
  log(`faults: ${JSON.stringify(faults.list())}`);
  await line.set(faults.cut?.how);
  return faults.list();
});
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
