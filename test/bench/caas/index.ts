/**
 * Clusters of many nodes: what it takes to preview an upgrade of 100 nodes and of 1,000, and drains beside `kubectl drain`.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { Api } from "../../../lab/cluster/api.ts";
import { type Lab, startLab } from "../../../lab/lab.ts";
import type { Bench } from "../benchmark.ts";
import type { CaasReport, CaasSize } from "../report.ts";
import { benchDrains, cordon, swingNodes } from "./drains.ts";
import { OLD, previewOf } from "./preview.ts";
import { install, ordinary } from "./workloads.ts";

const LAB = "bench-caas";
/** Pods of each workload; there are as many workloads as nodes. */
const REPLICAS = 10;
const SURGE = 10;

/** @param benchOn a benchmark's surroundings on a lab. */
export async function benchCaas(
  quick: boolean,
  kubectl: string,
  benchOn: (lab: Lab) => Bench,
  line: (text: string) => void,
): Promise<CaasReport> {
  const sizes: CaasSize[] = [];
  let drains: CaasReport["drains"] | undefined;
  const counts = quick ? [10, 30] : [100, 1_000];
  for (const nodes of counts) {
    line(`a lab of ${nodes} nodes`);
    // A lab each: one cluster's past is not the other's present.
    const lab = await startLab({
      name: LAB,
      nodes,
      cnf: false,
      traffic: false,
      machines: { release: OLD, spares: SURGE },
      onProgress: line,
    });
    try {
      await fs.rm(path.join(lab.dir, "stacks"), { recursive: true, force: true });
      const bench = benchOn(lab);
      const workloads = ordinary(nodes, REPLICAS);
      // On the largest, among all that goes on there.
      const last = nodes === counts.at(-1);
      const drained = quick ? 3 : 8;
      const installSeconds = await installed(bench, workloads, last ? swingNodes(drained) : []);
      sizes.push({
        nodes,
        pods: nodes * REPLICAS,
        budgets: workloads.filter(({ maxUnavailable }) => maxUnavailable !== undefined).length,
        surge: SURGE,
        installSeconds,
        ...(await previewOf(bench, SURGE)),
      });
      if (last) drains = await benchDrains(bench, kubectl, drained);
    } finally {
      await lab.stop();
    }
  }
  if (!drains) throw new Error("no drain was measured");
  return { sizes, drains };
}

/** @param empty nodes that are to stay empty. */
async function installed(
  bench: Bench,
  workloads: ReturnType<typeof ordinary>,
  empty: readonly string[],
): Promise<number> {
  const api = new Api(bench.lab.kubeconfigPath, 60_000);
  const startedAt = performance.now();
  let said = 0;
  try {
    await cordon(api, empty, true);
    await install(api, workloads, {
      ms: 15 * 60_000,
      told: (ready) => {
        if (ready < said + 2_000) return;
        said = ready;
        bench.line(`${ready} pods are ready`);
      },
    });
    await cordon(api, empty, false);
  } finally {
    api.close();
  }
  const seconds = (performance.now() - startedAt) / 1000;
  bench.line(`${workloads.length * REPLICAS} pods, ready after ${seconds.toFixed(0)} s`);
  return seconds;
}
