/**
 * What has to be true when nothing is under way: one version serves everybody, and no campaign has left a trace on
 * anything that serves.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { RedundancyGroup } from "pulumi-issu/contract";
import type { Observed } from "./observed.ts";
import type { TestSite, TestStack } from "./site.ts";
import { until } from "./until.ts";

export interface AtRest {
  readonly version: string;
  /** Instances of each workload that serves, by its name; the autoscaler's is the first. */
  readonly parts: { readonly [workload: string]: number };
  /** An autoscaler of the user's own, as he left it. */
  readonly autoscaler?: { readonly name: string; readonly min: number; readonly max: number };
  /** Arguments of the last `up`; there is nothing more to do for them. */
  readonly args: unknown;
}

const GROUP = "pulumi-issu.dev";
/** Written by a campaign for as long as it runs; the epoch stays, to keep stale writers out. */
const TRACES = new RegExp(`^${GROUP}/(drain|suspended-|hold|cordon)|pod-deletion-cost$`);

interface Described {
  readonly metadata: {
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** @throws AssertionError that names everything that is not as it has to be, in one go. */
export async function atRest(
  site: TestSite,
  seen: Observed,
  stack: TestStack,
  { version, parts, autoscaler, args }: AtRest,
): Promise<void> {
  const workloads = Object.keys(parts);
  const replicas = Object.values(parts).reduce((sum, count) => sum + count, 0);
  const wrong: string[] = [];
  const expect = (what: string, got: unknown, wanted: unknown) => {
    const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
    if (a !== b) wrong.push(`${what}: got ${a}, expected ${b}`);
  };
  await until(
    "instances that were given up to end",
    async () => (await seen.pods()).length === replicas,
    15_000,
  ).catch(() => undefined);

  const { spec, status } = await seen.split();
  expect("left side", [spec.left?.version, spec.left?.workloads.toSorted()], [version, workloads.toSorted()]);
  expect("right side", spec.right, undefined);
  expect("ratio, admission, pinned", [spec.ratio, spec.admission, spec.pinned], [0, "by-ratio", []]);
  expect("subscribers on their way", status?.moving, 0);
  expect(
    "workloads: version, declared, ready",
    (await seen.deployments()).map((one) => [one.name, one.version, one.replicas, one.ready]).toSorted(),
    Object.entries(parts)
      .map(([name, count]) => [name, version, count, count])
      .toSorted(),
  );
  expect(
    "pods: version",
    (await seen.pods()).map((pod) => pod.version),
    Array.from({ length: replicas }, () => version),
  );
  for (const collection of [
    seen.path("api/v1", "pods"),
    seen.path("apis/apps/v1", "deployments"),
    seen.path("apis/autoscaling/v2", "horizontalpodautoscalers"),
    seen.path("apis/policy/v1", "poddisruptionbudgets"),
  ]) {
    for (const { metadata } of (await seen.api.list(collection)) as readonly Described[]) {
      const traces = Object.keys({ ...metadata.annotations, ...metadata.labels }).filter((key) =>
        TRACES.test(key),
      );
      expect(`left behind on ${collection.split("/").at(-1)}/${metadata.name}`, traces, []);
    }
  }
  for (const { metadata, spec, status } of (await seen.api.list(
    seen.path(`apis/${GROUP}/v1alpha1`, "redundancygroups"),
  )) as unknown as readonly (Described & RedundancyGroup)[]) {
    const [workload = "", ...more] = spec.workloads;
    expect(`other workloads of group ${metadata.name}`, more, []);
    expect(`self-healing of ${metadata.name}`, [spec.selfHealing, status?.selfHealing], ["on", "on"]);
    expect(
      `members of ${metadata.name}: in step`,
      (status?.members ?? []).filter((one) => one.inStep && one.workload === workload).length,
      parts[workload],
    );
  }
  // The last one stays, with its results to be looked at; none goes on.
  const dialTests = (await seen.api.list(seen.path(`apis/${GROUP}/v1alpha1`, "dialtests"))) as readonly {
    readonly status?: { readonly phase?: string };
  }[];
  expect("dial tests under way", dialTests.filter(({ status }) => status?.phase !== "done").length, 0);
  if (dialTests.length > 1) wrong.push(`dial tests: ${dialTests.length} are left, expected the last one`);
  if (autoscaler) {
    const { spec } = await seen.api.get<{
      spec: { scaleTargetRef: { name: string }; minReplicas: number; maxReplicas: number };
    }>(`${seen.path("apis/autoscaling/v2", "horizontalpodautoscalers")}/${autoscaler.name}`);
    expect(
      `autoscaler ${autoscaler.name}`,
      [spec.scaleTargetRef.name, spec.minReplicas, spec.maxReplicas],
      [workloads[0], autoscaler.min, autoscaler.max],
    );
  }
  // Of a run that was killed once all was done, nothing is left but that.
  await until("a killed run's lease to be over", async () => !(await seen.leaseHeld()), 20_000).catch(
    () => undefined,
  );
  expect("holder of the lease", await seen.leaseHeld(), undefined);
  const { code, output } = await stack.preview(args, "--expect-no-changes");
  if (code !== 0) wrong.push(`an up would not be without changes:\n${output}`);
  assert.deepEqual(wrong, [], `lab ${site.lab.name} is not at rest:\n  ${wrong.join("\n  ")}`);
}
