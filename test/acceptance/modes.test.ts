/** Ways to upgrade other than the default: instance by instance, without a spare instance, by a number set by hand. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { UpgradePolicy } from "pulumi-issu";
import { itInFull } from "../support/full.ts";
import { impactOf, note, type Observed, type PodSeen } from "../support/observed.ts";
import { openServing } from "../support/serving.ts";
import { amf, type TestSite, type TestStack } from "../support/site.ts";

/** Rated for a quarter of the subscribers each: one may be missing, and the others carry everybody at two thirds. */
const REPLICAS = 7;

const network = (version: string, upgrade: UpgradePolicy = {}) =>
  amf({
    version,
    components: [
      { name: "gsu", serviceType: "load-sharing", replicas: REPLICAS, terminationGracePeriodSeconds: 1 },
    ],
    upgrade: {
      gray: { ratios: [50, 100], soak: "1s" },
      dialTest: { subscribers: ["imsi-001010000000001", "imsi-001010000000002"] },
      limits: { boot: "30s", move: "30s", gate: "10s" },
      ...upgrade,
    },
  });

/** A registration that was under way when the split changed ends on the side it was admitted to, within this. */
const UNDER_WAY_MS = 1000;

/** What was seen at an instant of an upgrade. */
interface Look {
  /** Instant, ms since 1970. */
  readonly at: number;
  readonly pods: readonly PodSeen[];
  /** Instances that take work. */
  readonly serving: number;
  readonly admission: string;
  readonly ratio: number;
  readonly right: string | undefined;
  /** Changes with every change of the split. */
  readonly generation: number | undefined;
  /** Subscribers on each side; undefined while some are on their way. */
  readonly carried: { readonly left: number; readonly right: number } | undefined;
}

describe("modes of an upgrade", function () {
  this.timeout(300_000);
  let site: TestSite;
  let stack: TestStack;
  let seen: Observed;

  before(async function () {
    this.timeout(300_000);
    ({ site, stack, seen } = await openServing(
      { name: "test-modes", subscribers: 1_500, calls: 4, churn: 25 },
      network("1.0.0"),
    ));
  });
  after(async () => {
    seen?.close();
    await site?.close();
  });

  /** Upgrades while looking at the site as often as it answers. */
  async function upgrade(window: string, args: ReturnType<typeof network>) {
    await site.traffic.openWindow(window);
    const since = Date.now();
    let over = false;
    const looks: Look[] = [];
    const watch = (async () => {
      while (!over) {
        const [pods, { metadata, spec, status }] = await Promise.all([seen.pods(), seen.split()]);
        looks.push({
          at: Date.now(),
          pods,
          serving: status?.instances.filter(({ serving }) => serving).length ?? 0,
          admission: spec.admission,
          ratio: spec.ratio,
          right: spec.right?.version,
          generation: metadata.generation,
          carried:
            status?.moving === 0 && status.observedGeneration === metadata.generation
              ? { left: status.left.subscribers, right: status.right.subscribers }
              : undefined,
        });
        await delay(50);
      }
    })();
    await stack.mustUp(args).finally(() => {
      over = true;
    });
    await watch;
    const figures = await site.traffic.closeWindow(window);
    const most = Math.max(...looks.map(({ pods }) => pods.length));
    const least = Math.min(...looks.map(({ serving }) => serving));
    const log = await seen.log(since);
    /** Changes of instances by the campaign: workload's version, before, after. */
    const scaled = log
      .filter(({ action, code }) => action === "scale" && code === "OK")
      .map(({ message }) => {
        const [, workload = "", after, before] =
          /^(\S+) has \d+ of (\d+) instances, was (\d+)/.exec(message) ?? [];
        return { workload, before: Number(before), after: Number(after) };
      });
    note(window, { ...impactOf(figures), most, least, looks: looks.length, scaled });
    assert.equal(figures.sessionsLost, 0, "sessions lost");
    assert.equal(figures.reRegistrations, 0, "re-registrations");
    assert.equal(figures.proceduresFailed, 0, "procedures failed");
    const { spec } = await seen.split();
    assert.deepEqual([spec.left?.version, spec.right, spec.admission], [args.version, undefined, "by-ratio"]);
    assert.deepEqual(
      (await seen.deployments()).map(({ version, replicas, ready }) => [version, replicas, ready]),
      [[args.version, REPLICAS, REPLICAS]],
    );
    return { figures, looks, most, least, log, scaled };
  }

  const stagesOf = (log: Awaited<ReturnType<Observed["log"]>>) =>
    log.filter(({ action, code }) => action === "stage-end" && code === "OK").map(({ stage }) => stage);

  it("rolling: one stage, new connections go to the new version while the standing follow its instances (TEF-3)", async () => {
    const { looks, most, log } = await upgrade("rolling", network("1.1.0", { mode: "rolling" }));
    assert.deepEqual(stagesOf(log), [
      "preflight",
      "snapshot",
      "minimal",
      "dial-test",
      "rolling",
      "post-test",
      "finalize",
    ]);
    const underway = looks.filter(({ ratio, right }) => right === "1.1.0" && ratio > 0 && ratio < 100);
    assert.ok(underway.length > 0, "no look fell between 0 and 100 %");
    for (const { admission } of underway) assert.equal(admission, "right");
    // While nobody is moved, subscribers leave either side but come to the new one alone.
    const began = new Map<number | undefined, number>();
    for (const { generation, at } of underway) if (!began.has(generation)) began.set(generation, at);
    const settled = underway.filter(
      ({ carried, generation, at }) => carried && at > (began.get(generation) ?? at) + UNDER_WAY_MS,
    );
    let rest: Look | undefined;
    let left = 0;
    for (const look of settled) {
      const [was, is] = [rest?.carried, look.carried];
      if (was && is && rest?.generation === look.generation) {
        assert.ok(is.left <= was.left, `the old version went from ${was.left} to ${is.left} subscribers`);
        left += was.left - is.left;
      }
      rest = look;
    }
    assert.ok(left > 0, "nobody came");
    const excess = underway.flatMap(({ carried, ratio }) =>
      carried ? (100 * carried.right) / (carried.left + carried.right) - ratio : [],
    );
    note("rolling", { cameToNew: left, excessPoints: Math.max(...excess) });
    assert.ok(Math.max(...excess) > 0.4, "the new version has no more than the standing subscribers' share");
    assert.ok(most <= REPLICAS + 1, `${most} instances at once`);
  });

  it("surge 0: never more than the declared instances, and never fewer than maxUnavailable allows (TEF-4, ESC-08)", async () => {
    const { most, least, log, looks } = await upgrade(
      "no-surge",
      network("1.2.0", { surge: 0, disruptionBudget: { maxUnavailable: 1 } }),
    );
    assert.equal(most, REPLICAS, `${most} instances at once`);
    assert.ok(least >= REPLICAS - 1, `only ${least} instances served`);
    // The Deployment that Pulumi creates starts with one pod: room for it is made before.
    const room = log.findIndex(({ stage, action }) => stage === "snapshot" && action === "scale");
    const minimal = log.findIndex(({ stage }) => stage === "minimal");
    assert.ok(room >= 0 && room < minimal, "no room was made in the snapshot stage");
    const first = looks.find(({ pods }) => pods.some(({ version }) => version === "1.2.0"));
    assert.equal(first?.pods.filter(({ version }) => version !== "1.2.0").length, REPLICAS - 1);
  });

  for (const [step, version] of [
    [1, "1.3.0"],
    [2, "1.4.0"],
  ] as const) {
    (step === 1 ? it : itInFull)(
      `gray.step ${step}: that many instances at a time, as set by hand (GRY-05)`,
      async () => {
        const { scaled, most, least } = await upgrade(
          `step-${step}`,
          network(version, {
            surge: 2,
            disruptionBudget: { maxUnavailable: 1 },
            gray: { ratios: [50, 100], soak: "1s", step },
          }),
        );
        const grown = scaled
          .filter(
            ({ workload, before, after }) =>
              workload.includes(version.replaceAll(".", "-")) && after > before,
          )
          .map(({ before, after }) => after - before);
        assert.equal(Math.max(...grown), step, `instances were added ${grown.join(", ")} at a time`);
        assert.ok(most <= REPLICAS + 2, `${most} instances at once`);
        assert.ok(least >= REPLICAS - 1, `only ${least} instances served`);
      },
    );
  }
});
