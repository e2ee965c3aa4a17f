/**
 * A cluster for `issu status`: its control plane, its pools, its nodes, and what is left of drains (ESC-19). Pure.
 *
 * @module
 */
import type { BudgetState, CaasInventory, NodeState, PodState } from "../contract/caas-inventory";
import { leads, memberTroubles } from "../contract/control-plane";
import type { CaasSpec } from "../policy/caas-spec";
import { nodesOf } from "./caas-nodes";
import { selects } from "./caas-select";
import type { StatusRow } from "./plan";

/** Nodes that are all shown; of more, only those that are not just ready and open. */
const ALL_SHOWN = 30;
/** Pods of a drain that are named. */
const NAMED = 4;

/** @param spec what was last declared; without it there are no pools to speak of. */
export function caasRows(inventory: CaasInventory, spec: CaasSpec | undefined): readonly StatusRow[] {
  const { nodes } = inventory;
  const few = nodes.length <= ALL_SHOWN;
  const notable = ({ ready, cordoned, marks }: NodeState) =>
    !ready || cordoned || Object.keys(marks).length > 0;
  return [
    ...memberRows(inventory),
    ...(spec ? poolRows(inventory, spec) : []),
    ...nodes.filter((node) => few || notable(node)).map(nodeRow),
    ...nodes.filter(({ marks }) => marks.cordoned).flatMap((node) => drainRow(inventory, node)),
  ];
}

function memberRows({ members, strangers }: CaasInventory): StatusRow[] {
  if (members.length === 0) return [];
  const troubles = memberTroubles(members);
  const sick = new Set(troubles.map(({ name }) => name));
  return [
    {
      object: "control plane",
      state: `${members.length - sick.size} of ${members.length} well`,
      detail: [
        `${members.find(leads)?.name ?? "nobody"} leads etcd`,
        ...(strangers.length > 0 ? [`etcd has others: ${strangers.join(", ")}`] : []),
      ].join("; "),
    },
    ...members.map((member): StatusRow => {
      const { name, version, etcd } = member;
      const texts = troubles.filter((one) => one.name === name).map(({ text }) => text);
      return {
        object: `member ${name}`,
        state: etcd === undefined ? "away" : leads(member) ? "leader" : etcd.learner ? "learner" : "follower",
        ...(version === undefined ? {} : { version }),
        detail: [...(etcd ? [`etcd ${etcd.version}, entry ${etcd.raftIndex}`] : []), ...texts].join("; "),
      };
    }),
  ];
}

function poolRows(inventory: CaasInventory, spec: CaasSpec): StatusRow[] {
  return spec.pools.map((pool): StatusRow => {
    const all = nodesOf(inventory, pool);
    const replaced = new Set(all.flatMap(({ marks }) => marks.replaces ?? []));
    const staying = all.filter(({ name, marks }) => marks.joined !== "surge" && !replaced.has(name));
    const there = staying.filter(({ version, ready }) => ready && version === spec.version);
    const count = (of: (node: NodeState) => boolean, what: string) => {
      const number = all.filter(of).length;
      return number > 0 ? [`${number} ${what}`] : [];
    };
    return {
      object: `pool ${pool.name}`,
      state: `${there.length} of ${staying.length} at ${spec.version}`,
      detail: [
        ...count(({ marks }) => marks.joined === "surge", "additional"),
        ...count(({ name }) => replaced.has(name), "replaced, kept for the way back"),
        ...count(({ cordoned }) => cordoned, "cordoned"),
        ...count(({ ready }) => !ready, "not ready"),
      ].join(", "),
    };
  });
}

function nodeRow({ name, version, ready, cordoned, marks, machine }: NodeState): StatusRow {
  const by = marks.cordoned ? "cordoned" : "cordoned by somebody else";
  return {
    object: `node ${name}`,
    state: `${ready ? "ready" : "not ready"}${cordoned ? `, ${by}` : ""}`,
    version,
    detail: [
      ...(marks.wave === undefined || marks.wave === 0 ? [] : [`wave ${marks.wave}`]),
      ...(marks.former !== undefined && marks.former !== version ? [`had ${marks.former}`] : []),
      ...(marks.joined === "surge" ? ["additional node, leaves at the end"] : []),
      ...(marks.replaces === undefined ? [] : [`in the place of ${marks.replaces}`]),
      ...(machine?.trouble ? [`its machine says: ${machine.trouble}`] : []),
    ].join("; "),
  };
}

function drainRow({ pods, budgets }: CaasInventory, { name }: NodeState): StatusRow[] {
  const left = pods.filter(({ node }) => node === name);
  if (left.length === 0) return [];
  const named = left.slice(0, NAMED).map((pod) => `${pod.namespace}/${pod.name}${waitsFor(pod, budgets)}`);
  return [
    {
      object: `drain ${name}`,
      state: `${left.length} ${left.length === 1 ? "pod" : "pods"} left`,
      detail: [...named, ...(left.length > NAMED ? [`${left.length - NAMED} more`] : [])].join(", "),
    },
  ];
}

function waitsFor(pod: PodState, budgets: readonly BudgetState[]): string {
  if (pod.leaving)
    return pod.finalizers.length > 0 ? ` (finalizers ${pod.finalizers.join(", ")})` : " (ending)";
  const full = budgets.find(
    ({ namespace, selector, healthy, desired }) =>
      namespace === pod.namespace && selects(selector, pod.labels) && healthy <= desired,
  );
  return full ? ` (budget ${full.name} allows none now)` : "";
}
