/**
 * A proxy in front of the API server as a process of the lab: whoever comes by its kubeconfig can be cut off, slowed
 * and refused, while the lab's own daemons go on undisturbed.
 *
 * @module
 */
import { type ClusterRecord, operatorIdentity } from "../cluster/index.ts";
import { daemonProcess } from "../daemon-process.ts";
import type { ProcessSpec } from "../processes.ts";
import type { Endpoint } from "../record.ts";
import type { ProxyOptions } from "./proxy.ts";

export interface ApiProxyConfig extends ProxyOptions {
  /** On loopback, where clients come in. */
  readonly port: number;
  readonly controlPort: number;
  readonly token: string;
}

export function apiProxyProcess(cluster: ClusterRecord, control: Endpoint): ProcessSpec {
  const { dir, ports } = cluster;
  const config: ApiProxyConfig = {
    ...operatorIdentity(cluster),
    apiserverPort: ports.apiserver,
    port: ports.apiProxy,
    controlPort: control.port,
    token: control.token,
  };
  return daemonProcess("api-proxy", new URL("./main.ts", import.meta.url), dir, config, control);
}
