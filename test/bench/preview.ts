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
import { cpuSeconds, programOf, providerPeak, providersOf } from "./process-use.ts";
import type { PreviewReport, PreviewSize, Unchanged } from "./report.ts";
import { spread } from "./spread.ts";

const NAMESPACE = "fleet";
/** Network functions installed by one `up`. */
const AT_ONCE = 20;

export async function benchPreview(bench: Bench): Promise<PreviewReport> {
  await addNamespace(bench.lab, NAMESPACE);
  const balancer = new AnsweringBalancer(bench.lab.kubeconfigPath, NAMESPACE);
  try {
    const stacks = {
      issu: await openStack(bench, "fleet-issu", "fleet-issu"),
      plain: await openStack(bench, "fleet-plain", "fleet-plain"),
    };
    const sizes: PreviewSize[] = [];
    for (const count of bench.quick ? [10] : [10, 100]) sizes.push(await sizeOf(bench, stacks, count));
    return { sizes };
  } finally {
    await balancer.stop();
  }
}

async function sizeOf(
  bench: Bench,
  { issu, plain }: { readonly issu: Stack; readonly plain: Stack },
  count: number,
): Promise<PreviewSize> {
  const install = async (what: string, stack: Stack): Promise<number> => {
    let seconds = 0;
    // As an operator would: a hundred campaigns at once on a small machine can't keep their leases.
    for (let there = 0; there < count; ) {
      there = Math.min(count, there + AT_ONCE);
      await stack.setConfig({ count: there, namespace: NAMESPACE });
      seconds += (await measure(stack, "up")).seconds;
    }
    bench.line(`${count} network functions installed, ${what}: ${seconds.toFixed(1)} s`);
    return seconds;
  };
  const installSeconds = { issu: await install("issu.Cnf", issu), plain: await install("plain", plain) };
  const both = async (verb: "preview" | "up") => {
    const runs = { issu: [] as Measured[], plain: [] as Measured[] };
    // In turns, so that what else happens on the machine meets both.
    for (let i = 0; i < (bench.quick ? 1 : 3); i++) {
      runs.plain.push(await measure(plain, verb));
      runs.issu.push(await measure(issu, verb));
      const [a, b] = [runs.issu.at(-1)?.seconds ?? 0, runs.plain.at(-1)?.seconds ?? 0];
      bench.line(`${count}, no-change ${verb}: issu.Cnf ${a.toFixed(1)} s, plain ${b.toFixed(1)} s`);
    }
    return { issu: unchanged(runs.issu), plain: unchanged(runs.plain) };
  };
  return { count, installSeconds, preview: await both("preview"), up: await both("up") };
}

/** @throws Error if a run changed something after all. */
function unchanged(runs: readonly Measured[]): Unchanged {
  const changed = runs.find(
    ({ output }) =>
      !/^ *\d+ unchanged$/m.test(output) || /[+~-]\d* \d+ (to )?(create|update|delete)/.test(output),
  );
  if (changed) throw new Error(`a run that was to change nothing did:\n${changed.output.slice(-2000)}`);
  const sorted = [...runs].sort((a, b) => a.seconds - b.seconds);
  const { uses, output } = sorted[Math.floor(sorted.length / 2)] as Measured;
  return {
    seconds: spread(runs.map(({ seconds }) => seconds)),
    cpu: {
      program: cpuSeconds(uses.filter(programOf)),
      providers: cpuSeconds(uses.filter(providersOf)),
      engine: cpuSeconds(uses.filter((use) => !programOf(use) && !providersOf(use))),
    },
    resources: Number(/^ *(\d+) unchanged$/m.exec(output)?.[1]),
    providerMb: providerPeak(runs.flatMap((run) => run.uses)) ?? null,
  };
}
