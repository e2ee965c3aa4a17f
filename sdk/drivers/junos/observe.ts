/**
 * One look at both nodes. Nothing is changed.
 *
 * @module
 */
import {
  type ChassisForm,
  type ChassisInventory,
  type GroupMember,
  NODES,
  type NodeName,
  type NodeState,
  type RedundancyGroupState,
} from "../../contract/chassis-inventory";
import { TargetError } from "../../contract/target";
import { type Chassis, sessionOf } from "./chassis-context";
import { failureText } from "./failure-text";
import { epochOn } from "./markers";
import type { ClusterStatus, GroupStatus } from "./parse/cluster-status";
import { type IssuItem, showsUpgrade } from "./parse/in-service-upgrade";
import type { Card } from "./parse/pic-status";
import type { Engine, Switchover } from "./parse/routing-engines";
import { varOf } from "./parse/storage";
import * as questions from "./questions";

/** What changes while an upgrade is under way; the rest of an inventory is read once. */
export interface Glance {
  readonly nodes: { readonly [node in NodeName]: NodeGlance };
  readonly groups: readonly RedundancyGroupState[];
  readonly unclustered?: string;
  readonly form?: ChassisForm;
  /** What the backup says of its being ready, where there are two routing engines. */
  readonly switchover?: Switchover;
  /** What the cards of the primary do in an upgrade, where it tells. */
  readonly cards?: readonly IssuItem[];
  /** Some card shows that an upgrade is under way; the opposite proves nothing. */
  readonly upgrading: boolean;
}

export interface NodeGlance {
  readonly unreachable?: string;
  readonly version?: string;
  readonly model?: string;
  readonly claims?: string;
  readonly cards: readonly Card[];
}

interface NodeLook extends NodeGlance {
  readonly status?: ClusterStatus;
  readonly items?: readonly IssuItem[];
  /** `primary`, `master`, `backup`, …: what it is itself. */
  readonly role?: string;
  /** The two of them; left out where there are none. */
  readonly engines?: readonly Engine[];
  /** Only the backup tells. */
  readonly switchover?: Switchover;
}

/** These say that something must be mended, not that the node is away. */
const MENDED_BY_PEOPLE = ["UNAUTHORIZED", "HOST_KEY"];

/** @throws TargetError `UNREACHABLE` if neither node answers; `UNAUTHORIZED`, `HOST_KEY`, `ABORTED` */
export async function glance(chassis: Chassis, signal?: AbortSignal): Promise<Glance> {
  const first = lookAt(chassis, "node0", signal);
  const looks = await Promise.all([first, chassis.alone ? first : lookAt(chassis, "node1", signal)]);
  if (looks.every(({ unreachable }) => unreachable !== undefined))
    throw new TargetError(
      "UNREACHABLE",
      `neither node of ${chassis.name} answers: ${looks.map((one) => one.unreachable).join("; ")}`,
    );
  if (chassis.alone) return aloneGlance(chassis, looks[0]);
  const engines =
    looks.find((one) => one.engines && one.role === "master") ?? looks.find((one) => one.engines);
  if (engines?.engines) return engineGlance(chassis, engines.engines, looks);
  chassis.form = looks.some(({ status }) => status?.clustered) ? "cluster" : chassis.form;
  // The primary knows; a node that is alone or not yet back knows less.
  const told =
    looks.find(({ role, status }) => role === "primary" && status) ?? looks.find(({ status }) => status);
  const items = looks.map((one) => one.items).filter((one) => one !== undefined);
  const { status } = told ?? {};
  return {
    nodes: { node0: looks[0], node1: looks[1] },
    groups: status?.clustered ? status.groups.map(groupOf) : [],
    ...(status && !status.clustered ? { unclustered: status.why } : {}),
    ...(items.length > 0 ? { cards: items.flat() } : {}),
    upgrading: items.some(showsUpgrade),
  };
}

/** Who has a peer is not alone. */
function aloneGlance(chassis: Chassis, look: NodeLook): Glance {
  chassis.form = "alone";
  const peer = look.status?.clustered
    ? "a node of a chassis cluster"
    : look.engines
      ? "one of two routing engines"
      : undefined;
  return {
    form: "alone",
    nodes: { node0: look, node1: look },
    groups: [],
    ...(peer === undefined ? {} : { unclustered: peer }),
    upgrading: showsUpgrade(look.items ?? []),
  };
}

/** Mastership stands for a group; who is not ready to take it over fails as a cluster's node does. */
function engineGlance(
  chassis: Chassis,
  engines: readonly Engine[],
  looks: readonly [NodeLook, NodeLook],
): Glance {
  chassis.form = "routing-engines";
  const switchover = looks.find((one) => one.switchover)?.switchover;
  const items = looks.map((one) => one.items).filter((one) => one !== undefined);
  // Which cards there are the master knows best; they are those of both.
  const { cards } =
    looks.find(({ role }) => role === "master") ?? looks.find((one) => one.cards.length > 0) ?? looks[0];
  const member = (slot: number): GroupMember => {
    const state = engines.find((one) => one.slot === slot)?.state;
    const isBackup = state === "backup" && looks[slot]?.unreachable === undefined;
    return {
      priority: 100,
      status: state === "master" ? "primary" : isBackup ? "secondary" : "lost",
      preempt: false,
      manual: false,
      failures: isBackup && switchover?.graceful && !switchover.ready ? ["GR"] : [],
    };
  };
  return {
    form: "routing-engines",
    nodes: { node0: { ...looks[0], cards }, node1: { ...looks[1], cards } },
    groups: [{ id: 0, failovers: 0, members: { node0: member(0), node1: member(1) } }],
    ...(switchover ? { switchover } : {}),
    ...(items.length > 0 ? { cards: items.flat() } : {}),
    upgrading: items.some(showsUpgrade),
  };
}

async function lookAt(chassis: Chassis, node: NodeName, signal?: AbortSignal): Promise<NodeLook> {
  const session = sessionOf(chassis, node);
  const ask = <T>(question: questions.Question<T>) => session.ask(question, { signal });
  try {
    const version = await ask(questions.VERSION);
    const status = await ask(questions.CLUSTER_STATUS);
    const items = await ask(questions.UPGRADE_ITEMS);
    const cards = await ask(questions.CARDS);
    const banner = await session.banner();
    const engines = status.clustered ? [] : await ask(questions.ENGINES);
    const isPair = engines.length === 2;
    const told = banner?.status ?? roleIn(status, banner?.node);
    const switchover =
      isPair && (told ?? "backup") === "backup" ? await ask(questions.SWITCHOVER) : undefined;
    // Without a prompt that would tell: only the backup answers that question.
    const role = told ?? (isPair ? (switchover ? "backup" : "master") : undefined);
    // Nothing names the slot; the slot that is what this engine is, is its own.
    const own = isPair ? engines.find(({ state }) => state === role)?.slot : undefined;
    return {
      ...(isPair ? { engines } : {}),
      ...(switchover ? { switchover } : {}),
      ...(own === undefined ? {} : { claims: `node${own}` }),
      ...(version ? { version: version.version } : {}),
      ...(version?.model ? { model: version.model } : {}),
      ...(banner?.node ? { claims: banner.node } : {}),
      ...(role ? { role } : {}),
      status,
      ...(items ? { items } : {}),
      cards: cards.filter((card) => card.node === node || card.node === ""),
    };
  } catch (error) {
    if (signal?.aborted || (error instanceof TargetError && MENDED_BY_PEOPLE.includes(error.code)))
      throw error;
    return { unreachable: failureText(error), cards: [] };
  }
}

/** What a node is in group 0, as it says itself. */
const roleIn = (status: ClusterStatus, node: string | undefined): string | undefined =>
  status.clustered
    ? status.groups.find(({ id }) => id === 0)?.rows.find((row) => row.node === node)?.status
    : undefined;

function groupOf({ id, failovers, rows }: GroupStatus): RedundancyGroupState {
  const members: { [node in NodeName]?: GroupMember } = {};
  for (const { node, priority, status, preempt, manual, failures } of rows) {
    if (node === "node0" || node === "node1") members[node] = { priority, status, preempt, manual, failures };
  }
  return { id, failovers, members };
}

/** All that a plan is made from. @throws as `glance`; `NO_SFTP` */
export async function observe(chassis: Chassis, signal?: AbortSignal): Promise<ChassisInventory> {
  const seen = await glance(chassis, signal);
  const own = stateOf(chassis, "node0", seen.nodes.node0, signal);
  const nodes = await Promise.all([
    own,
    chassis.alone ? own : stateOf(chassis, "node1", seen.nodes.node1, signal),
  ]);
  const first = NODES.find((node) => nodes[NODES.indexOf(node)]?.state.unreachable === undefined) ?? "node0";
  const protocols = await sessionOf(chassis, first)
    .ask(questions.PROTOCOLS, { signal })
    .catch(() => []);
  const master = NODES.find((node) => seen.groups[0]?.members[node]?.status === "primary");
  const nonstopRouting =
    seen.form === "routing-engines" && master
      ? await sessionOf(chassis, master)
          .ask(questions.NONSTOP_ROUTING, { signal })
          .catch(() => undefined)
      : undefined;
  return {
    ...(seen.form === undefined
      ? {}
      : {
          form: seen.form,
          nonStop: {
            gracefulSwitchover: seen.switchover?.graceful ?? false,
            nonstopRouting: nonstopRouting ?? false,
          },
        }),
    ...(seen.unclustered === undefined ? {} : { unclustered: seen.unclustered }),
    nodes: [nodes[0].state, nodes[1].state],
    groups: seen.groups,
    upgrading: seen.upgrading,
    deviceWarnings: [],
    protocols,
    epoch: Math.max(0, ...nodes.map(({ epoch }) => epoch)),
  };
}

async function stateOf(
  chassis: Chassis,
  node: NodeName,
  seen: NodeGlance,
  signal?: AbortSignal,
): Promise<{ readonly state: NodeState; readonly epoch: number }> {
  const { unreachable, version, model, claims, cards } = seen;
  const base = {
    name: node,
    ...(version ? { version } : {}),
    ...(model ? { model } : {}),
    ...(claims ? { claims } : {}),
    ...cardsOf(cards),
  };
  if (unreachable !== undefined) return { state: { ...base, unreachable, alarms: [] }, epoch: 0 };
  const session = sessionOf(chassis, node);
  const ask = <T>(question: questions.Question<T>) => session.ask(question, { signal });
  try {
    const room = varOf(await ask(questions.STORAGE));
    const alarms = [...(await ask(questions.SYSTEM_ALARMS)), ...(await ask(questions.CHASSIS_ALARMS))];
    const pfes = await ask(questions.PFES);
    const size =
      chassis.imagePath === undefined ? undefined : await ask(questions.fileSize(chassis.imagePath));
    const previous = await ask(questions.PREVIOUS);
    const epoch = await epochOn(session, chassis.name, signal);
    return {
      state: {
        ...base,
        ...(pfes.length > 0 ? { pfes } : {}),
        ...(room ? { varFreeBytes: room.freeBytes } : {}),
        ...(size === undefined ? {} : { imageBytes: size }),
        ...(previous === undefined ? {} : { previous }),
        alarms: [...new Set(alarms)],
      },
      epoch,
    };
  } catch (error) {
    if (signal?.aborted || (error instanceof TargetError && error.code === "NO_SFTP")) throw error;
    return { state: { ...base, unreachable: failureText(error), alarms: [] }, epoch: 0 };
  }
}

const cardsOf = (cards: readonly Card[]): Pick<NodeState, "fpcs" | "pics"> => ({
  fpcs: cards.map(({ slot, state, description }) => ({ fpc: slot, state, description })),
  pics: cards.flatMap(({ slot, pics }) =>
    pics.map((pic) => ({ fpc: slot, pic: pic.slot, state: pic.state, description: pic.description })),
  ),
});
