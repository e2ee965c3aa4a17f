/**
 * `npm run lab -- …`: brings a simulated site up, says how it is, breaks it on purpose, and takes it down.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { addChassisCommands } from "./chassis/lab-command.ts";
import { KUBERNETES_VERSION } from "./cluster/index.ts";
import { faultCatalogue } from "./cnf/faults.ts";
import type { GroupView } from "./cnf/groups/groups.ts";
import { addElementCommands } from "./element/commands.ts";
import { type FaultParams, labFaults } from "./faults.ts";
import { type Lab, type LabOptions, openLab, startLab, stopLab } from "./lab.ts";
import { machineFaults } from "./machines/faults.ts";
import { isRunning, ProcessTable } from "./processes.ts";
import { defaultRoot, labDir, readRecord, recordedLabs } from "./record.ts";
import type { LabStatus } from "./status.ts";

const out = (line: string): void => void process.stdout.write(`${line}\n`);
const note = (line: string): void => void process.stderr.write(`${line}\n`);

// Whoever reads has had enough, e.g. `head`.
process.stdout.on("error", () => process.exit());

/** Seconds since the command began, for lines of progress. */
const elapsed = () => `${(performance.now() / 1000).toFixed(1).padStart(5)} s`;

const program = new Command("lab")
  .description("A simulated site: a real Kubernetes control plane, network functions and their subscribers.")
  .showHelpAfterError("(add --help for what there is)");

const named = (command: Command) => command.option("--name <name>", "which lab", "default");

named(program.command("up"))
  .description("start a lab; one of that name that has crashed is cleaned first")
  .option("--nodes <count>", "simulated nodes (default: 6)", whole)
  .option("--subscribers <count>", "subscribers (default: 10000)", whole)
  .option("--calls <count>", "calls that are held all the time (default: 50)", whole)
  .option("--port <port>", "of the API server (default: a free one)", whole)
  .option("--no-cnf", "without network functions behind the pods, and so without subscribers")
  .option("--no-traffic", "without subscribers")
  .option("--prometheus", "with a Prometheus that scrapes the instances (got or built when first asked for)")
  .option(
    "--gateway",
    "with a Gateway that obeys HTTPRoutes, and HTTP instances behind the pods (needs --no-cnf)",
  )
  .option("--control-plane <members>", "a control plane of 1, 3 or 5 members, each on a machine", whole)
  .option("--kubernetes <release>", "that its members run in the beginning (built when first asked for)")
  .action(async (given: Record<string, unknown>) => {
    const interrupted = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
    }
    const lab = await startLab({
      ...numbersOf(given),
      name: String(given.name),
      cnf: given.cnf !== false,
      traffic: given.cnf !== false && given.traffic !== false,
      prometheus: given.prometheus === true,
      gateway: given.gateway === true,
      ...controlPlaneOf(given),
      onProgress: (message) => note(`${elapsed()}  ${message}`),
      signal: interrupted.signal,
    });
    note(`${elapsed()}  ready`);
    printSummary(await lab.status());
  });

named(program.command("down"))
  .description("end a lab, crashed or not; logs stay until it is started again")
  .option("--all", "every lab of this checkout")
  .action(async ({ name, all }: { name: string; all?: boolean }) => {
    for (const one of all ? recordedLabs() : [name]) {
      out((await stopLab(one)) ? `lab ${one} is down` : `lab ${one} was not up`);
    }
  });

named(program.command("status"))
  .description("how a lab is; exit code 1 unless all of it serves")
  .option("--json", "as one JSON object")
  .action(async ({ name, json }: { name: string; json?: boolean }) => {
    const status = await openLab(name).status();
    if (json) out(JSON.stringify(status, undefined, 2));
    else printSummary(status);
    if (status.state !== "up") process.exitCode = 1;
  });

named(program.command("reset"))
  .description("take away workloads and faults; quicker than down and up")
  .action(async ({ name }: { name: string }) => {
    const start = performance.now();
    note("taking away workloads, custom resources and faults");
    await openLab(name).reset();
    out(`lab ${name} is as new (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  });

named(program.command("fault"))
  .description("break something by name")
  .argument("[fault]", "which; --list shows them")
  .option("--set <key=value...>", "its parameters", collect, {})
  .option("--list", "show the faults and their parameters")
  .option("--clear", "end the fault, or all of them")
  .action(
    async (
      fault: string | undefined,
      { name, set, list, clear }: { name: string; set: FaultParams; list?: boolean; clear?: boolean },
    ) => {
      if (list) return printFaults();
      const lab = openLab(name);
      if (clear) {
        if (fault) await lab.clearFault(fault);
        else await lab.clearFaults();
        out(fault ? `fault ${fault} is over` : "all faults are over");
      } else if (!fault) {
        await printActive(lab);
      } else {
        await lab.fault(fault, set);
        out(`fault ${fault} ${labFaults.get(fault)?.end === undefined ? "is done" : "acts"}`);
      }
    },
  );

program
  .command("list")
  .description("labs of this checkout")
  .action(() => {
    for (const name of recordedLabs()) {
      const processes = new ProcessTable(labDir(name)).list();
      const running = processes.filter(isRunning).length;
      const phase = readRecord(labDir(name))?.phase;
      out(`${name}: ${phase}, ${running} of ${processes.length} processes run`);
    }
    if (recordedLabs().length === 0) out(`no lab is up in ${defaultRoot}`);
  });

addChassisCommands(program, collect, whole);
addElementCommands(program, (pair, before) => collect(pair, before as FaultParams));

function whole(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError("expected a whole number.");
  return Number(value);
}

function numbersOf(
  given: Record<string, unknown>,
): Pick<LabOptions, "nodes" | "subscribers" | "calls" | "port"> {
  const keys = ["nodes", "subscribers", "calls", "port"] as const;
  return Object.fromEntries(keys.filter((key) => given[key] !== undefined).map((key) => [key, given[key]]));
}

function controlPlaneOf({
  controlPlane,
  kubernetes,
}: Record<string, unknown>): Pick<LabOptions, "controlPlane"> {
  if (controlPlane === undefined && kubernetes === undefined) return {};
  const release = String(kubernetes ?? KUBERNETES_VERSION.slice(1));
  return {
    controlPlane: { release, ...(controlPlane === undefined ? {} : { members: Number(controlPlane) }) },
  };
}

/** `percentOfSubscribers=3` is a number, `version=1.2` a version. */
function collect(pair: string, before: FaultParams): FaultParams {
  const at = pair.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("expected key=value, e.g. version=1.2.0.");
  const key = pair.slice(0, at);
  const text = pair.slice(at + 1);
  const numeric = key !== "version" && /^-?\d+(\.\d+)?$/.test(text);
  return {
    ...before,
    [key]: numeric ? Number(text) : text === "true" ? true : text === "false" ? false : text,
  };
}

function printSummary(status: LabStatus): void {
  out(`lab ${status.name} is ${status.state}, since ${status.startedAt}`);
  for (const problem of status.problems) out(`  ! ${problem}`);
  out(`  nodes        ${status.nodes.ready} of ${status.nodes.total} ready, pods on ${status.podCidr}`);
  for (const { id, ready, reason, connections } of status.members ?? [])
    out(`  member       ${id} ${ready ? "ready" : `not ready: ${reason}`}, ${connections} connections`);
  out(
    `  pods         ${status.pods.ready} of ${status.pods.total} ready in namespace ${status.shape.namespace}`,
  );
  const load = status.shape.traffic
    ? `${status.shape.subscribers} subscribers, ${status.shape.calls} calls`
    : "no subscribers";
  out(`  traffic      ${load}`);
  const { groups = [] } = (status.cnf ?? {}) as { groups?: readonly GroupView[] };
  for (const group of groups) printGroup(group);
  out(`  processes    ${status.processes.map((p) => `${p.name} ${p.running ? p.pid : "gone"}`).join(", ")}`);
  for (const { name, params, since } of status.faults)
    out(`  fault        ${name} ${inline(params)} since ${since}`);
  out(`  kubeconfig   ${status.operatorKubeconfig} (pulumi's own rights)`);
  out(`               ${status.proxiedKubeconfig} (the same, where api-… faults and watch-drop act)`);
  out(`               ${status.kubeconfig} (all rights)`);
}

function printGroup({
  name,
  kind,
  members,
  active,
  quorum,
  records,
  restarts,
  selfHealing,
}: GroupView): void {
  const staying = members.filter(({ role }) => role !== "leaving");
  const inStep = staying.filter((member) => member.inStep).length;
  const more = [
    `${inStep} of ${staying.length} in step (${quorum} needed)`,
    ...(kind === "active-standby" ? [active ? `${active} is active` : "nobody is active"] : []),
    ...(records === undefined ? [] : [`${records} records`]),
    ...(selfHealing === "suspended" ? ["self-healing suspended"] : []),
    ...(restarts > 0 ? [`${restarts} restarts`] : []),
  ];
  out(`  group        ${name}, ${kind}: ${more.join(", ")}`);
  for (const { name: pod, version, role, behind, trouble } of members.filter((member) => !member.inStep)) {
    const how = role === "leaving" ? "has left" : `${behind} behind${trouble ? `: ${trouble}` : ""}`;
    out(`               ${pod} (${version}) ${how}`);
  }
}

function printFaults(): void {
  out("Of the site (--set gives parameters):");
  for (const { name, effect, params } of labFaults.values()) {
    out(`  ${name}: ${effect}`);
    for (const [key, { meaning, default: value }] of Object.entries(params)) {
      out(
        `      ${key}: ${meaning}${value === undefined ? "" : value === "" ? " (optional)" : ` (default ${value})`}`,
      );
    }
  }
  out("Of network functions:");
  for (const [name, { effect, params }] of Object.entries(faultCatalogue)) {
    out(`  ${name}: ${effect}`);
    for (const [key, example] of Object.entries(params)) out(`      ${key}, e.g. ${example}`);
  }
  out("Of machines, where the lab has them:");
  for (const [name, { effect, params }] of Object.entries(machineFaults)) {
    out(`  ${name}: ${effect}`);
    for (const [key, example] of Object.entries(params)) out(`      ${key}, e.g. ${example}`);
  }
}

async function printActive(lab: Lab): Promise<void> {
  const active = lab.faults();
  for (const { name, params, since } of active) out(`${name} ${inline(params)} since ${since}`);
  const theirs = await lab.cnfFaults();
  for (const { name, params, since } of theirs) out(`${name} ${inline(params)} since ${since}`);
  if (active.length + theirs.length === 0) out("no fault acts; --list shows what there is");
}

const inline = (params: FaultParams) =>
  Object.entries(params)
    .filter(([, value]) => value !== "")
    .map(([key, value]) => `${key}=${value}`)
    .join(" ");

try {
  await program.parseAsync();
} catch (error) {
  note(`lab: ${(error as Error).message}`);
  process.exitCode = 1;
}
