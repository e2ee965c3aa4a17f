import { clusterPaths } from "./cluster/index.ts";
import { cnfProcess } from "./cnf/process.ts";
import type { ProcessTable } from "./processes.ts";
import type { LabRecord } from "./record.ts";

/** Starts what stands behind the pods, and the subscribers who use it. */
export async function startDaemons(
  table: ProcessTable,
  record: LabRecord,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { shape, service, cluster } = record;
  const { cnf, traffic } = record.endpoints;
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
        ...(traffic ? { trafficControl: { port: traffic.port, token: traffic.token } } : {}),
        ...service,
        subscribers: shape.subscribers,
      }),
    );
  }
}
