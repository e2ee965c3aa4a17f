/**
 * Many chassis clusters, which one program upgrades, some at a time, beside one of them alone.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import * as os from "node:os";
import * as path from "node:path";
import { buildImage, type ChassisCluster, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { chassisArgs, openChassisStack, RELEASES } from "../support/chassis-site.ts";
import type { TestStack } from "../support/site.ts";
import { measure } from "./benchmark.ts";
import { previewed } from "./previewed.ts";
import { type ProcessUse, providerPeak } from "./process-use.ts";
import type { ChassisReport, ChassisSize, Previewed } from "./report.ts";

const TIME_SCALE = 400;
const USER = "operator";
/** Runs of `pulumi up` until all are upgraded. */
const RUNS = 3;

/** @param line told what is begun, and what it came to. */
export async function benchChassis(quick: boolean, line: (text: string) => void): Promise<ChassisReport> {
  const count = quick ? 3 : 30;
  const atOnce = quick ? 2 : 10;
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), "issu-bench-chassis-"));
  const clusters: ChassisCluster[] = [];
  try {
    const password = randomBytes(12).toString("base64url");
    // One more than are declared together: it is upgraded alone.
    while (clusters.length < count + 1)
      clusters.push(
        await startChassisCluster({
          name: `edge-${clusters.length}`,
          timeScale: TIME_SCALE,
          release: RELEASES.old,
          users: [{ name: USER, password }],
        }),
      );
    const sizes = {
      alone: await openSize("alone", clusters.slice(0, 1), dir, password, atOnce, line),
      together: await openSize("together", clusters.slice(1), dir, password, atOnce, line),
    };
    for (const size of Object.values(sizes)) await size.declare(RELEASES.old);
    line(`${count} clusters and one alone are declared`);
    const content = buildImage({ release: RELEASES.new });
    for (const { model } of clusters)
      model.node(0).files.write(`/var/tmp/${imageName(RELEASES.new)}`, content);
    const previews = await inTurns(sizes, "upgrade", RELEASES.new, quick, line);
    const one = await sizes.alone.upgrade();
    line(`one upgraded in ${one.seconds.toFixed(0)} s`);
    const all = await sizes.together.upgrade();
    line(`${all.upgraded} upgraded in ${all.seconds.toFixed(0)} s`);
    const unchanged = await inTurns(sizes, "no-change", RELEASES.new, quick, line);
    const sizeOf = (which: keyof typeof sizes, clustersIn: number, up: Upgraded): ChassisSize => ({
      clusters: clustersIn,
      preview: previews[which],
      unchanged: unchanged[which],
      up,
    });
    return {
      atOnce,
      timeScale: TIME_SCALE,
      alone: sizeOf("alone", 1, one),
      together: sizeOf("together", count, all),
    };
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.close()));
    await fs.rm(dir, { recursive: true, force: true });
  }
}

type Upgraded = ChassisSize["up"];

interface Size {
  readonly stack: TestStack;
  /** Has the program declare a release; the first time it is what runs already. */
  declare(release: string): Promise<void>;
  want(release: string): Promise<unknown>;
  upgrade(): Promise<Upgraded>;
}

async function openSize(
  name: string,
  clusters: readonly ChassisCluster[],
  dir: string,
  password: string,
  atOnce: number,
  line: (text: string) => void,
): Promise<Size> {
  const { stack } = await openChassisStack(name, dir);
  await stack.stack.setSecret("password", password);
  await stack.stack.setConfig({ atOnce });
  const args = (release: string) =>
    Object.fromEntries(
      clusters.map((cluster) => [
        cluster.model.shape.name,
        chassisArgs(cluster, dir, release, { access: { user: USER } }),
      ]),
    );
  return {
    stack,
    want: (release) => stack.stack.setJson("args", args(release)),
    async declare(release) {
      await stack.stack.setJson("args", args(release));
      await measure(stack.stack, "up");
    },
    async upgrade() {
      let seconds = 0;
      const uses: ProcessUse[] = [];
      for (let runs = 1; ; runs++) {
        const began = performance.now();
        try {
          uses.push(...(await measure(stack.stack, "up")).uses);
          seconds += (performance.now() - began) / 1000;
          const isUpgraded = ({ model }: ChassisCluster) =>
            model.nodes.every(({ release }) => release === RELEASES.new);
          return {
            seconds,
            runs,
            upgraded: clusters.filter(isUpgraded).length,
            upgradesAtOnce: mostAtOnce(clusters),
            providerMb: providerPeak(uses) ?? null,
          };
        } catch (error) {
          // On a machine that stalls a campaign may lose its lease. The next run goes on from there, as an operator's would.
          const { message } = error as Error;
          if (runs === RUNS || !/lease of .* is no longer ours/.test(message)) throw error;
          seconds += (performance.now() - began) / 1000;
          line(`${name}: a lease was lost; run again`);
        }
      }
    },
  };
}

/** Most upgrades that were under way at a time, by the devices' own logs. */
function mostAtOnce(clusters: readonly ChassisCluster[]): number {
  const changes = clusters.flatMap((cluster) =>
    cluster.events().flatMap(({ type, at }) => {
      if (type === "issu-started") return [{ at: Date.parse(at), by: 1 }];
      return /^issu-(?:complete|failed|aborted)$/.test(type) ? [{ at: Date.parse(at), by: -1 }] : [];
    }),
  );
  let now = 0;
  let most = 0;
  for (const { by } of changes.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}

/** In turns, so that what else happens on the machine meets both. */
async function inTurns<K extends string>(
  sizes: Readonly<Record<K, Size>>,
  what: string,
  release: string,
  quick: boolean,
  line: (text: string) => void,
): Promise<Record<K, Previewed>> {
  const runs = new Map<string, Awaited<ReturnType<typeof measure>>[]>();
  const names = Object.keys(sizes) as K[];
  for (const name of names) await sizes[name].want(release);
  for (let turn = 0; turn < (quick ? 1 : 3); turn++)
    for (const name of names) {
      const run = await measure(sizes[name].stack.stack, "preview");
      runs.set(name, [...(runs.get(name) ?? []), run]);
      line(`${what} preview, ${name}: ${run.seconds.toFixed(1)} s`);
    }
  return Object.fromEntries(names.map((name) => [name, previewed(runs.get(name) ?? [])])) as Record<
    K,
    Previewed
  >;
}
