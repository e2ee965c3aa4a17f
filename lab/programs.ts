import type { Programs } from "./cluster/control-plane.ts";
import type { ServerPrograms } from "./control-plane/members.ts";
import { consoleProgress, ensureToolchain, type Progress, type Toolchain } from "./toolchain/index.ts";
import { kubernetesReleases, prometheus } from "./toolchain/programs.ts";

/**
 * The programs of the control plane; they are downloaded or built if this machine doesn't have them yet, with progress
 * on stderr.
 *
 * @throws {ToolchainError} if one can't be had.
 */
export async function findPrograms(signal?: AbortSignal): Promise<Programs> {
  const tools = await tell((progress) =>
    ensureToolchain({ programs: ["etcd", "kubernetes", "kwok"], progress, ...(signal ? { signal } : {}) }),
  );
  return { etcd: tools.path("etcd"), ...serversOf(tools), kwok: tools.path("kwok") };
}

/**
 * Servers of other releases of Kubernetes, by release; they are no part of a lab that does not ask for them.
 *
 * @throws {ToolchainError} if one can't be had.
 */
export async function findReleases(
  releases: readonly string[],
  signal?: AbortSignal,
): Promise<Readonly<Record<string, ServerPrograms>>> {
  const found: Record<string, ServerPrograms> = {};
  for (const program of kubernetesReleases.filter(({ version }) => releases.includes(version))) {
    const tools = await tell((progress) =>
      ensureToolchain({ catalogue: [program], progress, ...(signal ? { signal } : {}) }),
    );
    found[program.version] = serversOf(tools);
  }
  return found;
}

const serversOf = (tools: Toolchain): ServerPrograms => ({
  kubeApiserver: tools.path("kube-apiserver"),
  kubeControllerManager: tools.path("kube-controller-manager"),
  kubeScheduler: tools.path("kube-scheduler"),
});

/** Path of Prometheus, as above; it is no part of a lab that does not ask for it. */
export async function findPrometheus(signal?: AbortSignal): Promise<string> {
  const tools = await tell((progress) =>
    ensureToolchain({ catalogue: [prometheus], progress, ...(signal ? { signal } : {}) }),
  );
  return tools.path("prometheus");
}

async function tell<T>(work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = consoleProgress();
  try {
    return await work(progress.report);
  } finally {
    progress.end();
  }
}
