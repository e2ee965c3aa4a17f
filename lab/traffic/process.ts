/**
 * The simulated subscribers as a process of the lab.
 *
 * @module
 */
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { TrafficOptions } from "./daemon.ts";

export interface TrafficProcessConfig extends Omit<TrafficOptions, "log" | "control"> {
  /** The lab's own folder; the settings go there as `traffic.json`, mode 600. */
  readonly dir: string;
  /** Port on loopback for control. */
  readonly controlPort: number;
  readonly token: string;
}

export function trafficProcess(config: TrafficProcessConfig): ProcessSpec {
  const address = { port: config.controlPort, token: config.token };
  return daemonProcess("traffic", new URL("./main.ts", import.meta.url), config.dir, config, address);
}
