/**
 * The suite that a vendor runs against an implementation of the contract (docs/contract.md): every clause in order, all of
 * them whatever fails, and the network function left as it was found.
 *
 * @module
 */
import type { SubscriberSplitSpec } from "../contract/subscriber-split";
import { Bench, type BenchOptions } from "./bench";
import type { Clause, Finding } from "./clause";
import { groupClauses } from "./group-clauses";
import { instanceClauses } from "./instance-clauses";
import { splitClauses } from "./split-clauses";

export const clauses: readonly Clause[] = [...splitClauses, ...instanceClauses, ...groupClauses];

export interface Result extends Finding {
  readonly id: string;
  readonly title: string;
  readonly tookMs: number;
}

/**
 * @param told each result as it is found.
 * @returns results in the order of the clauses.
 * @throws Error if the network function can't be put back as it was; the message says what was written last.
 */
export async function runConformance(
  options: BenchOptions,
  told: (result: Result) => void,
): Promise<Result[]> {
  const bench = new Bench(options);
  const results: Result[] = [];
  try {
    await bench.wait(
      () => "the cluster's answer",
      () => true,
    );
    const before = bench.split?.spec;
    const groups = bench.ownGroups.map(({ metadata, spec }) => ({ name: metadata.name, spec }));
    for (const { id, title, check } of clauses) {
      options.signal.throwIfAborted();
      const startedAt = Date.now();
      const finding = await check(bench).catch(
        (error: unknown): Finding => ({ outcome: "fail", detail: (error as Error).message }),
      );
      const result = { id, title, ...finding, tookMs: Date.now() - startedAt };
      results.push(result);
      told(result);
    }
    for (const { name, spec } of groups) {
      const { epoch: _, ...asked } = spec;
      await bench.regroup(name, asked, () => true);
    }
    if (before) await bench.ask(withoutEpoch(before));
    return results;
  } finally {
    bench.close();
  }
}

function withoutEpoch({ epoch: _, ...spec }: SubscriberSplitSpec): Omit<SubscriberSplitSpec, "epoch"> {
  return { left: undefined, right: undefined, ...spec } as Omit<SubscriberSplitSpec, "epoch">;
}
