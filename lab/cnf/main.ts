/**
 * Entry of the network function's process: `node main.ts SETTINGS`.
 *
 * @module
 */
import { readJson } from "../files.ts";
import { CnfDaemon } from "./daemon.ts";
import { KubernetesCluster } from "./kubernetes-cluster.ts";
import type { CnfProcessConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<CnfProcessConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const daemon = await CnfDaemon.start(new KubernetesCluster(config.kubeconfigPath, config.namespace, log), {
  control: { port: config.controlPort, token: config.token },
  ...(config.trafficControl ? { trafficControl: config.trafficControl } : {}),
  serviceAddress: config.serviceAddress ?? "127.0.0.1",
  signallingPort: config.signallingPort,
  mediaPort: config.mediaPort,
  ratedSubscribers: config.ratedSubscribers ?? Math.ceil(config.subscribers / 4),
  log,
});
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    daemon.stop();
    process.exit(0);
  });
}
// A mistake in one corner must not take every session with it; it is logged to be found.
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
