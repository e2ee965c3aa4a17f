/**
 * Entry of the machines' process: `node main.ts SETTINGS`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { Api } from "../cluster/api.ts";
import { membersHost } from "../control-plane/host.ts";
import { readJson } from "../files.ts";
import { Machines } from "./daemon.ts";
import { KubernetesNodes } from "./kubernetes-nodes.ts";
import type { MachinesProcessConfig } from "./process.ts";

const file = process.argv[2] ?? "";
const config = readJson<MachinesProcessConfig>(file);
if (!config) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`);
const { controlPort: port, token, kubeconfigPath, tls, cluster, dir: _, ...options } = config;
const nodes = new KubernetesNodes(new Api(kubeconfigPath));
const members = cluster && membersHost(cluster, kubeconfigPath, nodes, log);
const machines = await Machines.start(
  {
    ...options,
    tls: { cert: readFileSync(tls.certPath, "utf8"), key: readFileSync(tls.keyPath, "utf8") },
    control: { port, token },
    log,
  },
  members ?? nodes,
);
for (const { spec } of members ? machines.machines.values() : []) {
  if (spec.member && spec.release !== undefined) await members?.up(spec.id, spec.release, spec.labels);
}
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    members?.leave();
    void machines.stop().then(() => process.exit(0));
  });
}
process.on("uncaughtException", (error) => log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => log(`unhandled: ${(error as Error)?.stack ?? error}`));
