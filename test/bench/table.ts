/**
 * The benchmark's report as tables of at most 100 columns.
 *
 * @module
 */
import { caasTable } from "./caas/table.ts";
import { AIMS, columns, mb, range, seconds } from "./cells.ts";
import type {
  BenchReport,
  Change,
  ChassisReport,
  ChassisSize,
  ElementsReport,
  Previewed,
  PreviewReport,
  PreviewSize,
  Unchanged,
  UpgradeReport,
  Way,
} from "./report.ts";

const beside = (value: number, quiet: number): string => `${value.toFixed(1)} (${quiet.toFixed(1)})`;

export function table({ machine, quick, upgrade, preview, elements, chassis, caas }: BenchReport): string {
  const { cores, memoryGb, loadBefore, node } = machine;
  return [
    `${cores} cores, ${memoryGb} GB, Node ${node}; load before: ${loadBefore}${quick ? "; --quick: not to be quoted" : ""}`,
    ...(upgrade ? ["", ...upgradeTable(upgrade)] : []),
    ...(preview ? ["", ...previewTable(preview)] : []),
    ...(elements ? ["", ...elementsTable(elements)] : []),
    ...(chassis ? ["", ...chassisTable(chassis)] : []),
    ...(caas ? ["", ...caasTable(caas)] : []),
  ].join("\n");
}

function elementsTable(report: ElementsReport): string[] {
  const { elements, atOnce, platform, upSeconds, transit, punted, memoryMb } = report;
  const { adjacencyDrops, resets, boots, awayMsMost, rebuiltMsMost } = report;
  return [
    `${elements} network elements (${platform}) in one program, ${atOnce} at a time: ${report.upgraded} upgraded in ${seconds(upSeconds)}`,
    ...columns([
      ["transit packets lost", `${transit.lost} of ${transit.sent}`],
      ["punted packets lost", `${punted.lost} of ${punted.sent}`],
      ["adjacency drops, resets, boots", [adjacencyDrops, resets, boots].join(", ")],
      ["without a control plane, at most", `${awayMsMost.toFixed(0)} ms`],
      ["until rebuilt, at most", `${rebuiltMsMost.toFixed(0)} ms`],
      [
        "memory: elements, roots, pulumi",
        [memoryMb.elements, memoryMb.roots, memoryMb.pulumi].map(mb).join(", "),
      ],
      ["memory together, at most", `${mb(memoryMb.together)} (aim: ${mb(AIMS.elementsMb)})`],
    ]).map((line) => `  ${line}`),
  ];
}

function chassisTable({ alone, together, atOnce, timeScale }: ChassisReport): string[] {
  const sizes = [alone, together];
  const cpu = ({ cpu: { program, engine, providers } }: Previewed): string =>
    [program, engine, providers].map((one) => one.toFixed(1)).join(", ");
  const rows: [string, (size: ChassisSize) => string][] = [
    ["clusters in the program", ({ clusters }) => String(clusters)],
    ["preview of the upgrade, s", ({ preview }) => range(preview.seconds)],
    ["  cpu: program, engine, providers, s", ({ preview }) => cpu(preview)],
    [`  provider (aim < ${AIMS.providerMb})`, ({ preview }) => mb(preview.providerMb)],
    ["no-change preview, s", ({ unchanged }) => range(unchanged.seconds)],
    [`  provider (aim < ${AIMS.providerMb})`, ({ unchanged }) => mb(unchanged.providerMb)],
    ["pulumi up, s", ({ up }) => up.seconds.toFixed(1)],
    ["  runs", ({ up }) => String(up.runs)],
    ["  upgraded", ({ up }) => String(up.upgraded)],
    ["  in their upgrade at a time, at most", ({ up }) => String(up.upgradesAtOnce)],
    [`  provider (aim < ${AIMS.providerMb})`, ({ up }) => mb(up.providerMb)],
  ];
  return [
    `Chassis clusters in one program, one alone and ${together.clusters} together, ${atOnce} of them at a time; device time runs ${timeScale} times as fast.`,
    ...columns(rows.map(([name, cell]) => [name, ...sizes.map(cell)])).map((line) => `  ${line}`),
  ];
}

function upgradeTable(report: UpgradeReport): string[] {
  const { ways, subscribers, calls, instances, bootSeconds, graceSeconds } = report;
  return [
    `Upgrade under traffic: ${subscribers} subscribers, ${calls} calls held, ${instances} instances that take ${bootSeconds} s to boot,`,
    `${graceSeconds} s of termination grace, surge 1, maxUnavailable 1. One run each, on one lab.`,
    ...ways.map(({ name, given }) => `  ${name.padEnd(10)}${given}`),
    "",
    ...changeTable("1.0.0 -> 1.1.0", ways, ({ forward }) => forward),
    "",
    ...changeTable("and back", ways, ({ back }) => back),
  ];
}

function changeTable(title: string, ways: readonly Way[], of: (way: Way) => Change): string[] {
  const rows: [string, (way: Way) => string][] = [
    [title, ({ name }) => name],
    ["sessions lost", (way) => String(of(way).sessionsLost)],
    ["re-registrations", (way) => String(of(way).reRegistrations)],
    ["procedures", (way) => String(of(way).proceduresAttempted)],
    ["procedures failed", (way) => String(of(way).proceduresFailed)],
    ["longest gap, ms (quiet)", (way) => beside(of(way).longestGapMs, way.quiet.longestGapMs)],
    ["gap p99.9, ms (quiet)", (way) => beside(of(way).gapP999Ms, way.quiet.gapP999Ms)],
    ["pulumi up", (way) => seconds(of(way).upSeconds)],
    ["of it soaks", (way) => seconds(of(way).soakSeconds)],
    ["until all is settled", (way) => seconds(of(way).settledSeconds)],
    ["campaign", (way) => optional(of(way).campaign, (one) => seconds(one.seconds))],
    ["lower bound", (way) => optional(of(way).campaign, (one) => seconds(one.bound.totalMs / 1000))],
    [
      `ratio (aim ${AIMS.campaignRatio})`,
      (way) => optional(of(way).campaign, (one) => ((1000 * one.seconds) / one.bound.totalMs).toFixed(2)),
    ],
    [`provider (aim < ${AIMS.providerMb})`, (way) => mb(of(way).providerMb)],
  ];
  const spent = ways.flatMap((way) => {
    const { campaign } = of(way);
    return campaign ? [`  where ${way.name}'s time went: ${parts(campaign.spent)}`] : [];
  });
  return [...columns(rows.map(([name, cell]) => [name, ...ways.map(cell)])), ...spent];
}

const optional = <T>(value: T | undefined, shown: (value: T) => string): string =>
  value === undefined ? "-" : shown(value);

/** The largest first; what took next to nothing is left out. */
const parts = (spent: { readonly [name: string]: number }): string =>
  Object.entries(spent)
    .filter(([, value]) => value >= 0.05)
    .sort(([, a], [, b]) => b - a)
    .slice(0, 6)
    .map(([name, value]) => `${name} ${value.toFixed(1)}`)
    .join(", ");

function previewTable({ sizes }: PreviewReport): string[] {
  return [
    "Runs that change nothing: Deployment, PDB and ConfigMap of each network function, by issu.Cnf and by",
    "@pulumi/kubernetes alone (plain). Seconds: min / median / max. Processor time of the median run.",
    ...sizes.flatMap((size) => ["", ...sizeTable(size)]),
  ];
}

function sizeTable({ count, components, preview, up, installSeconds }: PreviewSize): string[] {
  const row = (name: string, { seconds, cpu, resources, providerMb }: Unchanged): string[] => [
    name,
    range(seconds),
    cpu.program.toFixed(1),
    cpu.engine.toFixed(1),
    cpu.providers.toFixed(1),
    String(resources),
    mb(providerMb),
  ];
  const ratio = (a: Unchanged, b: Unchanged): string => (a.seconds.median / b.seconds.median).toFixed(2);
  const rows = [
    [
      `${count} functions of ${components}`,
      "seconds",
      "cpu: program",
      "engine",
      "providers",
      "resources",
      "memory",
    ],
    row("preview, issu.Cnf", preview.issu),
    row("preview, plain", preview.plain),
    row("up, issu.Cnf", up.issu),
    row("up, plain", up.plain),
  ];
  return [
    ...columns(rows),
    `issu.Cnf / plain (aim ${AIMS.previewRatio}): preview ${ratio(preview.issu, preview.plain)}, up ${ratio(up.issu, up.plain)}; memory is our provider's (aim < ${AIMS.providerMb} MB)`,
    `installed in ${seconds(installSeconds.issu)} (plain ${seconds(installSeconds.plain)})`,
  ];
}
