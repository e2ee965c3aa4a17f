/**
 * What a chassis cluster runs, as one look at both nodes shows it. A driver makes it, the plan rule reads it (ESC-07).
 *
 * @module
 */
import type { Json } from "./target";

export type NodeName = "node0" | "node1";

export const NODES: readonly NodeName[] = ["node0", "node1"];

export const otherNode = (node: NodeName): NodeName => (node === "node0" ? "node1" : "node0");

/** A PIC or what plays its part, with the card it sits on. */
export interface PicState {
  readonly fpc: number;
  readonly pic: number;
  /** `Online` where it works. */
  readonly state: string;
  readonly description: string;
}

export interface FpcState {
  readonly fpc: number;
  readonly state: string;
  readonly description: string;
}

/** A forwarding engine of a card. */
export interface PfeState {
  readonly fpc: number;
  readonly pfe: number;
  /** Of its links to the fabric: `Links ok` where it works. */
  readonly state: string;
}

export interface NodeState {
  readonly name: NodeName;
  /** Why it could not be asked; then nothing else is known of it. */
  readonly unreachable?: string;
  /** Running release, e.g. `12.1X46-D10.2`. */
  readonly version?: string;
  /** Release that a rollback would bring back, `none` if there is none; undefined if the node does not tell. */
  readonly previous?: string;
  /** e.g. `srx5800`, in lower case. */
  readonly model?: string;
  /** Name by which the node itself goes in its prompt, where that is not its place in the declaration. */
  readonly claims?: string;
  /** Free bytes of `/var`; undefined if the node does not tell. */
  readonly varFreeBytes?: number;
  /** Bytes of the image where it is to lie; undefined if it isn't there. */
  readonly imageBytes?: number;
  readonly fpcs: readonly FpcState[];
  readonly pics: readonly PicState[];
  /** Left out where the model does not show its fabric. */
  readonly pfes?: readonly PfeState[];
  /** Class and text, e.g. `Major FPC 1 Hard errors`. */
  readonly alarms: readonly string[];
}

export interface GroupMember {
  readonly priority: number;
  /** `primary`, `secondary`, `secondary-hold`, `hold`, `lost`, `ineligible`, `disabled`. */
  readonly status: string;
  readonly preempt: boolean;
  /** Failed over by hand, so that it stays there. */
  readonly manual: boolean;
  /** Monitors that failed, e.g. `CS` for cold sync; empty if none did. */
  readonly failures: readonly string[];
}

export interface RedundancyGroupState {
  readonly id: number;
  readonly failovers: number;
  readonly members: { readonly [node in NodeName]?: GroupMember };
}

/** Where the groups were before a campaign touched them; kept in its journal, for the way back and its end. */
export interface GroupsBefore {
  readonly groups: readonly {
    readonly id: number;
    readonly primary: NodeName;
    /** Node to which it had been failed over by hand. */
    readonly manual?: NodeName;
  }[];
  /** Alarms by node. */
  readonly alarms: { readonly [node: string]: readonly string[] };
  /** What was online, by node: `FPC 0`, `FPC 0 PIC 1`, `FPC 0 PFE 0`. */
  readonly online: { readonly [node: string]: readonly string[] };
}

/**
 * Two boxes that form a cluster; the two routing engines of one chassis, whose mastership is then its group 0; or a device with one
 * routing engine, which then stands for both nodes.
 */
export type ChassisForm = "cluster" | "routing-engines" | "alone";

/** The names that people know in a text about nodes and groups. */
export const inWordsOf = (form: ChassisForm | undefined, text: string): string =>
  form === "routing-engines"
    ? text
        .replace(/\bnode([01])\b/g, "re$1")
        .replace(/, no manual flag, priorities as configured/g, "")
        .replace(/\bRG-0's primary\b/g, "master")
        .replace(/\bRG-0\b/g, "mastership")
    : form === "alone"
      ? text.replace(/\/node0\b/g, "/device").replace(/\bnode0(?: \([^)]*\))?/g, "the device")
      : text;

export interface ChassisInventory {
  /** @default "cluster" */
  readonly form?: ChassisForm;
  /** Of two routing engines: what they need to take over from one another without a break. */
  readonly nonStop?: { readonly gracefulSwitchover: boolean; readonly nonstopRouting: boolean };
  /** Why the nodes form no cluster, in the device's words. */
  readonly unclustered?: string;
  /** Node 0 and node 1. */
  readonly nodes: readonly [NodeState, NodeState];
  /** As its RG-0 primary sees it; empty if no node tells. */
  readonly groups: readonly RedundancyGroupState[];
  /** A card shows that an in-service upgrade is under way, started by whomever; the opposite proves nothing. */
  readonly upgrading: boolean;
  /** Warnings of the device's own check of the image, where it has one and was asked. */
  readonly deviceWarnings: readonly string[];
  /** Routing protocols that are configured, e.g. `bgp`. */
  readonly protocols: readonly string[];
  /** Highest epoch under which a campaign touched either node; 0 if none did. */
  readonly epoch: number;
}

export const nodeOf = (inventory: Pick<ChassisInventory, "nodes">, name: NodeName): NodeState =>
  inventory.nodes[name === "node0" ? 0 : 1];

/** What of a node's cards works: `FPC 0`, `FPC 0 PIC 1`, `FPC 0 PFE 0`. */
export const onlineOf = ({ fpcs, pics, pfes = [] }: NodeState): string[] => [
  ...fpcs.filter(({ state }) => state === "Online").map(({ fpc }) => `FPC ${fpc}`),
  ...pics.filter(({ state }) => state === "Online").map(({ fpc, pic }) => `FPC ${fpc} PIC ${pic}`),
  ...pfes.filter(({ state }) => state === "Links ok").map(({ fpc, pfe }) => `FPC ${fpc} PFE ${pfe}`),
];

/** The node that is primary for a group; undefined if none is. */
export function primaryOf({ groups }: Pick<ChassisInventory, "groups">, group: number): NodeName | undefined {
  const members = groups.find(({ id }) => id === group)?.members ?? {};
  return NODES.find((node) => members[node]?.status === "primary");
}

/** As it goes into a journal. */
export const asJson = (before: GroupsBefore): Json => before as unknown as Json;
