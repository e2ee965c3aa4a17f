import type { Programs } from "./cluster/control-plane.ts";
import { consoleProgress, ensureToolchain } from "./toolchain/index.ts";
import { prometheus } from "./toolchain/programs.ts";

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

/** Path of Prometheus, as above; it is no part of a lab that does not ask for it. */
export async function findPrometheus(signal?: AbortSignal): Promise<string> {
  const progress = consoleProgress();
  try {
    const tools = await ensureToolchain({
      catalogue: [prometheus],
      progress: progress.report,
      ...(signal ? { signal } : {}),
    });
    return tools.path("prometheus");
  } finally {
    progress.end();
  }
}
