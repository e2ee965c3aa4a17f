/**
 * A cluster on paper: nodes with what is free on them, pods that move, budgets that are spent and paid back. Plans are tried on
 * it from the first wave to the last, so that what an earlier one used up is missed by a later one. Pure.
 *
 * @module
 */
import type {
  Amounts,
  BudgetState,
  CaasInventory,
  Labels,
  NodeState,
  Placement,
  PodState,
} from "../contract/caas-inventory";
import { hasLabels, holdsAny, repelledBy, selects } from "./caas-select";
import { keptAway, moved, type PodClass, spreadLimits, type Term, Terms } from "./caas-terms";

export interface RoomNode {
  readonly name: string;
  readonly labels: Labels;
  readonly taints: NodeState["taints"];
  readonly allocatable: Amounts;
  readonly free: { [resource: string]: number };
  readonly pods: Set<RoomPod>;
  /** Takes pods. */
  open: boolean;
}

export interface RoomBudget extends BudgetState {
  /** Changes as pods go and come back. */
  up: number;
}

export interface RoomPod {
  readonly state: PodState;
  readonly kind: PodClass;
  readonly budgets: readonly RoomBudget[];
  node: RoomNode | undefined;
  /** Counted as healthy by its budgets. */
  up: boolean;
}

/** Feasible nodes that are compared before the emptiest is taken; the scheduler does it alike. */
const ENOUGH = 100;
/** 0.1 + 0.2 is not 0.3. */
const HAIR = 1e-9;

export class Room {
  readonly nodes = new Map<string, RoomNode>();
  readonly pods: readonly RoomPod[];
  readonly budgets: readonly RoomBudget[];
  private list: RoomNode[] = [];
  private readonly terms: Terms;
  private next = 0;
  /** Domains by what pods ask of nodes, and by topology key; until a node joins or leaves. */
  private known = new Map<object, Map<string, ReadonlySet<string>>>();
  /** Undone from the end. */
  private undo: (() => void)[] = [];
  /** Attempts within attempts. */
  private depth = 0;

  constructor({ nodes, pods, budgets }: CaasInventory) {
    this.terms = new Terms(pods);
    for (const node of nodes) this.add(node);
    this.budgets = budgets.map((one) => ({ ...one, up: one.healthy }));
    const budgetsOf = this.budgetFinder();
    this.pods = pods
      .filter(({ leaving }) => !leaving)
      .map((state) => {
        const pod: RoomPod = {
          state,
          kind: this.terms.classOf(state),
          budgets: budgetsOf(state),
          node: undefined,
          // One that waits for a node comes up once it has one; until then no budget counts it.
          up: state.ready || state.node === undefined,
        };
        const node = state.node === undefined ? undefined : this.nodes.get(state.node);
        if (node) this.put(pod, node);
        return pod;
      });
    this.undo = [];
  }

  /** A node joins. */
  add(node: Pick<NodeState, "name" | "labels" | "taints" | "allocatable" | "ready" | "cordoned">): RoomNode {
    const made: RoomNode = {
      name: node.name,
      labels: node.labels,
      taints: node.taints,
      allocatable: node.allocatable,
      free: { ...node.allocatable },
      pods: new Set(),
      open: node.ready && !node.cordoned,
    };
    this.nodes.set(node.name, made);
    this.list.push(made);
    this.known.clear();
    this.undo.push(() => {
      this.nodes.delete(node.name);
      this.list = this.list.filter((one) => one !== made);
      this.known.clear();
    });
    return made;
  }

  /** A node leaves; nothing may be left on it. */
  remove(name: string): void {
    const node = this.nodes.get(name);
    if (!node) return;
    this.nodes.delete(name);
    this.list = this.list.filter((one) => one !== node);
    this.known.clear();
    this.undo.push(() => {
      this.nodes.set(name, node);
      this.list.push(node);
      this.known.clear();
    });
  }

  open(node: RoomNode, open: boolean): void {
    const was = node.open;
    node.open = open;
    this.undo.push(() => {
      node.open = was;
    });
  }

  /** A pod leaves its node; its budgets miss it until it is placed again. */
  lift(pod: RoomPod): void {
    const { node } = pod;
    if (!node) return;
    this.take(pod, node);
    if (pod.up) for (const budget of pod.budgets) budget.up -= 1;
    this.undo.push(() => {
      this.put(pod, node);
      if (pod.up) for (const budget of pod.budgets) budget.up += 1;
    });
  }

  /** @returns the node that it is on now; undefined if there is none for it. */
  place(pod: RoomPod): RoomNode | undefined {
    const limits = this.spreadLimits(pod);
    let best: RoomNode | undefined;
    let bestFree = Number.NEGATIVE_INFINITY;
    let found = 0;
    for (let i = 0; i < this.list.length && found < ENOUGH; i++) {
      const node = this.list[(this.next + i) % this.list.length] as RoomNode;
      if (this.unfit(pod, node, limits) !== undefined) continue;
      found += 1;
      const left = emptiness(node);
      if (left <= bestFree) continue;
      best = node;
      bestFree = left;
    }
    this.next = this.list.length === 0 ? 0 : (this.next + ENOUGH) % this.list.length;
    if (!best) return undefined;
    const node = best;
    this.put(pod, node);
    if (pod.up) for (const budget of pod.budgets) budget.up += 1;
    this.undo.push(() => {
      this.take(pod, node);
      if (pod.up) for (const budget of pod.budgets) budget.up -= 1;
    });
    return node;
  }

  /** Pods that have no node. */
  get pending(): readonly RoomPod[] {
    return this.pods.filter(({ node }) => node === undefined);
  }

  /** Why no node takes a pod, as the scheduler would say it: `12 insufficient cpu, 3 cordoned`. */
  whyNowhere(pod: RoomPod): string {
    const limits = this.spreadLimits(pod);
    const reasons = new Map<string, number>();
    for (const node of this.list) {
      const reason = this.unfit(pod, node, limits) ?? "fit";
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    return [...reasons]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([reason, nodes]) => `${nodes} ${reason}`)
      .join(", ");
  }

  /** Tries something, and takes it back unless it works. */
  attempt<T extends { readonly works: boolean }>(work: () => T): T {
    const before = this.undo;
    this.undo = [];
    this.depth += 1;
    const result = work();
    this.depth -= 1;
    if (result.works) {
      // What is kept can be taken back by an attempt further out, if there is one.
      this.undo = this.depth > 0 ? before.concat(this.undo) : [];
    } else {
      for (const step of this.undo.reverse()) step();
      this.undo = before;
    }
    return result;
  }

  private unfit(
    { state: { placement }, kind }: RoomPod,
    node: RoomNode,
    limits: readonly { readonly term: Term; readonly most: number }[],
  ): string | undefined {
    if (!node.open) return "cordoned or not ready";
    for (const resource in placement.requests) {
      const wanted = placement.requests[resource] as number;
      if (wanted > 0 && (node.free[resource] ?? 0) + HAIR * wanted < wanted)
        return `insufficient ${resource}`;
    }
    if (!hasLabels(node.labels, placement.nodeSelector)) return "without the labels of its nodeSelector";
    if (placement.nodeTerms && !holdsAny(placement.nodeTerms, node.labels))
      return "outside its node affinity";
    if (placement.volumeTerms && !holdsAny(placement.volumeTerms, node.labels))
      return "from where its volume can't be reached";
    const taint = repelledBy(node.taints, placement.tolerations);
    if (taint) return `with taint ${taint.key}`;
    const kept = keptAway(kind, node.labels);
    if (kept !== undefined) return `kept away by ${kept}`;
    for (const { term, most } of limits) {
      const domain = node.labels[term.topologyKey];
      if (domain === undefined || (term.matching.get(domain) ?? 0) > most)
        return `beyond its spread over ${term.topologyKey}`;
    }
    return undefined;
  }

  private spreadLimits(pod: RoomPod) {
    if (pod.kind.spread.length === 0) return [];
    const { placement } = pod.state;
    return spreadLimits(pod.kind, (key) => this.domains(key, placement));
  }

  /** Of the nodes that a pod could be on; those that are cordoned count, as they do for the scheduler. */
  private domains(key: string, { nodeSelector, nodeTerms }: Placement): ReadonlySet<string> {
    let known = this.known.get(nodeTerms ?? nodeSelector);
    if (!known) {
      known = new Map();
      this.known.set(nodeTerms ?? nodeSelector, known);
    }
    const found = known.get(key);
    if (found) return found;
    const domains = new Set<string>();
    for (const { labels } of this.list) {
      const domain = labels[key];
      if (domain === undefined || !hasLabels(labels, nodeSelector)) continue;
      if (nodeTerms && !holdsAny(nodeTerms, labels)) continue;
      domains.add(domain);
    }
    known.set(key, domains);
    return domains;
  }

  private put(pod: RoomPod, node: RoomNode): void {
    pod.node = node;
    node.pods.add(pod);
    for (const [resource, amount] of Object.entries(pod.state.placement.requests))
      node.free[resource] = (node.free[resource] ?? 0) - amount;
    moved(pod.kind, node.labels, 1);
  }

  private take(pod: RoomPod, node: RoomNode): void {
    pod.node = undefined;
    node.pods.delete(pod);
    for (const [resource, amount] of Object.entries(pod.state.placement.requests))
      node.free[resource] = (node.free[resource] ?? 0) + amount;
    moved(pod.kind, node.labels, -1);
  }

  /** Budgets by namespace and one label that they want: not every pod is held against every budget. */
  private budgetFinder(): (pod: PodState) => RoomBudget[] {
    const index = new Map<string, RoomBudget[]>();
    for (const budget of this.budgets) {
      const [label] = Object.entries(budget.selector.labels ?? {});
      const key = `${budget.namespace}|${label ? `${label[0]}=${label[1]}` : ""}`;
      index.set(key, [...(index.get(key) ?? []), budget]);
    }
    return ({ namespace, labels }) =>
      [`${namespace}|`, ...Object.entries(labels).map(([k, v]) => `${namespace}|${k}=${v}`)]
        .flatMap((key) => index.get(key) ?? [])
        .filter(({ selector }) => selects(selector, labels));
  }
}

/** Least share of a resource that is free, of those that the node has. */
function emptiness({ free, allocatable }: RoomNode): number {
  let least = 1;
  for (const resource in allocatable) {
    const all = allocatable[resource] as number;
    if (all > 0) least = Math.min(least, (free[resource] ?? 0) / all);
  }
  return least;
}
