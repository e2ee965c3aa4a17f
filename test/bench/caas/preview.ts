/**
 * What it takes to plan a cluster's upgrade from what runs there: the whole `pulumi preview`, and reading and planning alone.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { CaasTarget, connect } from "#sdk/drivers/kubernetes/index.js";
import { RedfishMachines } from "#sdk/drivers/redfish/index.js";
import { caasRule } from "#sdk/plan/caas.js";
import { checkCaas } from "#sdk/policy/caas.js";
import { resolvePolicy } from "#sdk/policy/resolve.js";
import type { Lab } from "../../../lab/lab.ts";
import { type Bench, type Measured, measure, openStack } from "../benchmark.ts";
import { previewed } from "../previewed.ts";
import type { CaasPlanned } from "../report.ts";
import { spread } from "../spread.ts";

/** Kubernetes releases of the nodes: theirs, and the one that they are to have. */
export const OLD = "1.33.6";
const NEW = "1.34.2";

/** @param surge spare machines, and with them nodes in a wave. */
export async function previewOf(bench: Bench, surge: number): Promise<CaasPlanned> {
  const stack = await openStack(bench, "caas", "caas");
  const { redfish, namespace } = bench.lab;
  if (!redfish) throw new Error("the lab has no machines");
  await stack.setConfig({
    version: OLD,
    namespace,
    surge,
    machinesUrl: redfish.url,
    machinesUser: redfish.username,
    machinesCaFile: redfish.caPath,
  });
  await stack.setJson("releases", [OLD, NEW]);
  await stack.setSecret("machinesPassword", redfish.password);
  await measure(stack, "up");
  await stack.setConfig({ version: NEW });
  const runs: Measured[] = [];
  for (let i = 0; i < (bench.quick ? 1 : 3); i++) {
    runs.push(await measure(stack, "preview"));
    bench.line(`preview: ${(runs.at(-1) as Measured).seconds.toFixed(1)} s`);
  }
  const { seconds, ...took } = previewed(runs);
  return {
    preview: seconds,
    ...took,
    ...(await readAndPlan(bench.lab, surge, bench.quick ? 1 : 3)),
  };
}

async function readAndPlan(lab: Lab, surge: number, times: number) {
  const { target, close } = reach(lab);
  const { caas } = checkCaas({
    name: "edge",
    namespace: lab.namespace,
    version: NEW,
    images: Object.fromEntries([OLD, NEW].map((one) => [one, { url: `https://images.example/${one}.img` }])),
    pools: [{ name: "workers", selector: { "node-role.kubernetes.io/worker": "" }, surge, soak: "5m" }],
  });
  const { policy } = resolvePolicy({});
  if (!caas || !policy) throw new Error("what the benchmark declares is refused");
  const reading: number[] = [];
  const planning: number[] = [];
  let steps = 0;
  try {
    for (let i = 0; i < times; i++) {
      const startedAt = performance.now();
      const inventory = await target.observe();
      const readAt = performance.now();
      const { stages, problems } = caasRule.plan({ caas, policy }, inventory);
      planning.push((performance.now() - readAt) / 1000);
      reading.push((readAt - startedAt) / 1000);
      if (problems.length > 0)
        throw new Error(`the plan has problems: ${problems.map(({ message }) => message).join("\n")}`);
      steps = stages.reduce((sum, stage) => sum + stage.steps.length, 0);
    }
  } finally {
    await close();
  }
  return { steps, reading: spread(reading), planning: spread(planning) };
}

/** The cluster as the provider reaches it. */
export function reach(lab: Lab): { readonly target: CaasTarget; readonly close: () => Promise<void> } {
  const { redfish } = lab;
  if (!redfish) throw new Error("the lab has no machines");
  const { url, username, password, caPath } = redfish;
  const machines = new RedfishMachines({ url, username, password, ca: readFileSync(caPath, "utf8") });
  const connection = connect({ kubeconfig: lab.operatorKubeconfigPath, namespace: lab.namespace });
  const target = new CaasTarget(connection, {
    name: "edge",
    namespace: lab.namespace,
    machines,
    forces: false,
  });
  return { target, close: () => machines.close() };
}
