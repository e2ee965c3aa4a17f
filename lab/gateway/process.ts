import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { GatewayConfig } from "./daemon.ts";

export interface GatewayProcessConfig extends Omit<GatewayConfig, "log"> {
  /** The lab's own folder; the settings go there as `gateway.json`, mode 600. */
  readonly dir: string;
}

/** The Gateway as a process of the lab. */
export function gatewayProcess(config: GatewayProcessConfig): ProcessSpec {
  return daemonProcess("gateway", new URL("./main.ts", import.meta.url), config.dir, config, config.control);
}
