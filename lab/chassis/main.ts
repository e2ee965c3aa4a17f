/**
 * Entry of a chassis cluster's process: `node main.ts SETTINGS`.
 *
 * @module
 */
import { join } from "node:path";
import { ControlError, serveControl } from "../control.ts";
import { readJson, writeText } from "../files.ts";
import { type FaultParams, startChassisCluster } from "./index.ts";
import type { DaemonSettings } from "./site.ts";

const file = process.argv[2] ?? "";
const settings = readJson<DaemonSettings>(file);
if (!settings) throw new Error(`settings: got ${JSON.stringify(file)}, expected a file that exists`);

const cluster = await startChassisCluster(settings.options);
const { dir } = settings.options;
if (dir !== undefined) {
  writeText(join(dir, "id_ed25519"), cluster.credentials.privateKey);
  writeText(join(dir, "known_hosts"), cluster.knownHosts);
}
cluster.model.events.listen((event) => console.log(JSON.stringify(event)));

await serveControl(settings.control, async (method, [what, name], body) => {
  switch (`${method} ${what}`) {
    case "GET state":
      return cluster.status();
    case "GET events":
      return cluster.events();
    case "GET faults":
      return cluster.status().faults;
    case "POST faults": {
      const { name: fault, params } = body as { name: string; params?: FaultParams };
      await orRefuse(() => cluster.fault(fault, params));
      return cluster.status().faults;
    }
    case "DELETE faults":
      await cluster.clearFaults(name);
      return cluster.status().faults;
    case "POST cards": {
      const { node, slot } = body as { node: 0 | 1; slot: number };
      await orRefuse(() => cluster.restartCard(node, slot));
      return undefined;
    }
    case "POST traffic":
      await orRefuse(() => cluster.traffic.start((body ?? {}) as object));
      return undefined;
    case "DELETE traffic":
      cluster.traffic.stop();
      return undefined;
    case "POST windows":
      await orRefuse(async () => cluster.traffic.openWindow(name ?? ""));
      return undefined;
    case "DELETE windows":
      return orRefuse(() => cluster.traffic.closeWindow(name ?? ""));
    default:
      throw new ControlError(404, `no ${method} /${what}`);
  }
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => void cluster.close().finally(() => process.exit(0)));
}

process.on("uncaughtException", (error) => console.log(`uncaught: ${error.stack}`));
process.on("unhandledRejection", (error) => console.log(`unhandled: ${(error as Error)?.stack ?? error}`));

/** What is wrong with a request is its sender's to mend. */
async function orRefuse<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new ControlError(400, (error as Error).message);
  }
}
