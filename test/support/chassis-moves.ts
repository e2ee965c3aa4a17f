/**
 * What the moves of an upgrade lose, each alone on a cluster of the same kind, beside what the upgrade lost: the sum is what it may
 * lose.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { TrafficOptions, WindowReport } from "../../lab/chassis/forwarding/traffic.ts";
import {
  type ChassisCluster,
  type ChassisEvent,
  type ChassisOptions,
  type NodeId,
  startChassisCluster,
} from "../../lab/chassis/index.ts";
import { ask } from "./chassis-client.ts";
import { until } from "./until.ts";

/**
 * A time scale at which an upgrade takes some seconds, with the spells in which nothing passes left as long as a probe of 2,000
 * packets a second can tell apart: a card is dark for 50 ms of this machine's time, a group takes 20 ms to move.
 */
export const MEASURABLE: Pick<ChassisOptions, "timeScale" | "durations"> = {
  timeScale: 600,
  durations: { fpcDark: 30, failoverInterruption: 12 },
};

const FLOWS = 20;
/** Packets a second of all flows, tried in this order until a quiet spell loses none. */
const RATES = [2_000, 1_000, 500];

/**
 * Starts flows at the highest rate that this machine carries without a loss of its own.
 *
 * @throws Error if it carries none of them.
 */
export async function startProbe(
  cluster: ChassisCluster,
  rates: readonly number[] = RATES,
): Promise<Required<TrafficOptions>> {
  const lost: string[] = [];
  for (const packetsPerSecond of rates) {
    const probe = { flows: FLOWS, packetsPerSecond };
    await cluster.traffic.start(probe);
    await until("a session for each flow", () =>
      cluster.model.nodes.every(({ sessions }) => sessions.size >= FLOWS),
    );
    const quiet = await measured(cluster, "quiet", () => delay(500));
    if (quiet.lost === 0 && quiet.leftOut === 0) return probe;
    lost.push(`${quiet.lost} of ${quiet.sent} at ${packetsPerSecond} a second`);
    cluster.traffic.stop();
  }
  throw new Error(`a quiet spell loses packets: ${lost.join(", ")}`);
}

export async function measured(
  { traffic }: ChassisCluster,
  name: string,
  work: () => Promise<unknown>,
): Promise<WindowReport> {
  traffic.openWindow(name);
  await work();
  // What was due in the last spell is sent by then, and something after it.
  await delay(100);
  return traffic.closeWindow(name);
}

/** @throws AssertionError with the device's words if it refuses. */
export async function order(cluster: ChassisCluster, from: NodeId, command: string): Promise<void> {
  const answer = await ask(cluster, from, command);
  assert.doesNotMatch(answer, /error/, command);
}

/** Moves groups by hand and clears their flags, waiting out whatever holds them back. */
export async function moveGroups(
  cluster: ChassisCluster,
  groups: readonly number[],
  to: NodeId,
): Promise<void> {
  const { model } = cluster;
  const held = () => groups.every((id) => model.groups[id]?.hold === undefined);
  assert.ok(await model.events.until(held, 3_600));
  for (const id of groups) {
    if (model.groups[id]?.primary === to) continue;
    await order(cluster, to, `request chassis cluster failover redundancy-group ${id} node ${to}`);
  }
  for (const id of groups) {
    if (model.groups[id]?.manual !== undefined)
      await order(cluster, to, `request chassis cluster failover reset redundancy-group ${id}`);
  }
}

export interface Moves {
  /** Packets a second at which they were measured. */
  readonly packetsPerSecond: number;
  /** Packets lost by move. */
  readonly lost: { readonly [move: string]: number };
}

/**
 * Each move of an upgrade alone, on a cluster of the default groups whose group 2 lives on node 1.
 *
 * @throws AssertionError if a flow is lost.
 */
export async function movesAlone(options: ChassisOptions = MEASURABLE): Promise<Moves> {
  const cluster = await startChassisCluster(options);
  try {
    const { packetsPerSecond } = await startProbe(cluster);
    const rows: [string, number][] = [];
    const single = async (name: string, work: () => Promise<unknown>) => {
      const { lost, flowsLost, leftOut } = await measured(cluster, name, work);
      assert.equal(flowsLost, 0, name);
      assert.equal(leftOut, 0, `${name}: this machine was away for too long to measure it`);
      rows.push([name, lost]);
    };
    await single("initial failover", () => moveGroups(cluster, [2], 0));
    for (const { slot } of cluster.model.node(0).fpcs)
      await single(`restart of FPC ${slot}`, () => cluster.restartCard(0, slot));
    await single("switchover", () => moveGroups(cluster, [0, 1, 2], 1));
    await single("restoration", () => moveGroups(cluster, [0, 1], 0));
    return { packetsPerSecond, lost: Object.fromEntries(rows) };
  } finally {
    await cluster.close();
  }
}

/**
 * Holds an upgrade to the sum of its moves. A spell that begins elsewhere in the probe's schedule cuts one packet more or less: that
 * is all that is allowed beside the sum.
 *
 * @param events what happened during the upgrade.
 * @throws AssertionError if it lost more, or a flow.
 */
export function holdToSum(upgrade: WindowReport, alone: Moves, events: readonly ChassisEvent[]): void {
  const sum = Object.values(alone.lost).reduce((total, lost) => total + lost, 0);
  const spells = events.filter(
    ({ type, group }) => type === "fpc-down" || (type === "group-moved" && group !== 0),
  ).length;
  const rows = [...Object.entries(alone.lost), ["sum of these", sum], ["upgrade", upgrade.lost]] as const;
  for (const [name, lost] of rows)
    console.log(`      ${name.padEnd(20)} ${String(lost).padStart(5)} packets`);
  console.log(
    `      of ${upgrade.sent}, ${alone.packetsPerSecond} a second; ${upgrade.flowsLost} flows lost; longest gap ${upgrade.longestGapMs} ms; ${spells} spells; drops ${JSON.stringify(upgrade.drops)}`,
  );
  assert.equal(upgrade.flowsLost, 0);
  assert.equal(upgrade.leftOut, 0, "this machine was away for too long to measure it");
  assert.equal(upgrade.drops["no-session"], undefined);
  assert.ok(
    upgrade.lost <= sum + spells,
    `${upgrade.lost} lost, the moves alone ${sum}, and ${spells} spells that may cut one more each`,
  );
}
