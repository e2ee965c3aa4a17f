/**
 * The simulated network function as a process of the lab.
 *
 * @module
 */
import type { ControlAddress } from "../control.ts";
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";

export interface CnfProcessConfig {
  /** The lab's own folder; the settings go there as `cnf.json`, mode 600. */
  readonly dir: string;
  readonly kubeconfigPath: string;
  /** Namespace of the network function's pods. */
  readonly namespace: string;
  /** Port on loopback for control. */
  readonly controlPort: number;
  readonly token: string;
  /** Control of the traffic daemon; without it, dial tests fail. */
  readonly trafficControl?: ControlAddress;
  /** Default 127.0.0.1; two labs differ in the ports. */
  readonly serviceAddress?: string;
  readonly signallingPort: number;
  readonly mediaPort: number;
  /** Population of the lab; an instance is rated for a quarter of it unless `ratedSubscribers` is set. */
  readonly subscribers: number;
  readonly ratedSubscribers?: number;
}

export function cnfProcess(config: CnfProcessConfig): ProcessSpec {
  const address = { port: config.controlPort, token: config.token };
  return daemonProcess("cnf", new URL("./main.ts", import.meta.url), config.dir, config, address);
}
