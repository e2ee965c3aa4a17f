/**
 * One look at both nodes. Nothing is changed.
 *
 * @module
 */
import {
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
import { parseAlarms } from "./parse/alarms";
import { type ClusterStatus, type GroupStatus, parseClusterStatus } from "./parse/cluster-status";
import { parsePfes } from "./parse/fabric";
import { parseFileSize } from "./parse/files";
import { type IssuItem, parseInServiceUpgrade, showsUpgrade } from "./parse/in-service-upgrade";
import { type Card, parsePicStatus } from "./parse/pic-status";
import { protocolsIn } from "./parse/protocols";
import { parsePrevious } from "./parse/software-list";
import { parseStorage, varOf } from "./parse/storage";
import { parseVersion } from "./parse/version";

/** What changes while an upgrade is under way; the rest of an inventory is read once. */
export interface Glance {
  readonly nodes: { readonly [node in NodeName]: NodeGlance };
  readonly groups: readonly RedundancyGroupState[];
  readonly unclustered?: string;
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
  readonly banner?: string;
}

/** These say that something must be mended, not that the node is away. */
const MENDED_BY_PEOPLE = ["UNAUTHORIZED", "HOST_KEY"];

/** @throws TargetError `UNREACHABLE` if neither node answers; `UNAUTHORIZED`, `HOST_KEY`, `ABORTED` */
export async function glance(chassis: Chassis, signal?: AbortSignal): Promise<Glance> {
  const looks = (await Promise.all(NODES.map((node) => lookAt(chassis, node, signal)))) as [
    NodeLook,
    NodeLook,
  ];
  if (looks.every(({ unreachable }) => unreachable !== undefined))
    throw new TargetError(
      "UNREACHABLE",
      `neither node of ${chassis.name} answers: ${looks.map((one) => one.unreachable).join("; ")}`,
    );
  // The primary knows; a node that is alone or not yet back knows less.
  const told =
    looks.find(({ banner, status }) => banner === "primary" && status) ?? looks.find(({ status }) => status);
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

async function lookAt(chassis: Chassis, node: NodeName, signal?: AbortSignal): Promise<NodeLook> {
  const session = sessionOf(chassis, node);
  const look = (command: string) => session.look(command, { signal });
  try {
    const version = parseVersion(await look("show version"), node);
    const status = parseClusterStatus(await look("show chassis cluster status"));
    const items = parseInServiceUpgrade(await look("show chassis in-service-upgrade"));
    const cards = parsePicStatus(await look("show chassis fpc pic-status"));
    const banner = await session.banner();
    return {
      ...(version ? { version: version.version } : {}),
      ...(version?.model ? { model: version.model } : {}),
      ...(banner?.node ? { claims: banner.node } : {}),
      ...(banner ? { banner: banner.status } : {}),
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
  const nodes = await Promise.all(NODES.map((node) => stateOf(chassis, node, seen.nodes[node], signal)));
  const first = NODES.find((node) => nodes[NODES.indexOf(node)]?.state.unreachable === undefined) ?? "node0";
  const configuration = await sessionOf(chassis, first)
    .look("show configuration protocols", { signal })
    .catch(() => "");
  return {
    ...(seen.unclustered === undefined ? {} : { unclustered: seen.unclustered }),
    nodes: [nodes[0]?.state as NodeState, nodes[1]?.state as NodeState],
    groups: seen.groups,
    upgrading: seen.upgrading,
    deviceWarnings: [],
    protocols: protocolsIn(configuration),
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
  const look = (command: string) => session.look(command, { signal });
  try {
    const room = varOf(parseStorage(await look("show system storage"), node));
    const alarms = [
      ...parseAlarms(await look("show system alarms"), node),
      ...parseAlarms(await look("show chassis alarms"), node),
    ];
    const pfes = parsePfes(await look("show chassis fabric plane"), node);
    const size =
      chassis.imagePath === undefined
        ? undefined
        : parseFileSize(await look(`file list ${chassis.imagePath} detail`));
    const previous = parsePrevious(await look("show system software list"), node);
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
