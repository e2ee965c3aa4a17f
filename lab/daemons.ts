import { apiProxyProcess } from "./api-proxy/process.ts";
import { clusterPaths, serverIdentity } from "./cluster/index.ts";
import { cnfProcess } from "./cnf/process.ts";
import type { ControlAddress } from "./control.ts";
import { gatewayProcess } from "./gateway/process.ts";
import { machinesProcess } from "./machines/process.ts";
import { machineSpecs } from "./machines/specs.ts";
import type { ProcessTable } from "./processes.ts";
import { prometheusProcess } from "./prometheus/process.ts";
import type { LabRecord } from "./record.ts";
import { trafficProcess } from "./traffic/process.ts";

/** Where subscribers reach network functions; labs differ in the ports. */
const SERVICE_HOST = "127.0.0.1";

/** Starts what stands before the API server, what stands behind the pods, and the subscribers who use it. */
export async function startDaemons(
  table: ProcessTable,
  record: LabRecord,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { shape, service, cluster } = record;
  const { apiProxy, cnf, traffic, gateway } = record.endpoints;
  const address = ({ port, token }: ControlAddress): ControlAddress => ({ port, token });
  await table.start(apiProxyProcess(cluster, apiProxy));
  const { machines } = record.endpoints;
  if (machines && record.redfish && shape.machines) {
    signal?.throwIfAborted();
    onProgress(`${shape.nodes} machines, ${shape.machines.spares} spare`);
    await table.start(
      machinesProcess({
        dir: cluster.dir,
        kubeconfigPath: clusterPaths(cluster.dir).kubeconfig,
        controlPort: machines.port,
        token: machines.token,
        machines: machineSpecs(shape.nodes, shape.machines),
        port: record.redfish.port,
        credentials: { userName: record.redfish.userName, password: record.redfish.password },
        tls: serverIdentity(cluster),
        scale: shape.machines.scale,
      }),
    );
  }
  if (cnf) {
    signal?.throwIfAborted();
    onProgress("instances of network functions");
    await table.start(
      cnfProcess({
        dir: cluster.dir,
        kubeconfigPath: clusterPaths(cluster.dir).kubeconfig,
        namespace: shape.namespace,
        controlPort: cnf.port,
        token: cnf.token,
        ...(traffic ? { trafficControl: address(traffic) } : {}),
        serviceAddress: SERVICE_HOST,
        ...service,
        subscribers: shape.subscribers,
      }),
    );
  }
  if (gateway && record.gatewayPort !== undefined) {
    signal?.throwIfAborted();
    onProgress("a Gateway");
    await table.start(
      gatewayProcess({
        dir: cluster.dir,
        kubeconfigPath: clusterPaths(cluster.dir).kubeconfig,
        namespace: shape.namespace,
        port: record.gatewayPort,
        control: address(gateway),
      }),
    );
  }
  if (traffic) {
    signal?.throwIfAborted();
    onProgress(`${shape.subscribers} subscribers, ${shape.calls} calls`);
    await table.start(
      trafficProcess({
        dir: cluster.dir,
        controlPort: traffic.port,
        token: traffic.token,
        ...(cnf ? { cnfControl: address(cnf) } : {}),
        service: { host: SERVICE_HOST, ...service },
        subscribers: shape.subscribers,
        calls: shape.calls,
        fourG: shape.fourG,
        testCards: shape.testCards,
        successRates: shape.successRates,
        churnPerSecond: shape.churn,
        registrationsPerSecond: (5 / 8) * shape.procedures,
        otherProceduresPerSecond: (3 / 8) * shape.procedures,
      }),
    );
  }
  if (record.prometheus && cnf) {
    signal?.throwIfAborted();
    onProgress("Prometheus");
    await table.start(
      prometheusProcess({
        ...record.prometheus,
        dir: cluster.dir,
        cnf,
        namespace: shape.namespace,
      }),
    );
  }
}
