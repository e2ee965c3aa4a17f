/**
 * Which nodes belong to which pool, and how far each of them is. Pure.
 *
 * @module
 */
import type { CaasInventory, MachineState, NodeState } from "../contract/caas-inventory";
import type { CaasSpec, PoolSpec } from "../policy/caas-spec";
import { hasLabels } from "./caas-select";
import type { PoolState } from "./caas-waves";

export const nodesOf = (inventory: CaasInventory, { selector }: Pick<PoolSpec, "selector">): NodeState[] =>
  inventory.nodes.filter(({ labels }) => hasLabels(labels, selector)).sort(byName);

/** `node-9` before `node-10`. */
const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name.localeCompare(b.name, "en", { numeric: true });

/** Machines that can join: switched off, healthy, and with the pool's asset tag. */
export const sparesOf = ({ spares }: CaasInventory, pool: PoolSpec): MachineState[] =>
  spares
    .filter(({ power, healthy, assetTag }) => power === "off" && healthy && assetTag === pool.spares)
    .sort(byName);

/** It does what is wanted, and the campaign has nothing left to do with it. */
export const isDone = ({ version, ready, marks }: NodeState, wanted: string): boolean =>
  version === wanted && ready && marks.cordoned !== true;

export interface PoolSituation extends PoolState {
  /** Of `nodes`: at the wanted version and ready, only not yet open again. */
  readonly finishing: readonly NodeState[];
  readonly all: readonly NodeState[];
  /** Where it is declared, for messages. */
  readonly path: string;
}

/** @param wanted the version that all of its nodes are to have. */
export function situationOf(
  inventory: CaasInventory,
  pool: PoolSpec,
  wanted: string,
  path = `pools.${pool.name}`,
): PoolSituation {
  const all = nodesOf(inventory, pool);
  const surged = all.filter(({ marks }) => marks.joined === "surge");
  const staying = all.filter(({ marks }) => marks.joined !== "surge");
  const replacements = staying.filter(({ marks }) => marks.replaces !== undefined);
  const replaced = new Map(replacements.map(({ name, marks }) => [marks.replaces as string, name]));
  const finishing = staying.filter(
    (node) => node.version === wanted && node.ready && node.marks.cordoned === true,
  );
  const nodes = staying.filter((node) => !isDone(node, wanted) && !finishing.includes(node));
  const inHand = ({ marks, name }: NodeState): number => (marks.cordoned || replaced.has(name) ? 0 : 1);
  return {
    pool,
    path,
    all,
    surged,
    replaced,
    finishing,
    nodes: nodes.sort((a, b) => inHand(a) - inHand(b)),
    spares: sparesOf(inventory, pool),
    example: staying.find(({ ready }) => ready) ?? staying[0],
  };
}

/** The version that nodes have which do not have the wanted one: of several, that of the most. */
export function formerVersion(spec: CaasSpec, inventory: CaasInventory): string | undefined {
  const counts = new Map<string, number>();
  for (const pool of [...spec.pools, ...(spec.controlPlane ? [spec.controlPlane] : [])]) {
    for (const { version, marks } of nodesOf(inventory, pool)) {
      const was = marks.former ?? version;
      if (was !== spec.version) counts.set(was, (counts.get(was) ?? 0) + 1);
    }
  }
  return [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))[0]?.[0];
}

/** Highest number of a wave that the campaign has begun. */
export const lastWave = ({ nodes }: CaasInventory): number =>
  Math.max(0, ...nodes.map(({ marks }) => marks.wave ?? 0));
