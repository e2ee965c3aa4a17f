/**
 * The waves in which the nodes of a pool are upgraded, tried on paper one after the other: what an earlier wave used up is
 * missing in a later one (ESC-07, ESC-08). Pure.
 *
 * @module
 */
import type { MachineState, NodeState } from "../contract/caas-inventory";
import type { DrainSpec, PoolSpec } from "../policy/caas-spec";
import { type Blocker, type Drained, drainOnPaper } from "./caas-drain";
import type { Room, RoomPod } from "./caas-room";

/** A machine that becomes a node. */
export interface Joining {
  readonly machine: string;
  /** Its node's name. */
  readonly node: string;
  /** Node that it takes the place of, with surge-and-replace. */
  readonly replaces?: string;
}

export interface Wave {
  readonly nodes: readonly string[];
  /** Machines that join before the nodes are drained. */
  readonly joins: readonly Joining[];
  readonly drained: Pick<Drained, "pods" | "rounds" | "cnfs">;
  /** Pods that wait for a node to be back; their budgets can spare them. */
  readonly waiting: readonly string[];
}

export interface PoolWaves {
  /** Spare machines that join at the beginning, and leave at the end; to stay, with blue-green. */
  readonly surge: readonly Joining[];
  readonly waves: readonly Wave[];
  /** The surge nodes, which leave at the end. */
  readonly leaving?: Wave;
  /** Machines that nobody uses any more once all this is done, for the pools after it. */
  readonly free: readonly MachineState[];
  /** Nodes that no machine is left to take the place of. */
  readonly unreplaced: readonly string[];
  readonly blockers: readonly Blocker[];
}

export interface PoolState {
  readonly pool: PoolSpec;
  /** Its nodes that are to be upgraded; those in hand already first. */
  readonly nodes: readonly NodeState[];
  /** Nodes that joined for the campaign, and leave at its end. */
  readonly surged: readonly NodeState[];
  /** By node that goes: the node that joined in its place already. */
  readonly replaced: ReadonlyMap<string, string>;
  /** Spare machines of the pool that can be used. */
  readonly spares: readonly MachineState[];
  /** A node of the pool, as which new ones are taken to be. */
  readonly example: NodeState | undefined;
}

export function wavesOf(room: Room, given: PoolState, drain: DrainSpec): PoolWaves {
  const { pool, surged } = given;
  const blueGreen = pool.strategy === "blue-green";
  const green = blueGreen ? joinsFor(given.nodes, given, given.spares) : [];
  const state: PoolState = {
    ...given,
    spares: given.spares.slice(green.length),
    replaced: new Map([
      ...given.replaced,
      ...green.map(({ node, replaces = "" }) => [replaces, node] as const),
    ]),
  };
  for (const { node, replaces } of green) joinOnPaper(room, node, state, replaces);
  const inPlace = pool.strategy === "in-place";
  const spares = [...state.spares];
  const surge: Joining[] = [...green];
  if (inPlace && state.nodes.length > 0) {
    for (const machine of spares.splice(0, Math.max(0, pool.surge - surged.length))) {
      surge.push({ machine: machine.id, node: machine.name });
      joinOnPaper(room, machine.name, state);
    }
  }
  const size = waveSize(state, surge.length);
  const waves: Wave[] = [];
  const waiting = new Set<RoomPod>(room.pending);
  for (const pod of waiting) if (room.place(pod)) waiting.delete(pod);
  let blockers: Blocker[] = [];
  let left = [...state.nodes];
  // A node that was blocked is tried again, as long as others may have made room for it.
  for (let progress = true; progress && left.length > 0; ) {
    blockers = [];
    const blocked: NodeState[] = [];
    for (const group of groupsOf(left, pool)) {
      for (let queue = group; queue.length > 0; ) {
        const nodes = queue.slice(0, size);
        const wave = tryWave(room, nodes, state, drain, spares);
        queue = [...wave.later, ...queue.slice(size)];
        blocked.push(...wave.blocked);
        blockers.push(...wave.blockers);
        if (!wave.done) continue;
        waves.push(wave.done);
        for (const pod of wave.waiting) waiting.add(pod);
        for (const pod of waiting) if (pod.node || room.place(pod)) waiting.delete(pod);
      }
    }
    progress = blocked.length < left.length;
    left = blocked;
  }
  // Named as blockers; should the campaign go on all the same, each is tried for itself.
  for (const node of left) {
    const { name } = node;
    if (waves.some(({ nodes }) => nodes.includes(name))) continue;
    const joins = inPlace ? [] : joinsFor([node], state, spares);
    spares.splice(0, joins.length);
    // The step that needs a machine says that there is none, and the node is not taken away.
    if (isAlone(node, state, joins)) joins.push({ machine: "", node: name, replaces: name });
    else if (pool.strategy === "surge-and-replace" && node.machine) spares.push(node.machine);
    waves.push({ nodes: [name], joins, drained: { pods: 0, rounds: 1, cnfs: [] }, waiting: [] });
  }
  const names = inPlace ? [...surged.map(({ name }) => name), ...surge.map(({ node }) => node)] : [];
  const leaving = names.length > 0 ? leave(room, names, drain) : undefined;
  // One that had no node before the campaign is not its doing.
  const homeless = [...waiting].filter(({ state: { node } }) => node !== undefined);
  const last = [...(leaving?.blockers ?? []), ...homeless.map((pod) => stuck(room, pod))];
  return {
    surge,
    waves,
    ...(leaving ? { leaving: leaving.wave } : {}),
    free: [
      ...(inPlace ? state.spares : spares),
      ...(blueGreen ? given.nodes.flatMap(({ machine }) => machine ?? []) : []),
    ],
    unreplaced: waves.flatMap(({ joins }) =>
      joins.flatMap(({ machine, node }) => (machine === "" ? [node] : [])),
    ),
    // What could not be tried to its end says nothing of the end.
    blockers: blockers.length > 0 ? blockers : last,
  };
}

/** Nodes that may be away at once. */
function waveSize({ pool, nodes, surged, spares }: PoolState, joined: number): number {
  const inPlace = pool.strategy === "in-place";
  const standIns = inPlace ? surged.length + joined : Math.min(pool.surge, spares.length);
  const most =
    pool.strategy === "blue-green" ? Math.max(1, nodes.length) : Math.max(1, standIns + pool.maxUnavailable);
  const { batch } = pool;
  if ("count" in batch) return Math.min(most, batch.count);
  if ("percent" in batch) return Math.min(most, Math.max(1, Math.ceil((batch.percent / 100) * nodes.length)));
  return most;
}

/** Nodes of one failure domain after the other; all in one, if the policy names none. */
function groupsOf(nodes: readonly NodeState[], { batch }: PoolSpec): NodeState[][] {
  if (!("domain" in batch)) return [[...nodes]];
  const groups = new Map<string, NodeState[]>();
  for (const node of nodes) {
    const domain = node.labels[batch.domain] ?? "";
    const group = groups.get(domain);
    if (group) group.push(node);
    else groups.set(domain, [node]);
  }
  return [...groups.values()];
}

interface Tried {
  readonly done?: Wave;
  readonly waiting: readonly RoomPod[];
  readonly blocked: readonly NodeState[];
  /** What keeps each of them. */
  readonly blockers: readonly Blocker[];
  /** Others that may only have been in each other's way. */
  readonly later: readonly NodeState[];
}

/** As many of the nodes as can be drained together. */
function tryWave(
  room: Room,
  nodes: readonly NodeState[],
  state: PoolState,
  drain: DrainSpec,
  spares: MachineState[],
): Tried {
  const inPlace = state.pool.strategy === "in-place";
  const blocked: NodeState[] = [];
  const blockers: Blocker[] = [];
  const later: NodeState[] = [];
  let going = [...nodes];
  while (going.length > 0) {
    const joins = inPlace ? [] : joinsFor(going, state, spares);
    const names = going.map(({ name }) => name);
    const alone = going.filter((node) => isAlone(node, state, joins));
    if (alone.length > 0) {
      blocked.push(...alone);
      going = going.filter((node) => !alone.includes(node));
      continue;
    }
    const result = room.attempt(() => {
      for (const { node, replaces } of joins) joinOnPaper(room, node, state, replaces);
      return drainOnPaper(room, names, drain);
    });
    if (!result.works) {
      const stay = new Set(result.blockers.map(({ node }) => node));
      if (stay.size === going.length && going.length > 1) {
        const half = Math.ceil(going.length / 2);
        later.unshift(...going.slice(half));
        going = going.slice(0, half);
        continue;
      }
      blocked.push(...going.filter(({ name }) => stay.has(name)));
      blockers.push(...result.blockers);
      going = going.filter(({ name }) => !stay.has(name));
      continue;
    }
    if (inPlace) {
      for (const node of going) {
        const there = room.nodes.get(node.name);
        // Somebody else cordoned it, and it stays so.
        if (there) room.open(there, !node.cordoned || node.marks.cordoned === true);
      }
    } else {
      spares.splice(0, joins.filter(({ replaces }) => replaces !== undefined).length);
      for (const { name, machine } of going) {
        room.remove(name);
        // With blue-green it stays on until the soak has ended.
        if (machine && state.pool.strategy !== "blue-green") spares.push(machine);
      }
    }
    const { pods, rounds, cnfs, waiting } = result;
    return {
      done: {
        nodes: names,
        joins,
        drained: { pods, rounds, cnfs },
        waiting: waiting.map(({ state: { namespace, name } }) => `${namespace}/${name}`),
      },
      waiting,
      blocked,
      blockers,
      later,
    };
  }
  return { waiting: [], blocked, blockers, later };
}

/** Nodes that another has joined for already need no machine. */
function joinsFor(
  nodes: readonly NodeState[],
  { replaced }: PoolState,
  spares: readonly MachineState[],
): Joining[] {
  const alone = nodes.filter(({ name }) => !replaced.has(name));
  return alone.flatMap(({ name }, i): Joining[] => {
    const machine = spares[i];
    return machine ? [{ machine: machine.id, node: machine.name, replaces: name }] : [];
  });
}

/** With a strategy by which another machine takes its place: none does. */
const isAlone = ({ name }: NodeState, { pool, replaced }: PoolState, joins: readonly Joining[]): boolean =>
  pool.strategy !== "in-place" && !replaced.has(name) && !joins.some(({ replaces }) => replaces === name);

/** Labels that tell where a machine stands, or which it is: another machine's are others. */
const OF_ITS_OWN = /^(kubernetes\.io\/hostname$|topology\.kubernetes\.io\/|failure-domain\.)/;

/**
 * A new node is taken to be as the others of its pool. Where it stands is not known beforehand: one that replaces a node is taken
 * to stand where that did, another one nowhere in particular.
 */
export function joinOnPaper(
  room: Room,
  name: string,
  { example, nodes }: Pick<PoolState, "example" | "nodes">,
  replaces?: string,
): void {
  const replaced = nodes.find((one) => one.name === replaces);
  const as = replaced ?? example;
  if (!as || room.nodes.has(name)) return;
  const own = replaced ? /^kubernetes\.io\/hostname$/ : OF_ITS_OWN;
  const labels = Object.fromEntries(Object.entries(as.labels).filter(([key]) => !own.test(key)));
  room.add({
    name,
    labels: { ...labels, "kubernetes.io/hostname": name },
    taints: as.taints.filter(({ key }) => !key.startsWith("node.kubernetes.io/")),
    allocatable: as.allocatable,
    ready: true,
    cordoned: false,
  });
}

function leave(
  room: Room,
  names: readonly string[],
  drain: DrainSpec,
): { readonly wave: Wave; readonly blockers: readonly Blocker[] } {
  const result = room.attempt(() => drainOnPaper(room, names, drain));
  const { pods, rounds, cnfs, waiting } = result;
  if (result.works) for (const name of names) room.remove(name);
  return {
    wave: {
      nodes: names,
      joins: [],
      drained: { pods, rounds, cnfs },
      waiting: [],
    },
    // A surge node does not come back: nothing can wait for it.
    blockers: result.works ? waiting.map((pod) => stuck(room, pod)) : result.blockers,
  };
}

const stuck = (room: Room, pod: RoomPod): Blocker => ({
  node: pod.state.node ?? "",
  pod: `${pod.state.namespace}/${pod.state.name}`,
  why: `no node takes it once all are upgraded (${room.whyNowhere(pod)})`,
  help: "make room: fewer replicas, lower requests, weaker affinity, or one more node",
});
