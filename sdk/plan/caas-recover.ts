/**
 * The way back: wave by wave in reverse (ESC-18), from wherever the nodes are. Nodes that were only cordoned are opened first, so
 * that there is room, and surge nodes that left join again; then the last wave goes back, and the one before it, and the members
 * of the control plane after all of them. A wave whose nodes would be in each other's way goes back in parts. Pure.
 *
 * @module
 */
import * as semver from "semver";
import type { CaasInventory, NodeState } from "../contract/caas-inventory";
import type { CaasSpec } from "../policy/caas-spec";
import { drainOnPaper } from "./caas-drain";
import { membersBack } from "./caas-members";
import { nodesOf, situationOf, sparesOf } from "./caas-nodes";
import { Room } from "./caas-room";
import { CaasSteps, type WaveLabel } from "./caas-steps";
import { joinOnPaper, type Wave } from "./caas-waves";
import type { Step } from "./plan";

/**
 * @param home version that the nodes had before.
 * @param path releases over which the control plane came.
 */
export function caasWayBack(
  caas: CaasSpec,
  inventory: CaasInventory,
  home: string,
  path: readonly string[],
): readonly Step[] {
  const steps = new CaasSteps(caas, home);
  const nodes = caas.pools.flatMap((pool) => nodesOf(inventory, pool));
  const members = caas.controlPlane ? nodesOf(inventory, caas.controlPlane) : [];
  const marked = nodes.filter(({ marks }) => Object.keys(marks).length > 0);
  const markedMembers = members.filter(({ marks }) => Object.keys(marks).length > 0);
  if (marked.length + markedMembers.length === 0) return [];
  const back = () => membersBack(steps, caas, inventory, home, path, (name) => drainOf([name], inventory));
  // To a later release the API servers go first, to an earlier one last: no kubelet may be newer.
  const up = markedMembers.some(({ version }) => semver.valid(version) && semver.lt(version, home));
  // Machines come free as the waves go back: one that replaced a node may have been replaced before.
  const free = new Map(inventory.spares.map(({ name, id }) => [name, id]));
  const isHome = ({ version, marks }: NodeState) => version === (marks.former ?? home);
  const room = [...marked, ...markedMembers].filter(
    (node) =>
      node.ready &&
      node.marks.cordoned === true &&
      (node.marks.joined === "surge" || (isHome(node) && node.marks.joined === undefined)),
  );
  if (room.length > 0) steps.uncordon(namesOf(room), { number: 0, text: "back" });
  const paper = new Room(inventory);
  const reopen = (names: readonly string[]) => {
    for (const name of names) {
      const node = paper.nodes.get(name);
      if (node) paper.open(node, true);
    }
    for (const pod of paper.pending) paper.place(pod);
  };
  reopen(namesOf(room));
  if (up) back();
  const changed = marked.filter((node) => !isHome(node) || !node.ready);
  const surged = namesOf(marked.filter(({ marks }) => marks.joined === "surge"));
  if (changed.some(({ marks }) => marks.joined !== "surge"))
    surged.push(...surgeAgain(steps, caas, inventory, changed, paper));
  const waves = new Map<number, NodeState[]>();
  for (const node of changed) {
    if (node.marks.joined === "surge") continue;
    const number = node.marks.wave ?? 0;
    waves.set(number, [...(waves.get(number) ?? []), node]);
  }
  for (const [number, all] of [...waves].sort(([a], [b]) => b - a)) {
    const wave: WaveLabel = { number, text: number > 0 ? `back, wave ${number}` : "back" };
    const replacements = all.filter(({ marks }) => marks.joined === "replacement");
    backToOldMachines(steps, caas, inventory, replacements, wave, free);
    const own = all.filter(({ marks }) => marks.joined === undefined && marks.former !== undefined);
    for (let left = own; left.length > 0; ) {
      const part = drainable(paper, left, caas);
      left = left.filter((node) => !part.includes(node));
      steps.cordon(namesOf(part), wave, false);
      steps.drain(drainOf(namesOf(part), inventory), wave);
      for (const former of new Set(part.map(({ marks }) => marks.former as string))) {
        const names = namesOf(part.filter(({ marks }) => marks.former === former));
        steps.boot(names, wave, true, former);
        steps.verify(names, wave, 0, former);
      }
      steps.uncordon(namesOf(part), wave);
      reopen(namesOf(part));
    }
  }
  if (surged.length > 0) {
    const wave = { number: 0, text: "back, surge" };
    steps.cordon(surged, wave, false);
    steps.drain(drainOf(surged, inventory), wave);
    steps.leave(surged, wave);
  }
  if (!up) back();
  steps.settle();
  return steps.take();
}

/** As many of the nodes as can be drained at once; one, even if it can't: the way back is taken whatever it meets. */
function drainable(paper: Room, nodes: readonly NodeState[], { drain }: CaasSpec): readonly NodeState[] {
  for (let going = nodes; ; ) {
    const { works, blockers } = paper.attempt(() => drainOnPaper(paper, namesOf(going), drain));
    if (works || going.length === 1) return going;
    const free = going.filter(({ name }) => !blockers.some(({ node }) => node === name));
    going = free.length > 0 ? free : going.slice(0, Math.ceil(going.length / 2));
  }
}

/**
 * Surge nodes that have left already are needed once more: a wave goes back as large as it came. They boot what is on their disks.
 *
 * @returns their names.
 */
function surgeAgain(
  steps: CaasSteps,
  caas: CaasSpec,
  inventory: CaasInventory,
  changed: readonly NodeState[],
  paper: Room,
): string[] {
  return caas.pools.flatMap((pool) => {
    const nodes = nodesOf(inventory, pool);
    if (pool.strategy !== "in-place" || !nodes.some((node) => changed.includes(node))) return [];
    const missing = pool.surge - nodes.filter(({ marks }) => marks.joined === "surge").length;
    const machines = sparesOf(inventory, pool).slice(0, Math.max(0, missing));
    const joining = machines.map(({ id, name }) => ({ machine: id, node: name }));
    steps.join(joining, "surge", { number: 0, text: "back, surge" }, pool.name, caas.version);
    for (const { node } of joining) joinOnPaper(paper, node, situationOf(inventory, pool, caas.version));
    return joining.map(({ node }) => node);
  });
}

/** The old machines join again with what is on their disks, then the new ones leave. */
function backToOldMachines(
  steps: CaasSteps,
  caas: CaasSpec,
  inventory: CaasInventory,
  replacements: readonly NodeState[],
  wave: WaveLabel,
  free: Map<string, string>,
): void {
  if (replacements.length === 0) return;
  const machines = replacements.flatMap(({ name, marks: { replaces = "" } }) => {
    const machine = free.get(replaces);
    free.delete(replaces);
    return machine === undefined ? [] : [{ machine, node: replaces, replaces: name }];
  });
  const pool = caas.pools.find((one) => nodesOf(inventory, one).includes(replacements[0] as NodeState));
  steps.join(machines, "replacement", wave, pool?.name ?? "");
  const names = namesOf(replacements);
  steps.cordon(names, wave, false);
  steps.drain(drainOf(names, inventory), wave);
  steps.leave(names, wave);
  for (const { name, machine } of replacements) if (machine) free.set(name, machine.id);
}

const namesOf = (nodes: readonly NodeState[]): string[] => nodes.map(({ name }) => name);

/** What it met on paper does not keep it: evictions keep the budgets. */
function drainOf(nodes: readonly string[], { pods }: CaasInventory): Wave {
  const there = pods.filter(({ node, leaving }) => !leaving && node !== undefined && nodes.includes(node));
  const cnfs = [...new Set(there.flatMap(({ cnf }) => cnf ?? []))].sort();
  return {
    nodes,
    joins: [],
    drained: { pods: there.length, rounds: Math.max(1, there.length / 8), cnfs },
    waiting: [],
  };
}
