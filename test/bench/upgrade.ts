/**
 * The same upgrade in several ways, on the same lab under the same traffic: gray and rolling by `pulumi-issu`, and a plain
 * Deployment's rolling update by the same engine; and each of them back again.
 *
 * @module
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CnfArgs } from "pulumi-issu";
import type { Stack } from "../../examples/support/pulumi.ts";
import { Traffic, type WindowFigures } from "../../examples/support/traffic.ts";
import { Api } from "../../lab/cluster/api.ts";
import { BOOT_ANNOTATION } from "../../lab/cluster/stages.ts";
import { HAND_OVER_ANNOTATION } from "../../lab/cnf/kubernetes-cluster.ts";
import { MOVES_PER_SECOND } from "../../lab/cnf/mover.ts";
import { until } from "../support/until.ts";
import { type Bench, measure, openStack } from "./benchmark.ts";
import { campaignSince } from "./campaign-log.ts";
import { lowerBound } from "./lower-bound.ts";
import { letEdit } from "./namespace.ts";
import { providerPeak } from "./process-use.ts";
import type { Change, Felt, UpgradeReport, Way } from "./report.ts";

const SURGE = 1;
const MAX_UNAVAILABLE = 1;

interface Sizes {
  readonly instances: number;
  readonly bootMs: number;
  readonly graceSeconds: number;
  readonly soakMs: number;
  readonly quietMs: number;
}

const FULL: Sizes = { instances: 8, bootMs: 2_000, graceSeconds: 5, soakMs: 10_000, quietMs: 15_000 };
const QUICK: Sizes = { instances: 4, bootMs: 2_000, graceSeconds: 5, soakMs: 4_000, quietMs: 5_000 };

interface WaySpec {
  readonly name: string;
  readonly given: string;
  readonly program: string;
  /** Arguments of the program for a version. */
  readonly args: (version: string, sizes: Sizes, namespace: string) => object;
  /** The load balancer has to be told which Deployment serves, since no campaign does. */
  readonly plain: boolean;
  readonly soaks: number;
}

const annotations = ({ bootMs }: Sizes) => ({ [BOOT_ANNOTATION]: String(bootMs) });

const cnf = (version: string, sizes: Sizes, namespace: string, upgrade: CnfArgs["upgrade"]): CnfArgs => ({
  version,
  namespace,
  components: [
    {
      name: "gsu",
      serviceType: "load-sharing",
      replicas: sizes.instances,
      terminationGracePeriodSeconds: sizes.graceSeconds,
      podAnnotations: annotations(sizes),
    },
  ],
  upgrade: {
    surge: SURGE,
    disruptionBudget: { maxUnavailable: MAX_UNAVAILABLE },
    ...upgrade,
  },
});

const plain = (version: string, sizes: Sizes, namespace: string, more: object) => ({
  version,
  namespace,
  replicas: sizes.instances,
  graceSeconds: sizes.graceSeconds,
  podAnnotations: { ...annotations(sizes), ...more },
});

const WAYS: readonly WaySpec[] = [
  {
    name: "gray",
    given: "issu.Cnf: 50 then 100 % of the subscribers, a soak after each",
    program: "../../programs/cnf",
    args: (version, sizes, namespace) =>
      cnf(version, sizes, namespace, { gray: { ratios: [50, 100], soak: `${sizes.soakMs}ms` } }),
    plain: false,
    soaks: 2,
  },
  {
    name: "rolling",
    given: "issu.Cnf, mode rolling: instance by instance, no soak",
    program: "../../programs/cnf",
    args: (version, sizes, namespace) => cnf(version, sizes, namespace, { mode: "rolling" }),
    plain: false,
    soaks: 0,
  },
  {
    name: "plain",
    given: "Deployment by @pulumi/kubernetes, RollingUpdate, PDB; an instance serves until its grace ends",
    program: "plain-deployment",
    args: (version, sizes, namespace) => plain(version, sizes, namespace, {}),
    plain: true,
    soaks: 0,
  },
  {
    name: "hand-over",
    given: "plain, of a network function that hands over by itself whom an ending instance serves",
    program: "plain-deployment",
    args: (version, sizes, namespace) => plain(version, sizes, namespace, { [HAND_OVER_ANNOTATION]: "true" }),
    plain: true,
    soaks: 0,
  },
];

export async function benchUpgrade(bench: Bench): Promise<UpgradeReport> {
  const sizes = bench.quick ? QUICK : FULL;
  await letEdit(bench.lab);
  const traffic = new Traffic(bench.lab);
  const ways: Way[] = [];
  let subscribers = 0;
  for (const spec of WAYS) {
    await bench.lab.reset();
    const run = new WayRun(bench, spec, sizes, traffic);
    try {
      const { way, registered } = await run.whole();
      ways.push(way);
      subscribers = registered;
    } finally {
      run.close();
    }
  }
  await bench.lab.reset();
  return {
    subscribers,
    calls: (await bench.lab.status()).shape.calls,
    instances: sizes.instances,
    bootSeconds: sizes.bootMs / 1000,
    graceSeconds: sizes.graceSeconds,
    ways,
  };
}

class WayRun {
  private readonly bench: Bench;
  private readonly spec: WaySpec;
  private readonly sizes: Sizes;
  private readonly traffic: Traffic;
  private readonly api: Api;

  constructor(bench: Bench, spec: WaySpec, sizes: Sizes, traffic: Traffic) {
    this.bench = bench;
    this.spec = spec;
    this.sizes = sizes;
    this.traffic = traffic;
    this.api = new Api(bench.lab.kubeconfigPath);
  }

  close(): void {
    this.api.close();
  }

  async whole(): Promise<{ readonly way: Way; readonly registered: number }> {
    const { bench, spec, sizes, traffic } = this;
    const stack = await openStack(bench, `upgrade-${spec.name}`, spec.program);
    if (spec.plain) await this.serveByDeployment();
    await this.want(stack, "1.0.0");
    await measure(stack, "up");
    const registered = await traffic.allRegistered(120_000);
    bench.line(`${spec.name}: 1.0.0 installed, ${registered} subscribers registered`);
    await traffic.openWindow(`${spec.name}-quiet`);
    await delay(sizes.quietMs);
    const quiet = felt(await traffic.closeWindow(`${spec.name}-quiet`));
    const forward = await this.change(stack, "forward", "1.1.0", registered);
    const back = await this.change(stack, "back", "1.0.0", registered);
    return { way: { name: spec.name, given: spec.given, quiet, forward, back }, registered };
  }

  private async change(stack: Stack, name: string, version: string, subscribers: number): Promise<Change> {
    const { bench, spec, sizes, traffic } = this;
    await this.want(stack, version);
    await traffic.openWindow(`${spec.name}-${name}`);
    const since = Date.now();
    const { seconds, uses } = await measure(stack, "up");
    await until(`instances of ${version} alone`, () => this.only(version), 120_000);
    await traffic.allRegistered(120_000);
    const settledSeconds = (Date.now() - since) / 1000;
    const seen = felt(await traffic.closeWindow(`${spec.name}-${name}`));
    const campaign = spec.plain ? undefined : await campaignSince(bench.env.ISSU_LOG_DIR ?? "", since);
    const bound = lowerBound({
      instances: sizes.instances,
      surge: SURGE,
      maxUnavailable: MAX_UNAVAILABLE,
      bootMs: sizes.bootMs,
      // The lab's instances take all of their grace.
      endMs: 1000 * sizes.graceSeconds,
      subscribers,
      movesPerSecond: MOVES_PER_SECOND,
      soaksMs: Array.from({ length: spec.soaks }, () => sizes.soakMs),
    });
    bench.line(
      `${spec.name} ${name}: ${seconds.toFixed(1)} s, ${seen.sessionsLost} sessions lost, ${seen.proceduresFailed} procedures failed`,
    );
    return {
      ...seen,
      upSeconds: seconds,
      settledSeconds,
      soakSeconds: (spec.soaks * sizes.soakMs) / 1000,
      ...(campaign ? { campaign: { ...campaign, bound } } : {}),
      providerMb: providerPeak(uses) ?? null,
    };
  }

  private want(stack: Stack, version: string): Promise<unknown> {
    return stack.setJson("args", this.spec.args(version, this.sizes, this.bench.lab.namespace));
  }

  /** Set once, by whoever runs the load balancer: one Deployment serves, whichever instances it has. */
  private async serveByDeployment(): Promise<void> {
    await this.api.create({
      apiVersion: "pulumi-issu.dev/v1alpha1",
      kind: "SubscriberSplit",
      metadata: { name: "amf", namespace: this.bench.lab.namespace },
      spec: {
        left: { version: "1.0.0", workloads: ["amf"] },
        ratio: 0,
        admission: "by-ratio",
        pinned: [],
        epoch: 0,
      },
    });
  }

  /** Every pod is of that version, ready, and none is on its way out. */
  private async only(version: string): Promise<boolean> {
    const pods = await this.api.list(`/api/v1/namespaces/${this.bench.lab.namespace}/pods`);
    return (
      pods.length === this.sizes.instances &&
      pods.every(({ metadata }) => metadata.labels?.["pulumi-issu.dev/version"] === version)
    );
  }
}

const felt = (figures: WindowFigures): Felt => {
  const { sessionsLost, reRegistrations, proceduresAttempted, proceduresFailed, longestGapMs, gapP999Ms } =
    figures;
  return { sessionsLost, reRegistrations, proceduresAttempted, proceduresFailed, longestGapMs, gapP999Ms };
};
