import type { FrontMemberState } from "./api-front/front.ts";
import { Api, type KubeObject } from "./cluster/api.ts";
import { holds } from "./cluster/bootstrap.ts";
import { clusterPaths } from "./cluster/index.ts";
import { control } from "./control.ts";
import type { ActiveFault } from "./faults.ts";
import type { ProcessTable } from "./processes.ts";
import type { Endpoint, LabRecord, LabShape } from "./record.ts";

/** What a lab says of itself; holds no secret. */
export interface LabStatus {
  readonly name: string;
  /** `up`: all of it serves. `degraded`: it runs, and something doesn't answer. `crashed`: a process is gone. */
  readonly state: "up" | "degraded" | "crashed" | "starting";
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
  readonly startedAt: string;
  readonly dir: string;
  readonly kubeconfig: string;
  readonly operatorKubeconfig: string;
  readonly proxiedKubeconfig: string;
  readonly podCidr: string;
  readonly shape: LabShape;
  readonly processes: readonly { readonly name: string; readonly pid: number; readonly running: boolean }[];
  readonly nodes: { readonly total: number; readonly ready: number };
  /** Pods of the namespace. */
  readonly pods: { readonly total: number; readonly ready: number };
  readonly faults: readonly ActiveFault[];
  /** As the daemons tell it. */
  readonly cnf?: unknown;
  readonly traffic?: unknown;
  /** Members of the control plane, as the front tells them. */
  readonly members?: readonly FrontMemberState[];
}

export async function statusOf(
  record: LabRecord,
  table: ProcessTable,
  faults: readonly ActiveFault[],
): Promise<LabStatus> {
  const problems: string[] = [];
  const processes = table.list().map(({ name, pid, running }) => ({ name, pid, running }));
  const gone = processes.filter((p) => !p.running);
  problems.push(
    ...gone.map((p) => `${p.name} (pid ${p.pid}) is gone; its log is in ${record.cluster.dir}/logs`),
  );
  const paths = clusterPaths(record.cluster.dir);

  const ask = async <T>(what: string, question: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await question();
    } catch (error) {
      problems.push(`${what}: ${(error as Error).message}`);
      return undefined;
    }
  };
  // Asked anew each time, so that a command which died early shows as what is missing, and not as an error of ours.
  const list = (path: string) =>
    ask("API server", async () => {
      const api = new Api(paths.kubeconfig, 3_000);
      return api.list(path).finally(() => api.close());
    });
  const { apiFront } = record.endpoints;
  const [nodes = [], pods = [], cnf, traffic, members] = await Promise.all([
    list("/api/v1/nodes"),
    list(`/api/v1/namespaces/${record.shape.namespace}/pods`),
    statusOfDaemon(record.endpoints.cnf),
    statusOfDaemon(record.endpoints.traffic),
    apiFront && ask("API front", () => control<readonly FrontMemberState[]>(apiFront, "GET", "/state")),
  ]);
  for (const { id, ready, reason } of members ?? [])
    if (!ready) problems.push(`member ${id} of the control plane is not ready: ${reason}`);
  function statusOfDaemon(endpoint: Endpoint | undefined): Promise<unknown> {
    if (!endpoint) return Promise.resolve(undefined);
    const what = endpoint === record.endpoints.cnf ? "instances" : "subscribers";
    return ask(what, () => control<unknown>(endpoint, "GET", "/state"));
  }

  const crashed = gone.length > 0 || processes.length === 0;
  return {
    name: record.name,
    state: crashed
      ? "crashed"
      : record.phase === "starting"
        ? "starting"
        : problems.length > 0
          ? "degraded"
          : "up",
    problems: [...new Set(problems)],
    startedAt: record.startedAt,
    dir: record.cluster.dir,
    kubeconfig: paths.kubeconfig,
    operatorKubeconfig: paths.operatorKubeconfig,
    proxiedKubeconfig: paths.proxiedKubeconfig,
    podCidr: record.podCidr,
    shape: record.shape,
    processes,
    nodes: count(nodes),
    pods: count(pods),
    faults,
    ...(cnf === undefined ? {} : { cnf }),
    ...(traffic === undefined ? {} : { traffic }),
    ...(members === undefined ? {} : { members }),
  };
}

function count(objects: readonly KubeObject[]): { total: number; ready: number } {
  const ready = objects.filter((object) => holds((object as { status?: object }).status, "Ready"));
  return { total: objects.length, ready: ready.length };
}
