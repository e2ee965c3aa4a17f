/**
 * A real Prometheus beside the lab, that finds the instances in the cluster as a site's own does and scrapes them. On
 * loopback, without a token: Prometheus knows none.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { annotations } from "pulumi-issu/contract";
import type { ProcessSpec } from "../processes.ts";

/** How often it scrapes; campaigns of a lab take seconds. */
export const SCRAPE_SECONDS = 1;

export interface PrometheusProcessConfig {
  /** The lab's own folder. */
  readonly dir: string;
  /** Path of the program. */
  readonly program: string;
  readonly port: number;
  /** With the right to watch pods. */
  readonly kubeconfigPath: string;
  /** Namespace of the network functions. */
  readonly namespace: string;
}

export function prometheusProcess(config: PrometheusProcessConfig): ProcessSpec {
  const { dir, program, port } = config;
  const data = join(dir, "prometheus");
  const file = join(dir, "prometheus.yml");
  mkdirSync(data, { recursive: true, mode: 0o700 });
  writeFileSync(file, configuration(config), { mode: 0o600 });
  return {
    name: "prometheus",
    command: program,
    args: [
      `--config.file=${file}`,
      `--storage.tsdb.path=${data}`,
      "--storage.tsdb.retention.time=2h",
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    nice: 5,
    readyWithinMs: 60_000,
    ready: (signal) => served(`http://127.0.0.1:${port}/-/ready`, signal),
  };
}

async function served(url: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const ok = await fetch(url, { signal }).then(
      (response) => response.ok,
      () => false,
    );
    if (ok) return;
    await delay(50, undefined, { signal });
  }
}

/** As Prometheus names a pod's annotation. */
const metaOf = (annotation: string): string =>
  `__meta_kubernetes_pod_annotation_${annotation.replace(/[^a-zA-Z0-9_]/g, "_")}`;

/** JSON is YAML, and needs no library. */
function configuration({ kubeconfigPath, namespace }: PrometheusProcessConfig): string {
  const [port, path] = [metaOf(annotations.metricsPort), metaOf(annotations.metricsPath)];
  const copy = (from: string, to: string) => ({ source_labels: [from], target_label: to });
  return `${JSON.stringify(
    {
      global: { scrape_interval: `${SCRAPE_SECONDS}s`, scrape_timeout: `${SCRAPE_SECONDS}s` },
      scrape_configs: [
        {
          job_name: "network-functions",
          kubernetes_sd_configs: [
            { role: "pod", kubeconfig_file: kubeconfigPath, namespaces: { names: [namespace] } },
          ],
          relabel_configs: [
            { source_labels: [port], regex: "\\d+", action: "keep" },
            { source_labels: ["__meta_kubernetes_pod_ready"], regex: "true", action: "keep" },
            {
              source_labels: ["__meta_kubernetes_pod_ip", port],
              separator: ";",
              regex: "(.+);(\\d+)",
              replacement: "$1:$2",
              target_label: "__address__",
            },
            { source_labels: [path], regex: "(.+)", target_label: "__metrics_path__" },
            copy("__meta_kubernetes_namespace", "namespace"),
            copy("__meta_kubernetes_pod_name", "pod"),
          ],
        },
      ],
    },
    undefined,
    2,
  )}\n`;
}
