/**
 * The plan rule of CaaS clusters: from live nodes, pods and budgets, the release wanted and the policy to waves of nodes, and the
 * way back (TEF-5..9, ESC-06..12). Pure: the time is part of the inventory.
 *
 * @module
 */
import * as semver from "semver";
import type { CaasInventory, MachineState } from "../contract/caas-inventory";
import { caasRelease } from "../policy/caas";
import type { CaasSpec } from "../policy/caas-spec";
import { caasStages, MEMBERS, MEMBERS_LAST, poolStage } from "../policy/caas-stages";
import { formatAt, windowAt } from "../policy/caas-window";
import type { AnyGate } from "../policy/gate-policy";
import type { Problem } from "../policy/problem";
import type { ResolvedPolicy } from "../policy/upgrade-policy";
import { type CaasCheck, caasProblems, caasWarnings } from "./caas-checks";
import type { Blocker } from "./caas-drain";
import {
  addressesOf,
  hopsTo,
  isDown,
  type MemberWay,
  memberSteps,
  membersAt,
  waveCount,
} from "./caas-members";
import { formerVersion, isDone, lastWave, type PoolSituation, situationOf } from "./caas-nodes";
import { caasWayBack } from "./caas-recover";
import { Room } from "./caas-room";
import { CaasSteps, type WaveLabel } from "./caas-steps";
import { type PoolWaves, wavesOf } from "./caas-waves";
import type { InCampaign, Intent, Json, PlanRule, ReleaseRef, StagePlan, Step } from "./plan";

export interface CaasPlanSpec {
  readonly caas: CaasSpec;
  readonly policy: ResolvedPolicy;
}

export const caasRule: PlanRule<CaasPlanSpec, CaasInventory> = {
  stages: ({ caas }) => caasStages(caas),

  plan({ caas, policy }, inventory, inCampaign) {
    const to: ReleaseRef = { version: caas.version, release: caas.release };
    const pools = caas.pools.map((pool) => situationOf(inventory, pool, caas.version));
    const from = fromOf(caas, inventory, inCampaign);
    const base = { from, to, ...(caas.controlPlane ? { before: { path: caas.path } } : {}) };
    const stages = (of: (name: string) => StageDraft) => chain(caas, policy, of);

    if (inCampaign && inCampaign.to.version !== caas.version && inCampaign.from?.version !== caas.version) {
      const back = inCampaign.from ? `, or set the version back to ${inCampaign.from.version} first` : "";
      const message = `A campaign to ${inCampaign.to.version} is open, and ${caas.version} is asked for. Expected its goal or what it started from. Finish it with ${inCampaign.to.version}${back}.`;
      return {
        ...base,
        intent: "upgrade",
        stages: stages(() => ({ skipped: "another campaign is open" })),
        warnings: [],
        problems: [{ path: "version", message }],
      };
    }
    if (inCampaign && inCampaign.to.version !== caas.version) {
      const steps = caasWayBack(caas, inventory, caas.version, pathOf(inCampaign.before));
      return {
        ...base,
        intent: "return",
        stages: stages((name) =>
          name === "preflight" && steps.length > 0
            ? { steps }
            : { skipped: steps.length > 0 ? `returning to ${caas.version}` : "already as wanted" },
        ),
        warnings: [],
        problems: [],
      };
    }
    const down = isDown(caas, inventory, from.version);
    const members = caas.controlPlane && membersAt(caas.controlPlane, inventory, caas.version, down);
    const all = [...(members ? [members] : []), ...pools];
    const done = all.every(
      ({ all, surged }) => surged.length === 0 && all.every((one) => isDone(one, caas.version)),
    );
    const marked = inventory.nodes.some(({ marks }) => Object.keys(marks).length > 0);
    if (done && !inCampaign && !marked && all.every(({ all }) => all.length > 0)) {
      return {
        ...base,
        intent: "none",
        stages: stages(() => ({ skipped: "already as wanted" })),
        warnings: [],
        problems: [],
      };
    }
    const way = wayThere(caas, inventory, pools, down);
    const check: CaasCheck = {
      caas,
      inventory,
      pools: all,
      blockers: [...(members ? [way.members.flatMap(({ waves }) => waves.blockers)] : []), ...way.blockers],
      unreplaced: [...(members ? [[]] : []), ...way.pools.map(({ waves }) => waves.unreplaced)],
      from: from.version,
      down,
    };
    const problems = caasProblems(check);
    const warnings = [...caasWarnings(check), ...way.warnings];
    const closed = inCampaign ? closedUntil(caas, inventory) : undefined;
    const chained = stages((name) => stageOf(name, { caas, policy, inventory, way, closed }));
    const plan = {
      ...base,
      intent: directionOf(from.version, caas.version),
      stages: closed === undefined ? chained : rested(chained, way, closed),
    };
    // Underway, the way out is to go on or to go back; what would have kept it from starting is told, not forbidden.
    return inCampaign
      ? { ...plan, warnings: [...warnings, ...problems.map(say)], problems: [] }
      : { ...plan, warnings, problems };
  },

  recover({ caas }, inventory, from, _surge, before) {
    const home = from?.version ?? formerVersion(caas, inventory);
    return home === undefined ? [] : caasWayBack(caas, inventory, home, pathOf(before));
  },
};

/** Releases over which the control plane went when the campaign was opened. */
const pathOf = (before: Json | undefined): readonly string[] =>
  (before as { readonly path?: readonly string[] } | undefined)?.path ?? [];

const say = ({ path, message }: Problem): string => (path ? `${path}: ${message}` : message);

function fromOf(caas: CaasSpec, inventory: CaasInventory, inCampaign: InCampaign | undefined): ReleaseRef {
  if (inCampaign?.from) return inCampaign.from;
  const version = formerVersion(caas, inventory) ?? caas.version;
  return { version, release: caasRelease(version, caas.images) };
}

const directionOf = (from: string, to: string): Intent =>
  semver.valid(from) !== null && semver.lt(to, from) ? "downgrade" : from === to ? "adjust" : "upgrade";

interface StageDraft {
  readonly steps?: readonly Step[];
  readonly skipped?: string;
  readonly gates?: readonly AnyGate[];
}

interface PoolWay {
  readonly situation: PoolSituation;
  readonly waves: PoolWaves;
}

interface Way {
  readonly members: readonly MemberWay[];
  /** To an earlier release. */
  readonly down: boolean;
  readonly pools: readonly PoolWay[];
  readonly blockers: readonly (readonly Blocker[])[];
  readonly warnings: readonly string[];
}

/** Control plane and pools on the same paper, one after the other. */
function wayThere(
  caas: CaasSpec,
  inventory: CaasInventory,
  situations: readonly PoolSituation[],
  down: boolean,
): Way {
  const room = new Room(inventory);
  const opened = ({ finishing }: PoolSituation) => {
    for (const { name, marks } of finishing) {
      const node = room.nodes.get(name);
      if (node && marks.cordoned) room.open(node, true);
    }
  };
  const membersWay = () =>
    hopsTo(caas, inventory).flatMap((version): MemberWay[] => {
      if (!caas.controlPlane) return [];
      const situation = membersAt(caas.controlPlane, inventory, version, down);
      opened(situation);
      return [{ version, situation, waves: wavesOf(room, situation, caas.drain) }];
    });
  const first = down ? [] : membersWay();
  // A pool after another has the machines that this one leaves.
  let free: readonly MachineState[] = situations.flatMap(({ spares }) => spares);
  const pools = situations.map((situation): PoolWay => {
    opened(situation);
    const own = free.filter(({ assetTag }) => assetTag === situation.pool.spares);
    const spares = [...new Map(own.map((machine) => [machine.id, machine])).values()];
    const waves = wavesOf(room, { ...situation, spares }, caas.drain);
    free = [...free.filter((one) => !own.includes(one)), ...waves.free];
    return { situation, waves };
  });
  const members = down ? membersWay() : first;
  const waiting = [...members, ...pools].flatMap(({ waves }) => waves.waves.flatMap((wave) => wave.waiting));
  return {
    members,
    down,
    pools,
    blockers: pools.map(({ waves }) => waves.blockers),
    warnings:
      waiting.length === 0
        ? []
        : [
            `${waiting.slice(0, 5).join(", ")}${waiting.length > 5 ? ` and ${waiting.length - 5} more pods` : ""} find no other node and wait for theirs to be back; their budgets can spare them`,
          ],
  };
}

interface StageArgs {
  readonly caas: CaasSpec;
  readonly policy: ResolvedPolicy;
  readonly inventory: CaasInventory;
  readonly way: Way;
  /** Outside the window: only what is in hand is finished. */
  readonly closed: string | undefined;
}

function stageOf(name: string, { caas, policy, inventory, way, closed }: StageArgs): StageDraft {
  const steps = new CaasSteps(caas, caas.version);
  if (name === "preflight") return {};
  if (name === "snapshot") {
    // It is of what was before: underway there is no such thing any more.
    if (lastWave(inventory) > 0) return { skipped: "taken when the campaign began" };
    steps.snapshot(policy.snapshot.store, policy.snapshot.withinMs, caas.controlPlane?.saved === true);
    return { steps: steps.take() };
  }
  if (name === "finalize") {
    steps.settle();
    return { steps: steps.take() };
  }
  const poolWaves = way.pools.reduce((sum, { waves }) => sum + waves.waves.length, 0);
  if (name === MEMBERS || name === MEMBERS_LAST) {
    if ((name === MEMBERS_LAST) !== way.down)
      return {
        skipped: `to ${way.down ? "an earlier" : "a later"} release the control plane goes ${way.down ? "last" : "first"}`,
      };
    const before = lastWave(inventory) + (way.down ? poolWaves : 0);
    memberSteps(steps, way.members, addressesOf(inventory), before, closed !== undefined);
    const drafted = steps.take();
    return drafted.length > 0
      ? { steps: drafted, gates: policy.gates }
      : { skipped: closed ?? "all members are as wanted" };
  }
  const index = way.pools.findIndex(({ situation }) => poolStage(situation.pool.name) === name);
  const own = way.pools[index];
  if (!own) return { skipped: "no such pool" };
  const before =
    way.pools.slice(0, index).reduce((sum, { waves }) => sum + waves.waves.length, 0) +
    (way.down ? 0 : waveCount(way.members));
  poolSteps(steps, own, lastWave(inventory) + before, closed !== undefined, caas.version);
  const drafted = steps.take();
  return drafted.length > 0
    ? { steps: drafted, gates: policy.gates }
    : { skipped: closed ?? "all of its nodes are as wanted" };
}

/** @param onlyInHand what was begun is finished, and nothing else begins. */
function poolSteps(
  steps: CaasSteps,
  { situation, waves: { surge, waves, leaving } }: PoolWay,
  firstWave: number,
  onlyInHand: boolean,
  wanted: string,
): void {
  const { pool, finishing, nodes, all } = situation;
  const inHand = new Set(nodes.filter(({ marks }) => marks.cordoned).map(({ name }) => name));
  const label = (number: number, text: string): WaveLabel => ({ number, text });
  if (finishing.length > 0) {
    const names = finishing.map(({ name }) => name);
    const wave = label(firstWave, "wave in hand");
    steps.verify(names, wave, pool.soakMs);
    steps.uncordon(names, wave);
  }
  const blueGreen = pool.strategy === "blue-green";
  if (!onlyInHand && surge.length > 0) {
    // With a number of its own for each pool: the way back takes together what has the same.
    const at = blueGreen ? label(firstWave + 1, "new pool") : label(firstWave, "surge");
    steps.join(surge, blueGreen ? "replacement" : "surge", at, pool.name);
    const joined = surge.map(({ node }) => node);
    if (blueGreen) steps.verify(joined, at, 0);
  }
  for (const [i, wave] of waves.entries()) {
    const names = [...wave.nodes];
    if (onlyInHand && !names.some((name) => inHand.has(name))) continue;
    const number = firstWave + i + 1;
    const at = label(number, `wave ${i + 1}/${waves.length}`);
    if (blueGreen) {
      steps.join(wave.joins, "replacement", at, pool.name);
      steps.cordon(names, at, !names.some((name) => inHand.has(name)));
      steps.drain(wave, at);
      continue;
    }
    if (pool.strategy === "surge-and-replace") {
      steps.join(wave.joins, "replacement", at, pool.name);
      if (wave.joins.length > 0)
        steps.verify(
          wave.joins.map(({ node }) => node),
          at,
          pool.soakMs,
        );
      steps.cordon(names, at, !names.some((name) => inHand.has(name)));
      steps.drain(wave, at);
      steps.leave(names, at);
      continue;
    }
    steps.cordon(names, at, !names.some((name) => inHand.has(name)));
    steps.drain(wave, at);
    steps.boot(names, at, false);
    steps.verify(names, at, pool.soakMs);
    steps.uncordon(names, at);
  }
  if (blueGreen && nodes.length > 0 && !onlyInHand) {
    const at = label(firstWave + waves.length, "old pool");
    const stay = all.filter(({ version, ready, marks }) => ready && version === wanted && !marks.cordoned);
    steps.verify([...stay.map(({ name }) => name), ...surge.map(({ node }) => node)], at, pool.soakMs);
    steps.leave(
      nodes.map(({ name }) => name),
      at,
    );
  }
  if (leaving && !onlyInHand) {
    const at = label(firstWave + waves.length, "surge");
    steps.cordon([...leaving.nodes], at, false);
    steps.drain(leaving, at);
    steps.leave([...leaving.nodes], at);
  }
}

/** @returns why nothing may begin now; undefined if the window is open. */
function closedUntil({ window }: CaasSpec, { now }: CaasInventory): string | undefined {
  if (!window || window.consent !== undefined) return undefined;
  const { open, until } = windowAt(window, now);
  return open ? undefined : `outside the maintenance window, which opens ${formatAt(until, window.timeZone)}`;
}

/** The campaign rests; a stage with something in hand finishes that first. */
function rested(stages: readonly StagePlan[], way: Way, why: string): StagePlan[] {
  const busy = stages.findIndex(
    ({ name, steps }) =>
      steps.length > 0 &&
      ([MEMBERS, MEMBERS_LAST].includes(name) ||
        way.pools.some(({ situation }) => poolStage(situation.pool.name) === name)),
  );
  return stages.map((stage, i): StagePlan => {
    if (i < busy) return stage;
    if (i === busy) return { ...stage, holds: true };
    return {
      name: stage.name,
      skipped: why,
      heldBack: true,
      steps: [],
      soakMs: 0,
      gates: [],
      gateLimitMs: 0,
      expectedMs: 0,
    };
  });
}

function chain(caas: CaasSpec, policy: ResolvedPolicy, of: (name: string) => StageDraft): StagePlan[] {
  return caasStages(caas).map((name): StagePlan => {
    const { steps = [], skipped, gates = [] } = of(name);
    return {
      name,
      ...(skipped === undefined ? {} : { skipped }),
      steps,
      soakMs: 0,
      gates,
      // Nothing of the old release serves beside the new one.
      ...(gates.length > 0 ? { alone: true } : {}),
      gateLimitMs: gates.length > 0 ? policy.limits.gateMs : 0,
      expectedMs: steps.reduce((sum, step) => sum + step.expectedMs, 0),
      ...(policy.limits.stageMs === undefined || steps.length === 0
        ? {}
        : { limitMs: policy.limits.stageMs }),
    };
  });
}
