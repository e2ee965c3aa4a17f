/**
 * The probe as a process of the lab.
 *
 * @module
 */
import { type ClusterRecord, probeIdentity } from "../cluster/index.ts";
import type { ControlAddress } from "../control.ts";
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { ProbeOptions } from "./probe.ts";

export interface ProbeConfig extends ProbeOptions {
  readonly control: ControlAddress;
}

export function probeProcess(cluster: ClusterRecord, { port, token }: ControlAddress): ProcessSpec {
  const config: ProbeConfig = {
    server: `https://127.0.0.1:${cluster.ports.apiserver}`,
    trust: probeIdentity(cluster),
    // Not that of the network functions, which is emptied between tests.
    namespace: "default",
    control: { port, token },
  };
  return daemonProcess(
    "api-probe",
    new URL("./main.ts", import.meta.url),
    cluster.dir,
    config,
    config.control,
  );
}
