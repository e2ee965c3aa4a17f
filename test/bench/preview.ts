/**
 * Runs that change nothing, of many network functions: declared with `issu.Cnf`, and the same workloads by Pulumi's own
 * Kubernetes provider alone.
 *
 * @module
 */
import type { Stack } from "../../examples/support/pulumi.ts";
import { AnsweringBalancer } from "./answering-balancer.ts";
import { type Bench, type Measured, measure, openStack } from "./benchmark.ts";
import { addNamespace } from "./namespace.ts";
import { medianOf, previewed } from "./previewed.ts";
import type { PreviewReport, PreviewSize, Unchanged } from "./report.ts";

/**
 * Network functions and components of each. What a campaign adds is per function, so that one of a single component shows it
 * at its worst; real ones have several (GRY-01 names three service types).
 */
const SIZES = [
  { count: 10, components: 1 },
  { count: 100, components: 1 },
  { count: 100, components: 3 },
];
/** Network functions installed by one `up`. */
const AT_ONCE = 20;

/** The engine writes its whole state after each step: no figure here, and most of the time of an install of a hundred. */
const WITHOUT_RECORD = { PULUMI_EXPERIMENTAL: "true", PULUMI_SKIP_CHECKPOINTS: "true" };

export async function benchPreview(bench: Bench): Promise<PreviewReport> {
  const sizes: PreviewSize[] = [];
  for (const size of bench.quick ? SIZES.slice(0, 1) : SIZES) sizes.push(await sizeOf(bench, size));
  return { sizes };
}

type Size = (typeof SIZES)[number];

async function sizeOf(bench: Bench, { count, components }: Size): Promise<PreviewSize> {
  const namespace = `fleet-${count}-of-${components}`;
  await addNamespace(bench.lab, namespace);
  const issu = await openStack(bench, `${namespace}-issu`, "fleet-issu");
  const plain = await openStack(bench, `${namespace}-plain`, "fleet-plain");
  const install = async (what: string, stack: Stack): Promise<number> => {
    let seconds = 0;
    // As an operator would: a hundred campaigns at once on a small machine can't keep their leases.
    for (let there = 0; there < count; ) {
      there = Math.min(count, there + AT_ONCE);
      await stack.setConfig({ count: there, components, namespace });
      seconds += (await measure(stack, "up", WITHOUT_RECORD)).seconds;
    }
    bench.line(`${count} network functions of ${components} installed, ${what}: ${seconds.toFixed(1)} s`);
    return seconds;
  };
  const balancer = new AnsweringBalancer(bench.lab.kubeconfigPath, namespace);
  const installSeconds = await (async () => {
    try {
      return { issu: await install("issu.Cnf", issu), plain: await install("plain", plain) };
    } finally {
      await balancer.stop();
    }
  })();
  const both = async (verb: "preview" | "up") => {
    const runs = { issu: [] as Measured[], plain: [] as Measured[] };
    // In turns, so that what else happens on the machine meets both.
    for (let i = 0; i < (bench.quick ? 1 : 3); i++) {
      runs.plain.push(await measure(plain, verb));
      runs.issu.push(await measure(issu, verb));
      const [a, b] = [runs.issu.at(-1)?.seconds ?? 0, runs.plain.at(-1)?.seconds ?? 0];
      bench.line(
        `${count} of ${components}, no-change ${verb}: issu.Cnf ${a.toFixed(1)} s, plain ${b.toFixed(1)} s`,
      );
    }
    return { issu: unchanged(runs.issu), plain: unchanged(runs.plain) };
  };
  return { count, components, installSeconds, preview: await both("preview"), up: await both("up") };
}

/** @throws Error if a run changed something after all. */
function unchanged(runs: readonly Measured[]): Unchanged {
  const changed = runs.find(
    ({ output }) =>
      !/^ *\d+ unchanged$/m.test(output) || /[+~-]\d* \d+ (to )?(create|update|delete)/.test(output),
  );
  if (changed) throw new Error(`a run that was to change nothing did:\n${changed.output.slice(-2000)}`);
  const { output } = medianOf(runs);
  return { ...previewed(runs), resources: Number(/^ *(\d+) unchanged$/m.exec(output)?.[1]) };
}
