/**
 * The simulated machines as a process of the lab.
 *
 * @module
 */
import type { ClusterRecord } from "../cluster/index.ts";
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { MachinesOptions } from "./daemon.ts";

export interface MachinesProcessConfig extends Omit<MachinesOptions, "log" | "control" | "tls"> {
  /** The lab's own folder; the settings go there as `machines.json`, mode 600. */
  readonly dir: string;
  readonly kubeconfigPath: string;
  readonly tls: { readonly certPath: string; readonly keyPath: string };
  /** Where the control plane runs on some of the machines. */
  readonly cluster?: ClusterRecord;
  readonly controlPort: number;
  readonly token: string;
}

export function machinesProcess(config: MachinesProcessConfig): ProcessSpec {
  const address = { port: config.controlPort, token: config.token };
  return daemonProcess("machines", new URL("./main.ts", import.meta.url), config.dir, config, address);
}
