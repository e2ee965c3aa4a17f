/**
 * The same nodes drained by our driver and by `kubectl drain`. Pods swing from one half of some nodes to the other and back, one of
 * each workload on every node, so both ways find the same to do.
 *
 * @module
 */
import { open, stat } from "node:fs/promises";
import type { Action, ActionContext } from "#sdk/contract/target.js";
import { Api, until } from "../../../lab/cluster/api.ts";
import { Running } from "../../support/command.ts";
import type { Bench } from "../benchmark.ts";
import type { CaasDrains, DrainCase, DrainedBy } from "../report.ts";
import { drainBound } from "./drain-bound.ts";
import { type Pace, paceOf } from "./pace.ts";
import { reach } from "./preview.ts";
import { budgetOf, deploymentOf, settled, type Workload } from "./workloads.ts";

const NAMESPACE = "drains";
/** Label of the nodes between which pods swing. */
const SWING = "bench.pulumi-issu.dev/swing";
const GRACE_SECONDS = 3;
/** Disruptions that each budget allows. */
const AT_ONCE = 2;
/** Longest that a drain may take, and all pods to be elsewhere and ready. */
const LIMIT_MS = 300_000;

/** The nodes between which pods swing; nothing else is to run there. @param drained how many are drained at a time. */
export const swingNodes = (drained: number): string[] =>
  Array.from({ length: 2 * drained }, (_, i) => `node-${i + 1}`);

/** What is drained, and what is not so that there is room. */
interface Sides {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/**
 * @param kubectl its path.
 * @param nodes how many are drained at a time.
 */
export async function benchDrains(bench: Bench, kubectl: string, nodes: number): Promise<CaasDrains> {
  const api = new Api(bench.lab.kubeconfigPath);
  const names = swingNodes(nodes);
  let sides: Sides = { from: names.slice(0, nodes), to: names.slice(nodes) };
  const swap = () => {
    sides = { from: sides.to, to: sides.from };
  };
  const cases: DrainCase[] = [];
  try {
    await api.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
    await until(`the default service account of ${NAMESPACE}`, 60_000, () =>
      api.get(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts/default`),
    );
    for (const name of names)
      await api.patch(`/api/v1/nodes/${name}`, { metadata: { labels: { [SWING]: "true" } } });
    const given = bench.quick ? [{ boot: 2 }, { boot: 2, budgets: true }] : CASES;
    for (const { boot, budgets = false } of given) {
      const workloads = workloadsOf(nodes, 1000 * boot);
      const pace = await paceOf(api, {
        ...(workloads[0] as Workload),
        name: "pace",
        replicas: 1,
        apart: false,
      });
      await place(api, workloads, sides);
      if (budgets) await addBudgets(api, workloads);
      const work = {
        groups: workloads.map(({ replicas }) => ({
          pods: replicas,
          ...(budgets ? { atOnce: AT_ONCE } : {}),
        })),
        parallel: workloads.length * nodes,
        // The API server keeps the end of a grace period in whole seconds: up to one less is given.
        endMs: 1000 * (GRACE_SECONDS - 1),
        bootMs: 1000 * boot,
      };
      const drained: { [way: string]: DrainedBy } = {};
      for (const [way, drain] of [
        ["issu.CaasCluster", () => ours(bench, sides.from, work.parallel)],
        ["kubectl", () => theirs(bench, kubectl, sides.from)],
      ] as const) {
        const evictions = await evictionsFrom(bench.lab.auditLogPath);
        const startedAt = performance.now();
        await drain();
        const seconds = (performance.now() - startedAt) / 1000;
        await settled(api, workloads, { ms: LIMIT_MS, told: () => undefined });
        await cordon(api, sides.from, false);
        swap();
        drained[way] = { seconds, evictions: await evictions() };
        bench.line(
          `${nodes} nodes, ${work.parallel} pods that boot in ${boot} s, ${budgets ? "budgets" : "no budgets"}: ${way} ${seconds.toFixed(1)} s`,
        );
      }
      cases.push({
        budgets,
        bootSeconds: boot,
        boundSeconds: drainBound(work) / 1000,
        pace: { ...pace, boundSeconds: drainBound({ ...work, ...inMs(pace) }) / 1000 },
        issu: drained["issu.CaasCluster"] as DrainedBy,
        kubectl: drained.kubectl as DrainedBy,
      });
      await clear(api);
    }
    return { nodes, pods: nodes * nodes, atOnce: AT_ONCE, graceSeconds: GRACE_SECONDS, cases };
  } finally {
    api.close();
  }
}

const inMs = ({ endSeconds, backSeconds }: Pace) => ({
  endMs: 1000 * endSeconds,
  bootMs: 1000 * backSeconds,
});

/** What a refused eviction costs `kubectl` depends on how the time to boot lies to its pause of 5 s. */
const CASES: readonly { readonly boot: number; readonly budgets?: boolean }[] = [
  { boot: 2 },
  { boot: 2, budgets: true },
  { boot: 4, budgets: true },
  { boot: 8, budgets: true },
];

/** As many as nodes, and of each one pod on every node. */
const workloadsOf = (nodes: number, bootMs: number): Workload[] =>
  Array.from({ length: nodes }, (_, i) => ({
    name: `swing-${i}`,
    namespace: NAMESPACE,
    replicas: nodes,
    bootMs,
    graceSeconds: GRACE_SECONDS,
    apart: true,
    only: SWING,
  }));

/** All on the nodes that are to be drained. */
async function place(api: Api, workloads: readonly Workload[], { from, to }: Sides): Promise<void> {
  await cordon(api, to, true);
  await cordon(api, from, false);
  await Promise.all(workloads.map((workload) => api.create(deploymentOf(workload))));
  await settled(api, workloads, { ms: LIMIT_MS, told: () => undefined });
  await cordon(api, to, false);
}

export async function cordon(api: Api, names: readonly string[], closed: boolean): Promise<void> {
  await Promise.all(
    names.map((name) => api.patch(`/api/v1/nodes/${name}`, { spec: { unschedulable: closed || null } })),
  );
}

async function addBudgets(api: Api, workloads: readonly Workload[]): Promise<void> {
  await Promise.all(workloads.map((workload) => api.create(budgetOf(workload, AT_ONCE))));
  await until("the budgets to be counted", 60_000, async () => {
    const budgets = (await api.list(`/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets`)) as never;
    return (budgets as { readonly status?: { readonly disruptionsAllowed?: number } }[]).every(
      ({ status }) => status?.disruptionsAllowed === AT_ONCE,
    )
      ? true
      : undefined;
  });
}

async function clear(api: Api): Promise<void> {
  for (const collection of [
    `/apis/policy/v1/namespaces/${NAMESPACE}/poddisruptionbudgets`,
    `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`,
  ])
    await api.delete(collection, { propagationPolicy: "Background" });
  await until("the pods to be gone", 120_000, async () =>
    (await api.list(`/api/v1/namespaces/${NAMESPACE}/pods`)).length === 0 ? true : undefined,
  );
}

/** As the steps of a wave do it: cordoned, then drained. */
async function ours(bench: Bench, names: readonly string[], parallel: number): Promise<void> {
  const { target, close } = reach(bench.lab);
  const context: ActionContext = {
    signal: new AbortController().signal,
    epoch: 1,
    deadline: Date.now() + LIMIT_MS,
    progress: () => undefined,
  };
  const force = { unmanaged: "refuse", emptyDir: "refuse", late: "refuse" };
  const drain = { withinMs: LIMIT_MS, handOverMs: 1_000, parallel, extraReplica: "refuse", force };
  const step = (action: string, args: object): Action =>
    ({ action, object: `nodes/${names[0]}`, args: { nodes: names, wave: 1, ...args } }) as Action;
  try {
    await target.perform(step("cordon", {}), context);
    await target.perform(step("drain", { drain }), context);
  } finally {
    await close();
  }
}

/** One command for each node, all at once; of a node's pods `kubectl` evicts all at once by itself. */
async function theirs(bench: Bench, kubectl: string, names: readonly string[]): Promise<void> {
  const env = { ...process.env, KUBECONFIG: bench.lab.kubeconfigPath };
  const runs = names.map(
    (name) =>
      new Running(
        kubectl,
        [
          "drain",
          name,
          "--ignore-daemonsets",
          `--timeout=${LIMIT_MS / 1000}s`,
          `--cache-dir=${bench.lab.dir}/kubectl`,
        ],
        { cwd: bench.lab.dir, env },
      ),
  );
  const failed = (await Promise.all(runs.map(({ ended }) => ended))).find(({ code }) => code !== 0);
  if (failed) throw new Error(`kubectl drain ended with ${failed.code}:\n${failed.output}`);
}

/** Evictions that the API server answers from now on; null if its audit log began anew meanwhile. */
async function evictionsFrom(log: string): Promise<() => Promise<DrainedBy["evictions"]>> {
  const before = (await stat(log)).size;
  return async () => {
    const { size } = await stat(log);
    if (size < before) return null;
    const file = await open(log);
    const text = Buffer.alloc(size - before);
    await file.read(text, 0, text.length, before).finally(() => file.close());
    const codes = text
      .toString("utf8")
      .split("\n")
      .filter((line) => line.includes('"subresource":"eviction"') && line.endsWith("}"))
      .map((line) => (JSON.parse(line) as { responseStatus?: { code?: number } }).responseStatus?.code);
    return { asked: codes.length, refused: codes.filter((code) => code === 429).length };
  };
}
