import type { Programs } from "./cluster/control-plane.ts";
import { consoleProgress, ensureToolchain } from "./toolchain/index.ts";

/**
 * The programs of the control plane; they are downloaded or built if this machine doesn't have them yet, with progress
 * on stderr.
 *
 * @throws {ToolchainError} if one can't be had.
 */
export async function findPrograms(signal?: AbortSignal): Promise<Programs> {
  const progress = consoleProgress();
  try {
    const tools = await ensureToolchain({
      programs: ["etcd", "kubernetes", "kwok"],
      progress: progress.report,
      ...(signal ? { signal } : {}),
    });
    return {
      etcd: tools.path("etcd"),
      kubeApiserver: tools.path("kube-apiserver"),
      kubeControllerManager: tools.path("kube-controller-manager"),
      kubeScheduler: tools.path("kube-scheduler"),
      kwok: tools.path("kwok"),
    };
  } finally {
    progress.end();
  }
}
