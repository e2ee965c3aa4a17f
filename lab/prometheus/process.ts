/**
 * A real Prometheus beside the lab, that is told of the instances by what runs them and scrapes them. Not by its Kubernetes
 * service discovery: that is most of a build, and distributions leave it out. On loopback, without a token: Prometheus
 * knows none.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { ProcessSpec } from "../processes.ts";
import type { Endpoint } from "../record.ts";

/** How often it scrapes; campaigns of a lab take seconds. */
export const SCRAPE_SECONDS = 1;

export interface PrometheusProcessConfig {
  /** The lab's own folder. */
  readonly dir: string;
  /** Path of the program. */
  readonly program: string;
  readonly port: number;
  /** Control of what runs the instances. */
  readonly cnf: Endpoint;
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

/** JSON is YAML, and needs no library. */
function configuration({ cnf, namespace }: PrometheusProcessConfig): string {
  const every = `${SCRAPE_SECONDS}s`;
  const found = {
    url: `${cnf.url}/scrape-targets/${namespace}`,
    refresh_interval: every,
    // The type is said, since older versions send none by default.
    authorization: { type: "Bearer", credentials: cnf.token },
  };
  return `${JSON.stringify(
    {
      global: { scrape_interval: every, scrape_timeout: every },
      scrape_configs: [{ job_name: "network-functions", http_sd_configs: [found] }],
    },
    undefined,
    2,
  )}\n`;
}
