/**
 * Draining nodes on paper: which pods can go and where to, and what keeps the others (TEF-7). Pure.
 *
 * @module
 */
import type { DrainSpec } from "../policy/caas-spec";
import type { Room, RoomBudget, RoomPod } from "./caas-room";

/** Why a node can't be drained. */
export interface Blocker {
  readonly node: string;
  /** `namespace/name` */
  readonly pod: string;
  /** `namespace/name` of the disruption budget, where it is one. */
  readonly budget?: string;
  /** The same for all pods that are kept by the same thing. */
  readonly why: string;
  /** What would help. */
  readonly help: string;
}

export interface Drained {
  readonly works: boolean;
  readonly blockers: readonly Blocker[];
  /** Pods without a place that their budget can spare until a node is back. */
  readonly waiting: readonly RoomPod[];
  readonly pods: number;
  /** Evictions one after the other that the tightest budget asks for. */
  readonly rounds: number;
  /** Network functions whose instances are asked to hand over (ESC-12). */
  readonly cnfs: readonly string[];
}

/**
 * Nodes stay closed afterwards, if it works; else nothing has changed. Evictions run side by side, so that where pods have to wait
 * for a node, who gets the last room is chance: it works if it does so whichever budget's pods come last.
 */
export function drainOnPaper(room: Room, names: readonly string[], drain: DrainSpec): Drained {
  const roomy = room.attempt(() => {
    const drained = evictAll(room, names, drain);
    return { drained, works: drained.works && drained.waiting.length === 0 };
  });
  if (roomy.works || !roomy.drained.works) return roomy.drained;
  const spent = new Map<RoomBudget, number>();
  for (const { pod } of podsOn(room, names))
    for (const budget of pod.budgets) spent.set(budget, (spent.get(budget) ?? 0) + 1);
  for (const [last, pods] of spent) {
    // It can spare all that could be left over.
    if (last.up - last.desired >= Math.min(pods, roomy.drained.waiting.length)) continue;
    const tried = room.attempt(() => ({ drained: evictAll(room, names, drain, last), works: false }));
    if (!tried.drained.works) return tried.drained;
  }
  return evictAll(room, names, drain);
}

const nodesOf = (room: Room, names: readonly string[]) =>
  names.map((name) => room.nodes.get(name)).filter((node) => node !== undefined);

const podsOn = (room: Room, names: readonly string[]) =>
  nodesOf(room, names).flatMap((node) => [...node.pods].map((pod) => ({ pod, node: node.name })));

/** @param last budget whose pods go after all the others. */
function evictAll(room: Room, names: readonly string[], drain: DrainSpec, last?: RoomBudget): Drained {
  for (const node of nodesOf(room, names)) room.open(node, false);
  const isLast = ({ budgets }: RoomPod): number => (last && budgets.includes(last) ? 1 : 0);
  const pods = podsOn(room, names).sort(
    (a, b) =>
      isLast(a.pod) - isLast(b.pod) || a.pod.state.priority - b.pod.state.priority || byName(a.pod, b.pod),
  );
  const blockers: Blocker[] = [];
  const waiting: RoomPod[] = [];
  const inTurn = new Map<RoomBudget, { pods: number; atOnce: number }>();
  for (const { pod, node } of pods) {
    const kept = keptHere(room, pod, drain);
    if (kept) {
      blockers.push({ node, pod: nameOf(pod), ...kept });
      continue;
    }
    for (const budget of pod.budgets) {
      const turn = inTurn.get(budget) ?? { pods: 0, atOnce: Math.max(1, budget.up - budget.desired) };
      inTurn.set(budget, { ...turn, pods: turn.pods + 1 });
    }
    room.lift(pod);
    // Deleted for good, as the policy says: nothing starts it anew.
    if (pod.state.owner === undefined) continue;
    if (room.place(pod)) continue;
    if (pod.budgets.length > 0 && pod.budgets.every((budget) => budget.up >= budget.desired))
      waiting.push(pod);
    else blockers.push({ node, pod: nameOf(pod), ...nowhere(room, pod) });
  }
  return {
    works: blockers.length === 0,
    blockers,
    waiting,
    pods: pods.length,
    rounds: Math.max(
      pods.length > 0 ? 1 : 0,
      ...[...inTurn.values()].map((turn) => Math.ceil(turn.pods / turn.atOnce)),
    ),
    cnfs: [...new Set(pods.flatMap(({ pod }) => pod.state.cnf ?? []))].sort(),
  };
}

const byName = (a: RoomPod, b: RoomPod): number => (nameOf(a) < nameOf(b) ? -1 : 1);

const nameOf = ({ state }: RoomPod): string => `${state.namespace}/${state.name}`;

/** What keeps a pod where it is, wherever there is room. */
function keptHere(
  room: Room,
  pod: RoomPod,
  { force, extraReplica }: DrainSpec,
): Pick<Blocker, "budget" | "why" | "help"> | undefined {
  const { state, budgets, up } = pod;
  if (state.owner === undefined && force.unmanaged === "refuse") {
    return {
      why: "no controller owns it, so nothing would start it anew",
      help: `let a Deployment own it, delete it yourself, or set drain.force.unmanaged to "delete"`,
    };
  }
  if (state.emptyDir && force.emptyDir === "refuse") {
    return {
      why: "it has an emptyDir, whose content is lost with it",
      help: `keep what must stay in a persistent volume, or set drain.force.emptyDir to "lose"`,
    };
  }
  if (budgets.length > 1) {
    return {
      why: `${budgets.length} disruption budgets count it (${budgets.map(({ name }) => name).join(", ")}), and the API server evicts no such pod`,
      help: "let one budget count each pod",
    };
  }
  const [budget] = budgets;
  if (!budget) return undefined;
  const { name, namespace, rule, expected, desired, unhealthyAlways } = budget;
  const of = { budget: `${namespace}/${name}` };
  if (up && budget.up - 1 >= desired) return undefined;
  if (!up && (unhealthyAlways || budget.up >= desired)) return undefined;
  if (!up) {
    return {
      ...of,
      why: `it is not ready, and its budget (${rule}) lets such pods go only while ${desired} are healthy; ${budget.up} are`,
      help: "mend the pods, or set the budget's unhealthyPodEvictionPolicy to AlwaysAllow",
    };
  }
  // Others of it went before and found no place.
  if (budget.up < budget.healthy) return nowhere(room, pod);
  // A share of them, or none unavailable, would ask the same of one more.
  const helps = state.scalable === true && /^minAvailable \d+$/.test(rule);
  // One more comes up elsewhere first; whether there is room for it is seen when it is placed.
  if (desired >= expected && budget.up >= desired && extraReplica === "run" && helps) return undefined;
  if (desired >= expected) {
    return {
      ...of,
      why: `its budget (${rule}) never lets one of its ${expected === 1 ? "single pod" : `${expected} pods`} go`,
      help: `run ${desired + 1} replicas, or let the budget allow one disruption (maxUnavailable: 1)${helps ? `, or set drain.extraReplica to "run"` : ""}`,
    };
  }
  return {
    ...of,
    why: `its budget (${rule}) asks for ${desired} healthy pods of ${expected}, and ${budget.up} are`,
    help: "mend its pods that are not ready, or wait until they are",
  };
}

function nowhere(room: Room, pod: RoomPod): Pick<Blocker, "budget" | "why" | "help"> {
  const [budget] = pod.budgets;
  return {
    ...(budget ? { budget: `${budget.namespace}/${budget.name}` } : {}),
    why: `no other node takes it (${room.whyNowhere(pod)})${budget ? `, and its budget (${budget.rule}) can't spare it until one does` : ""}`,
    help: "add a spare machine and raise the pool's surge, or make room: fewer replicas, lower requests, weaker affinity",
  };
}

/** One line for each thing that keeps pods, with the pods (the first few of many). */
export function blockerLines(blockers: readonly Blocker[]): string[] {
  const groups = new Map<string, Blocker[]>();
  for (const one of blockers) {
    const key = JSON.stringify([one.budget, one.why]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].map((group) => {
    const [first] = group as [Blocker, ...Blocker[]];
    const shown = group.slice(0, 5).map(({ pod, node }) => `pod ${pod} on ${node}`);
    const more = group.length > shown.length ? ` and ${group.length - shown.length} more pods` : "";
    const budget = first.budget ? ` (budget ${first.budget})` : "";
    return `${shown.join(", ")}${more} can't be drained${budget}: ${first.why}. What would help: ${first.help}.`;
  });
}
