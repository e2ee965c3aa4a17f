/**
 * Several runs of one preview, told as one.
 *
 * @module
 */
import type { Measured } from "./benchmark.ts";
import { cpuSeconds, programOf, providerPeak, providersOf } from "./process-use.ts";
import type { Previewed } from "./report.ts";
import { spread } from "./spread.ts";

/** @param runs at least one. */
export function previewed(runs: readonly Measured[]): Previewed {
  const { uses } = medianOf(runs);
  return {
    seconds: spread(runs.map(({ seconds }) => seconds)),
    cpu: {
      program: cpuSeconds(uses.filter(programOf)),
      providers: cpuSeconds(uses.filter(providersOf)),
      engine: cpuSeconds(uses.filter((use) => !programOf(use) && !providersOf(use))),
    },
    providerMb: providerPeak(runs.flatMap((run) => run.uses)) ?? null,
  };
}

export function medianOf(runs: readonly Measured[]): Measured {
  const sorted = runs.toSorted((a, b) => a.seconds - b.seconds);
  return sorted[Math.floor(sorted.length / 2)] as Measured;
}
