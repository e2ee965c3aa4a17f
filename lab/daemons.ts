import type { FrontMemberState } from "./api-front/front.ts";
import { frontProcess } from "./api-front/process.ts";
import { probeProcess } from "./api-probe/process.ts";
import { apiProxyProcess } from "./api-proxy/process.ts";
import { until } from "./cluster/api.ts";
import { clusterPaths, serverIdentity } from "./cluster/index.ts";
import { cnfProcess } from "./cnf/process.ts";
import { type ControlAddress, control } from "./control.ts";
import type { MembersRecord } from "./control-plane/members.ts";
import { gatewayProcess } from "./gateway/process.ts";
import { machinesProcess } from "./machines/process.ts";
import { machineSpecs, memberSpecs } from "./machines/specs.ts";
import type { ProcessTable } from "./processes.ts";
import { prometheusProcess } from "./prometheus/process.ts";
import { DEFAULT_SCALE, type LabRecord } from "./record.ts";
import { trafficProcess } from "./traffic/process.ts";

/** Where subscribers reach network functions; labs differ in the ports. */
const SERVICE_HOST = "127.0.0.1";

/** How long all members of a control plane may take to be ready, ms. */
const MEMBERS_WITHIN_MS = 300_000;

/** Starts the members of a control plane on their machines, and the front that leads to them; returns when all are ready. */
export async function startMembers(
  table: ProcessTable,
  record: LabRecord,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { members, release } = record.cluster.controlPlane as MembersRecord;
  const front = record.endpoints.apiFront as ControlAddress;
  await table.start(frontProcess(record.cluster, front));
  await startMachines(table, record, onProgress, signal);
  onProgress(`${members.length} members of the control plane with ${release}`);
  await until(
    `${members.length} members of the control plane to be ready`,
    MEMBERS_WITHIN_MS,
    async () => {
      const state = await control<readonly FrontMemberState[]>(front, "GET", "/state");
      const waiting = state.filter(({ ready }) => !ready).map(({ id, reason }) => `${id}: ${reason}`);
      if (waiting.length > 0) throw new Error(waiting.join("; "));
      return true;
    },
    signal,
  );
}

/** Starts the machines under the nodes and under the members of the control plane, where the lab has any. */
async function startMachines(
  table: ProcessTable,
  record: LabRecord,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { shape, cluster, redfish } = record;
  const { machines } = record.endpoints;
  if (!machines || !redfish) return;
  signal?.throwIfAborted();
  const specs = [
    ...(cluster.controlPlane ? memberSpecs(cluster.controlPlane) : []),
    ...(shape.machines ? machineSpecs(shape.nodes, shape.machines) : []),
  ];
  onProgress(`${specs.length} machines, ${shape.machines?.spares ?? 0} spare`);
  await table.start(
    machinesProcess({
      dir: cluster.dir,
      kubeconfigPath: clusterPaths(cluster.dir).kubeconfig,
      controlPort: machines.port,
      token: machines.token,
      machines: specs,
      ...(cluster.controlPlane ? { cluster } : {}),
      port: redfish.port,
      credentials: { userName: redfish.userName, password: redfish.password },
      tls: serverIdentity(cluster),
      scale: shape.machines?.scale ?? DEFAULT_SCALE,
    }),
  );
}

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
  if (cluster.controlPlane) {
    await table.start(probeProcess(cluster, record.endpoints.apiProbe as ControlAddress));
  } else {
    await startMachines(table, record, onProgress, signal);
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
