/**
 * Clusters of many nodes, as tables.
 *
 * @module
 */
import { AIMS, columns, mb, range } from "../cells.ts";
import type { CaasDrains, CaasReport, CaasSize, DrainCase, DrainedBy } from "../report.ts";

export function caasTable({ sizes, drains }: CaasReport): string[] {
  return [
    "Preview of a cluster's upgrade from what runs there; reading and planning also alone.",
    "Seconds: min / median / max. Processor time of the median run.",
    ...columns(rowsOf(sizes)),
    ...growth(sizes),
    "",
    ...drainTable(drains),
  ];
}

function rowsOf(sizes: readonly CaasSize[]): string[][] {
  const row = (name: string, cell: (size: CaasSize) => string) => [name, ...sizes.map(cell)];
  return [
    row("nodes", ({ nodes }) => String(nodes)),
    row("pods, budgets", ({ pods, budgets }) => `${pods}, ${budgets}`),
    row(`preview, s (aim < ${AIMS.caasPreviewSeconds})`, ({ preview }) => range(preview)),
    row("cpu: program, engine, providers", ({ cpu }) =>
      [cpu.program, cpu.engine, cpu.providers].map((one) => one.toFixed(1)).join(", "),
    ),
    row("reading alone, s", ({ reading }) => range(reading)),
    row("planning alone, s", ({ planning }) => precise(planning.median)),
    row("steps planned", ({ steps }) => String(steps)),
    row(`provider (aim < ${AIMS.caasProviderMb} MB)`, ({ providerMb }) => mb(providerMb)),
  ];
}

const precise = (value: number): string => value.toFixed(2);

/** The largest beside the smallest. */
function growth(sizes: readonly CaasSize[]): string[] {
  const [least, most] = [sizes[0], sizes.at(-1)];
  if (!least || !most || least === most) return [];
  const times = (of: (size: CaasSize) => number) => (of(most) / of(least)).toFixed(1);
  return [
    `${times(({ nodes }) => nodes)} times the nodes: preview ${times(({ preview }) => preview.median)} times, reading ${times(({ reading }) => reading.median)}, planning ${times(({ planning }) => planning.median)}, memory ${times(({ providerMb }) => providerMb ?? Number.NaN)}`,
  ];
}

function drainTable({ nodes, pods, atOnce, graceSeconds, cases }: CaasDrains): string[] {
  return [
    `Drains: ${nodes} nodes at a time, ${pods} pods, ${nodes} of each workload, ${graceSeconds} s of grace; budgets allow ${atOnce} at a time.`,
    "One run each. In brackets: evictions asked for, refused.",
    ...columns([
      ["case", "issu.CaasCluster", "kubectl drain", "as fast", "bound, ratio", "measured"],
      ...cases.map((one) => [
        `${one.budgets ? "budgets" : "no budgets"}, boot ${one.bootSeconds} s`,
        by(one.issu),
        by(one.kubectl),
        `${(one.kubectl.seconds / one.issu.seconds).toFixed(2)} times`,
        over(one, one.boundSeconds),
        over(one, one.pace.boundSeconds),
      ]),
    ]),
    `as fast as kubectl: aim 1 without budgets, ${AIMS.drainRatio} with; bound: the least time in which anybody could`,
    `do it, and how many times that ours took (aim ${AIMS.drainBoundRatio}); measured: the same with what a single pod`,
    "took to end and to come back on this cluster just before",
  ];
}

const by = ({ seconds, evictions }: DrainedBy): string =>
  `${seconds.toFixed(1)} s${evictions ? ` (${evictions.asked}, ${evictions.refused})` : ""}`;

const over = ({ issu }: DrainCase, boundSeconds: number): string =>
  `${boundSeconds.toFixed(1)} s, ${(issu.seconds / boundSeconds).toFixed(2)}`;
