/**
 * `SubscriberSplit`: who is where, who moves, and when it may be called done.
 *
 * @module
 */
import type { SubscriberSplitStatus } from "../contract/subscriber-split";
import { ApiError } from "../drivers/kubernetes/errors";
import { paths } from "../drivers/kubernetes/objects";
import type { Bench } from "./bench";
import { type Clause, fail, found, notApplicable, pass } from "./clause";

/** Percentage points by which a share may be off (contract, `SubscriberSplit` 2). */
const OFF = 0.4;
/** With fewer subscribers one of them is more than that. */
const ENOUGH = 250;
/** Share of the subscribers by which instances may differ over a moment: they come and go. */
const CHURN = 0.02;

const all = ({ left, right }: SubscriberSplitStatus): number => left.subscribers + right.subscribers;
const share = (status: SubscriberSplitStatus): number =>
  (100 * status.right.subscribers) / Math.max(1, all(status));

/** Subscribers that are served on the right, of those who were designated. @throws Error if one of them can't be told. */
async function onRight(bench: Bench): Promise<Set<string>> {
  const results = await bench.dial(bench.options.subscribers, "right");
  const sides = new Map(results.flatMap(({ subscriber, side }) => (side ? [[subscriber, side]] : [])));
  const silent = bench.options.subscribers.filter((one) => !sides.has(one));
  if (silent.length > 0) {
    const cause = results.find(({ subscriber }) => subscriber === silent[0])?.cause ?? "no result";
    throw new Error(`${silent.length} of the subscribers named could not be dialled, e.g. for: ${cause}`);
  }
  return new Set(bench.options.subscribers.filter((one) => sides.get(one) === "right"));
}

const within = (some: ReadonlySet<string>, others: ReadonlySet<string>): string[] =>
  [...some].filter((one) => !others.has(one));

export const splitClauses: readonly Clause[] = [
  {
    id: "split-1",
    title: "with a left side alone everybody is served there",
    async check(bench) {
      const status = await bench.ask({ right: undefined as never });
      return found(
        status.right.subscribers === 0 && status.left.subscribers > 0,
        `${status.left.subscribers} on the left, ${status.right.subscribers} on the right`,
      );
    },
  },
  {
    id: "split-2",
    title: `the right carries the ratio within ${OFF} points by the time that nobody is said to move`,
    async check(bench) {
      const seen: string[] = [];
      for (const ratio of [0, 10, 50, 100]) {
        const status = await bench.ask({ ratio });
        if (all(status) < ENOUGH)
          return notApplicable(`${all(status)} subscribers; ${ENOUGH} are needed to tell`);
        seen.push(`${ratio} %: ${share(status).toFixed(2)}`);
        if (Math.abs(share(status) - ratio) > OFF) return fail(seen.join(", "));
      }
      return pass(seen.join(", "));
    },
  },
  {
    id: "split-3",
    title: "raising the ratio moves only those between, lowering it moves the same ones back",
    async check(bench) {
      if (bench.options.subscribers.length < 20)
        return notApplicable(
          `${bench.options.subscribers.length} subscribers were named; 20 are needed to tell`,
        );
      const at: Set<string>[] = [];
      for (const ratio of [20, 50, 80, 50]) {
        await bench.ask({ ratio });
        at.push(await onRight(bench));
      }
      const [low, middle, high, again] = at as [Set<string>, Set<string>, Set<string>, Set<string>];
      const astray = [
        ...within(low, middle),
        ...within(middle, high),
        ...within(again, middle),
        ...within(middle, again),
      ];
      return found(
        // Who comes and goes shifts the quota, and with it a subscriber right at the ratio.
        new Set(astray).size <= Math.max(1, CHURN * bench.options.subscribers.length) && high.size > low.size,
        `${low.size}, ${middle.size}, ${high.size} and ${again.size} of ${bench.options.subscribers.length} on the right; ${astray.length} moved that should not have`,
      );
    },
  },
  {
    id: "split-4",
    title: "pinned subscribers are on the side named, whatever the ratio",
    async check(bench) {
      const [subscriber] = bench.options.subscribers;
      if (subscriber === undefined) return notApplicable("no subscriber was named");
      for (const [side, ratio] of [
        ["right", 0],
        ["left", 100],
      ] as const) {
        await bench.ask({ ratio, pinned: [{ subscriber, side }] });
        const results = await bench.dial([subscriber], side);
        const astray = results.find((one) => one.side !== side);
        if (astray)
          return fail(`pinned to the ${side} at ${ratio} %, served on the ${astray.side ?? "unknown"} side`);
      }
      return pass("right at 0 %, left at 100 %");
    },
  },
  {
    id: "split-5",
    title: "when the right side becomes the left one, nobody moves",
    async check(bench) {
      const { left, right } = bench.options;
      const before = await bench.ask({ ratio: 100 });
      const after = await bench.ask({ left: right, right: undefined as never, ratio: 0 });
      const carried = (status: SubscriberSplitStatus) =>
        new Map(
          status.instances
            .filter((one) => right.workloads.includes(one.workload))
            .map((one) => [one.name, one.subscribers]),
        );
      const [was, is] = [carried(before), carried(after)];
      const differ = [...was].filter(
        ([name, count]) => Math.abs((is.get(name) ?? 0) - count) > Math.max(5, CHURN * count),
      );
      await bench.ask({ left: right, right: left, ratio: 0 });
      await bench.ask({ left: right, right: left, ratio: 100 });
      await bench.ask({ left, right: undefined as never });
      return found(
        differ.length === 0,
        `${was.size} instances, ${differ.length} of them with other subscribers after`,
      );
    },
  },
  {
    id: "split-6",
    title: "status names every instance of both sides, with what it carries",
    async check(bench) {
      const { left, right } = bench.options;
      const status = await bench.ask({ ratio: 50 });
      const named = new Set(status.instances.map(({ name }) => name));
      const missing = [...left.workloads, ...right.workloads]
        .flatMap((workload) => bench.podsOf(workload))
        .filter((pod) => status.instances.length > 0 && !named.has(pod.metadata.name))
        .filter((pod) =>
          bench.ownGroups.every(
            ({ spec }) => !spec.workloads.some((one) => pod.metadata.name.startsWith(one)),
          ),
        );
      const sum = status.instances.reduce((total, one) => total + one.subscribers, 0);
      const off = Math.abs(sum - all(status)) > Math.max(5, CHURN * all(status));
      return found(
        missing.length === 0 && !off && status.instances.length > 0,
        `${status.instances.length} instances with ${sum} subscribers, ${all(status)} in all; not named: ${missing.map((pod) => pod.metadata.name).join(", ") || "none"}`,
      );
    },
  },
  {
    id: "split-7",
    title: "a split of a lower epoch is refused by the API server",
    async check(bench) {
      const { api, namespace, name } = bench.options.cnf;
      const path = paths.splits(namespace, name);
      const now = await api.get<{ spec: object }>(path);
      try {
        await api.replace(path, { ...now, spec: { ...now.spec, epoch: bench.options.epoch - 1 } });
      } catch (error) {
        return error instanceof ApiError && error.status === 422
          ? pass("refused")
          : fail(`another answer than a refusal: ${(error as Error).message}`);
      }
      return fail("it was taken; install the definitions anew: issu crds | kubectl apply -f -");
    },
  },
];
