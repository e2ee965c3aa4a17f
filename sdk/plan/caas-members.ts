/**
 * The control plane's part of a campaign: its members one at a time and one minor at a time, the one that leads etcd last, and the
 * same in reverse on the way back (ESC-18, ESC-23). Pure.
 *
 * @module
 */
import * as semver from "semver";
import type { CaasInventory, NodeState } from "../contract/caas-inventory";
import { leads } from "../contract/control-plane";
import type { CaasSpec, ControlPlaneSpec, PoolSpec } from "../policy/caas-spec";
import { MEMBERS } from "../policy/caas-stages";
import { nodesOf, type PoolSituation, situationOf } from "./caas-nodes";
import type { CaasSteps, WaveLabel } from "./caas-steps";
import type { PoolWaves, Wave } from "./caas-waves";

export const MEMBERS_PATH = "controlPlane";

/** Members as a pool: one at a time, in place, and nothing stands in for them. */
const asPool = ({ selector, soakMs }: ControlPlaneSpec): PoolSpec => ({
  name: MEMBERS,
  selector,
  strategy: "in-place",
  surge: 0,
  spares: "",
  maxUnavailable: 1,
  batch: { count: 1 },
  soakMs,
});

/** Oldest release of a member's kubelet or API server; undefined without members. */
export function oldestMember(spec: ControlPlaneSpec, inventory: CaasInventory): string | undefined {
  const versions = [
    ...nodesOf(inventory, spec).map(({ version }) => version),
    ...inventory.members.flatMap(({ version }) => version ?? []),
  ].filter((one) => semver.valid(one) !== null);
  return versions.sort(semver.compare)[0];
}

/** Whether the way leads to an earlier release. */
export function isDown(caas: CaasSpec, inventory: CaasInventory, from: string | undefined): boolean {
  const was = from ?? (caas.controlPlane && oldestMember(caas.controlPlane, inventory));
  return was !== undefined && semver.valid(was) !== null && semver.lt(caas.version, was);
}

/** Releases that the members are taken to one after the other, the goal last. */
export function hopsTo(caas: CaasSpec, inventory: CaasInventory): readonly string[] {
  const { controlPlane, path, version } = caas;
  const oldest = controlPlane && oldestMember(controlPlane, inventory);
  if (oldest === undefined) return [];
  return [...path.filter((one) => semver.gt(one, oldest) && semver.lt(one, version)), version];
}

/** How far the members are on their way to one release; the leader is last, unless it is in hand. */
export function membersAt(
  spec: ControlPlaneSpec,
  inventory: CaasInventory,
  wanted: string,
  down: boolean,
): PoolSituation {
  const there = situationOf(inventory, asPool(spec), wanted, MEMBERS_PATH);
  const leader = inventory.members.find(leads)?.name;
  const last = ({ name, marks }: NodeState) => (name === leader && !marks.cordoned ? 1 : 0);
  const ahead = ({ version }: NodeState) =>
    semver.valid(version) !== null && (down ? semver.lt(version, wanted) : semver.gt(version, wanted));
  return {
    ...there,
    nodes: there.nodes.filter((node) => !ahead(node)).sort((a, b) => last(a) - last(b)),
  };
}

export interface MemberWay {
  /** Release of this part of the way. */
  readonly version: string;
  readonly situation: PoolSituation;
  readonly waves: PoolWaves;
}

export const waveCount = (ways: readonly MemberWay[]): number =>
  ways.reduce((sum, { waves }) => sum + waves.waves.length, 0);

export type Addresses = { readonly [name: string]: string };

export const addressesOf = ({ members }: CaasInventory): Addresses =>
  Object.fromEntries(members.map(({ name, address }) => [name, address]));

/**
 * @param firstWave number of waves before.
 * @param onlyInHand what was begun is finished, and nothing else begins.
 */
export function memberSteps(
  steps: CaasSteps,
  ways: readonly MemberWay[],
  members: Addresses,
  firstWave: number,
  onlyInHand: boolean,
): void {
  let number = firstWave;
  for (const { version, situation, waves } of ways) {
    const { pool, finishing, nodes } = situation;
    const inHand = new Set(nodes.filter(({ marks }) => marks.cordoned).map(({ name }) => name));
    for (const { name } of finishing) {
      const at: WaveLabel = { number, text: "member in hand" };
      steps.verifyMember(name, members, at, pool.soakMs, version);
      steps.uncordon([name], at);
    }
    for (const [i, wave] of waves.waves.entries()) {
      number += 1;
      const [name = ""] = wave.nodes;
      if (onlyInHand && !inHand.has(name)) continue;
      const begins = !inHand.has(name);
      const at: WaveLabel = { number, text: `member ${i + 1}/${waves.waves.length}` };
      memberOnce(steps, wave, members, at, { version, soakMs: pool.soakMs, former: false, begins });
    }
    // What comes after is another release: nothing of it is in hand.
    if (onlyInHand) return;
  }
}

interface Once {
  readonly version: string;
  readonly soakMs: number;
  readonly former: boolean;
  readonly begins: boolean;
}

function memberOnce(
  steps: CaasSteps,
  wave: Wave,
  members: Addresses,
  at: WaveLabel,
  { version, soakMs, former, begins }: Once,
): void {
  const [name = ""] = wave.nodes;
  steps.cordon([name], at, begins);
  steps.drain(wave, at);
  steps.stepDown(name, members, at, former, version);
  steps.bootMember(name, members, at, former, version);
  steps.verifyMember(name, members, at, soakMs, version, former);
  steps.uncordon([name], at);
}

/**
 * The way back of the members: those that are not well first, then in reverse.
 *
 * @param path releases on the way there.
 * @param drainOf the wave that empties a node.
 */
export function membersBack(
  steps: CaasSteps,
  caas: CaasSpec,
  inventory: CaasInventory,
  home: string,
  path: readonly string[],
  drainOf: (name: string) => Wave,
): void {
  if (!caas.controlPlane) return;
  const members = addressesOf(inventory);
  const nodes = nodesOf(inventory, caas.controlPlane).filter(({ marks }) => Object.keys(marks).length > 0);
  const order = [...nodes].sort(
    (a, b) => Number(a.ready) - Number(b.ready) || (b.marks.wave ?? 0) - (a.marks.wave ?? 0),
  );
  const at = new Map(order.map(({ name, version }) => [name, version]));
  const homeOf = ({ marks }: NodeState) => marks.former ?? home;
  const ready = new Map(order.map((node) => [node.name, node.ready]));
  for (const hop of hopsBack(order, home, path)) {
    for (const node of order) {
      const { name } = node;
      const is = at.get(name) ?? "";
      const goal = homeOf(node);
      // A former release of its own is no further away than the others'.
      const version = hop === home ? goal : hop;
      const between = isBetween(is, version, goal);
      if (ready.get(name) && !between) continue;
      const label: WaveLabel = { number: node.marks.wave ?? 0, text: `back, member ${name}` };
      memberOnce(steps, drainOf(name), members, label, { version, soakMs: 0, former: true, begins: false });
      at.set(name, version);
      ready.set(name, true);
    }
  }
}

/** Whether `stop` is on the way from `is` to `goal`, and not where it is. */
function isBetween(is: string, stop: string, goal: string): boolean {
  if (is === stop) return false;
  if (semver.valid(is) === null || semver.valid(stop) === null || semver.valid(goal) === null)
    return stop === goal;
  return semver.lt(goal, is)
    ? semver.lt(stop, is) && semver.gte(stop, goal)
    : semver.gt(stop, is) && semver.lte(stop, goal);
}

/** Releases of the way back: those of the way there in reverse, home last. */
function hopsBack(nodes: readonly NodeState[], home: string, path: readonly string[]): readonly string[] {
  const versions = nodes.map(({ version }) => version).filter((one) => semver.valid(one) !== null);
  const down = versions.some((one) => semver.gt(one, home));
  const between = path.filter((one) => (down ? semver.gt(one, home) : semver.lt(one, home)));
  return [...between.sort(down ? semver.rcompare : semver.compare), home];
}
