/**
 * `npm run bench`: what an upgrade by `pulumi-issu` costs and saves beside plain Kubernetes, measured in one run on one lab.
 * It says what it saw; it never passes or fails.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { Command, Option } from "commander";
import { Progress } from "../../examples/support/progress.ts";
import { type Lab, startLab } from "../../lab/lab.ts";
import { consoleProgress, ensureToolchain, type Toolchain } from "../../lab/toolchain/index.ts";
import { programs as all, kubectl } from "../../lab/toolchain/programs.ts";
import type { Bench } from "./benchmark.ts";
import { benchCaas } from "./caas/index.ts";
import { benchChassis } from "./chassis.ts";
import { benchElements } from "./elements.ts";
import { machine } from "./machine.ts";
import { benchPreview } from "./preview.ts";
import { BENCH_VERSION, type BenchReport } from "./report.ts";
import { table } from "./table.ts";
import { benchUpgrade } from "./upgrade.ts";

const root = path.join(import.meta.dirname, "..", "..");
const LAB = "bench";

const NAMES = ["upgrade", "preview", "elements", "chassis", "caas"] as const;
type Name = (typeof NAMES)[number];

const options = new Command()
  .name("npm run bench --")
  .description("Benchmarks beside plain Kubernetes; docs/bench.md says what is compared with what.")
  .addOption(new Option("--only <name>", "one of them alone").choices(NAMES))
  .option("--quick", "smaller and shorter: to see that it runs", false)
  .option("--json", "print the report instead of tables; it is in out/bench/report.json either way", false)
  .parse()
  .opts<{ only?: Name; quick: boolean; json: boolean }>();

const facts = machine();
const wanted = (name: Name): boolean => options.only === undefined || options.only === name;
/** Elements and chassis need no control plane, and clusters of many nodes have their own. */
const onLab = wanted("upgrade") || wanted("preview");
// With --json nothing but the report goes to standard output.
if (options.json) console.log = console.error;
const progress = new Progress([
  ...(wanted("elements") ? ["Network elements in one program"] : []),
  ...(wanted("chassis") ? ["Chassis clusters in one program"] : []),
  ...(onLab ? ["Lab: control plane, nodes, load balancer, subscribers"] : []),
  ...(wanted("preview") ? ["Runs that change nothing, of many network functions"] : []),
  ...(wanted("upgrade") ? ["The same upgrade in four ways, and back"] : []),
  ...(wanted("caas") ? ["Clusters of many nodes: previews, and drains beside kubectl's"] : []),
]);

let report: BenchReport = { schemaVersion: BENCH_VERSION, quick: options.quick, machine: facts };
try {
  if (wanted("elements")) {
    progress.next();
    const elements = await benchElements(options.quick, (text) => progress.line(text));
    report = { ...report, elements };
  }
  if (wanted("chassis")) {
    progress.next();
    const chassis = await benchChassis(options.quick, (text) => progress.line(text));
    report = { ...report, chassis };
  }
  if (onLab) report = { ...report, ...(await benchOnLab()) };
  if (wanted("caas")) report = { ...report, caas: await benchClusters() };
} catch (error) {
  console.error(`\nthe benchmark could not be measured: ${(error as Error).message}`);
  if (process.env.DEBUG) console.error((error as Error).stack);
  process.exit(1);
}
const text = `${JSON.stringify(report, undefined, 2)}\n`;
const file = path.join(root, "out", "bench", "report.json");
await fs.mkdir(path.dirname(file), { recursive: true });
await fs.writeFile(file, text);
if (options.json) process.stdout.write(text);
else console.log(`\n${table(report)}\n\nReport: ${path.relative(process.cwd(), file)}`);

async function benchOnLab(): Promise<Pick<BenchReport, "preview" | "upgrade">> {
  progress.next();
  const toolchain = await toolchainOf(all);
  const lab = await startLab({
    name: LAB,
    // Room for the pods of a hundred network functions of several components, declared twice; upgrades need six.
    nodes: wanted("preview") && !options.quick ? 20 : 6,
    subscribers: options.quick ? 2_000 : 10_000,
    calls: options.quick ? 10 : 50,
    onProgress: (line) => progress.line(line),
  });
  try {
    const stacks = path.join(lab.dir, "stacks");
    await fs.rm(stacks, { recursive: true, force: true });
    const bench = benchOn(lab, toolchain);
    const run = async <T>(name: Name, work: (bench: Bench) => Promise<T>) => {
      if (!wanted(name)) return {};
      progress.next();
      return { [name]: await work(bench) };
    };
    return {
      // First, while no subscriber is there to be served.
      ...(await run("preview", benchPreview)),
      ...(await run("upgrade", benchUpgrade)),
    };
  } finally {
    await lab.stop();
  }
}

async function benchClusters(): Promise<NonNullable<BenchReport["caas"]>> {
  progress.next();
  const toolchain = await toolchainOf([...all, kubectl]);
  return benchCaas(
    options.quick,
    toolchain.path("kubectl"),
    (lab) => benchOn(lab, toolchain),
    (text) => progress.line(text),
  );
}

async function toolchainOf(catalogue: typeof all): Promise<Toolchain> {
  const shown = consoleProgress();
  try {
    return await ensureToolchain({ catalogue, progress: shown.report });
  } finally {
    shown.end();
  }
}

function benchOn(lab: Lab, toolchain: Toolchain): Bench {
  return {
    root,
    lab,
    env: {
      ...process.env,
      ...toolchain.pulumiEnv(),
      KUBECONFIG: lab.operatorKubeconfigPath,
      ISSU_LOG_DIR: path.join(lab.dir, "issu-log"),
    },
    quick: options.quick,
    line: (text) => progress.line(text),
  };
}
