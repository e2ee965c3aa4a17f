/**
 * What a simulated cluster consists of.
 *
 * @module
 */
import { type Durations, defaultDurations } from "./durations.ts";
import type { NodeId } from "./events.ts";
import { isRelease } from "./release.ts";

export interface PicOptions {
  /** Default `10x 10GE SFP+`. */
  readonly type?: string;
  /** Whether it stays up while its FPC restarts in an upgrade. Default true. */
  readonly issuSupported?: boolean;
}

export interface FpcOptions {
  /** Default `SRX5K IOC II`. */
  readonly type?: string;
  /** By slot. Default: two. */
  readonly pics?: readonly PicOptions[];
}

export interface GroupOptions {
  /** Of node 0 and node 1, 1 to 254. */
  readonly priorities: readonly [number, number];
  /** Not for group 0. Default false. */
  readonly preempt?: boolean;
  /** Device seconds in secondary-hold after a failover: group 0 takes 300 to 1800, others 0 to 1800. Default 300 and 1. */
  readonly holdDown?: number;
}

/** A redundant interface: one port on each node, in the same slots. */
export interface RethOptions {
  /** `reth0`, `reth1`, … */
  readonly name: string;
  readonly group: number;
  readonly fpc: number;
  readonly pic: number;
}

export interface UserOptions {
  readonly name: string;
  readonly password?: string;
  /** Public keys, each as in a `.pub` file. */
  readonly authorizedKeys?: readonly string[];
}

export interface ChassisOptions {
  /** Host names are `<name>-0` and `<name>-1`. Default `srx`. */
  readonly name?: string;
  /** Folder for host keys and credentials, mode 600, used again by the next cluster there. Default: kept in memory only. */
  readonly dir?: string;
  /** Device seconds that pass in a second. Default 60. */
  readonly timeScale?: number;
  /** On both nodes. Default `21.2R3-S4.9`. */
  readonly release?: string;
  /** `high-end` boxes want the keyword `reboot`, `branch` ones `no-sync`. Default `high-end`. */
  readonly family?: "high-end" | "branch";
  /** 1: a stand-alone box. Default 2. */
  readonly nodes?: 1 | 2;
  /** The two nodes are the routing engines of one chassis, with its cards in common. Default false. */
  readonly routingEngines?: boolean;
  readonly clusterId?: number;
  /** Of each node, by slot. Default: two with two PICs each. */
  readonly fpcs?: readonly FpcOptions[];
  /** By number, from 0. Default: 0 and 1 prefer node 0, 2 prefers node 1. */
  readonly groups?: readonly GroupOptions[];
  /** Default: reth0 and reth1 in group 1, reth2 and reth3 in group 2 if there is one. */
  readonly interfaces?: readonly RethOptions[];
  /** Default: `lab` with a password and a key made up. */
  readonly users?: readonly UserOptions[];
  /** Statements beside those that the rest of the options makes, e.g. `protocols ospf area 0 interface reth0`. */
  readonly configuration?: readonly string[];
  readonly durations?: Partial<Durations>;
  /** Newest version of NETCONF that the SSH servers offer, as the subsystem `netconf`. Default `1.1`. */
  readonly netconf?: "off" | "1.0" | "1.1";
  /** Ports on 127.0.0.1, by node. Default: free ones. */
  readonly ports?: readonly number[];
}

export interface ChassisShape {
  readonly name: string;
  readonly dir: string | undefined;
  readonly timeScale: number;
  readonly release: string;
  readonly family: "high-end" | "branch";
  readonly model: string;
  /** Ids of the nodes. */
  readonly nodes: readonly NodeId[];
  /** `cluster`: two boxes; `routing-engines`: two engines of one chassis; `alone`: one box. */
  readonly form: "cluster" | "routing-engines" | "alone";
  readonly clusterId: number;
  readonly fpcs: readonly { readonly type: string; readonly pics: readonly Required<PicOptions>[] }[];
  readonly groups: readonly Required<GroupOptions>[];
  readonly interfaces: readonly RethOptions[];
  readonly users: readonly UserOptions[];
  readonly configuration: readonly string[];
  readonly durations: Durations;
  readonly netconf: "off" | "1.0" | "1.1";
  readonly ports: readonly number[];
}

/** Slots of node 1 are counted on from here in the names of ports. */
export const SLOT_OFFSET = 12;

const defaultGroups: readonly GroupOptions[] = [
  { priorities: [200, 100] },
  { priorities: [200, 100] },
  { priorities: [100, 200] },
];

/** Of two routing engines only who is master. */
const mastership: readonly GroupOptions[] = [{ priorities: [128, 127] }];

const defaultFpc: FpcOptions = { pics: [{}, {}] };

/**
 * Fills in defaults.
 *
 * @throws {Error} naming every mistake with what was expected
 */
export function checkedOptions(options: ChassisOptions): ChassisShape {
  const family = options.family ?? "high-end";
  const form = options.nodes === 1 ? "alone" : options.routingEngines ? "routing-engines" : "cluster";
  const groups = form === "alone" ? [] : form === "cluster" ? (options.groups ?? defaultGroups) : mastership;
  const fpcs = (options.fpcs ?? [defaultFpc, defaultFpc]).map(
    ({ type = "SRX5K IOC II", pics = [{}, {}] }) => ({
      type,
      pics: pics.map(({ type: kind = "10x 10GE SFP+", issuSupported = true }) => ({
        type: kind,
        issuSupported,
      })),
    }),
  );
  const shape: ChassisShape = {
    name: options.name ?? "srx",
    dir: options.dir,
    timeScale: options.timeScale ?? 60,
    release: options.release ?? "21.2R3-S4.9",
    family,
    model: form === "routing-engines" ? "mx480" : family === "branch" ? "srx345" : "srx5800",
    form,
    nodes: options.nodes === 1 ? [0] : [0, 1],
    clusterId: options.clusterId ?? 1,
    fpcs,
    groups: groups.map(({ priorities, preempt = false, holdDown }, id) => ({
      priorities,
      preempt,
      holdDown: holdDown ?? (id === 0 ? 300 : 1),
    })),
    interfaces: options.interfaces ?? defaultInterfaces(form === "cluster" ? groups.length : 0, fpcs),
    users: options.users ?? [],
    configuration: options.configuration ?? [],
    durations: { ...defaultDurations, ...options.durations },
    netconf: options.netconf ?? "1.1",
    ports: options.ports ?? [],
  };
  const mistakes = mistakesIn(shape, options);
  if (mistakes.length > 0) throw new Error(`chassis options: ${mistakes.join("; ")}`);
  return shape;
}

function defaultInterfaces(groups: number, fpcs: ChassisShape["fpcs"]): readonly RethOptions[] {
  const last = fpcs.length - 1;
  const pic = (fpc: number) => Math.min(1, (fpcs[fpc]?.pics.length ?? 1) - 1);
  const pairs = groups > 2 ? [1, 2] : [Math.min(1, Math.max(0, groups - 1))];
  return pairs.flatMap((group, at) => [
    { name: `reth${2 * at}`, group, fpc: 0, pic: at === 0 ? 0 : pic(0) },
    { name: `reth${2 * at + 1}`, group, fpc: last, pic: at === 0 ? 0 : pic(last) },
  ]);
}

function mistakesIn(shape: ChassisShape, options: ChassisOptions): readonly string[] {
  const mistakes: string[] = [];
  const { name, timeScale, release, groups, fpcs, interfaces, durations, users } = shape;
  if (!/^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/.test(name))
    mistakes.push(
      `name: got ${JSON.stringify(name)}, expected 1 to 30 lower-case letters, digits and inner hyphens`,
    );
  if (!(timeScale > 0 && timeScale <= 100_000))
    mistakes.push(`timeScale: got ${timeScale}, expected a number above 0 and up to 100000`);
  if (!isRelease(release))
    mistakes.push(`release: got ${JSON.stringify(release)}, expected one as 21.4R3-S5.4`);
  if (fpcs.length < 1 || fpcs.length > SLOT_OFFSET)
    mistakes.push(`fpcs: got ${fpcs.length}, expected 1 to ${SLOT_OFFSET}`);
  for (const [slot, { pics }] of fpcs.entries())
    if (pics.length < 1) mistakes.push(`fpcs[${slot}].pics: got none, expected one or more`);
  if (options.routingEngines && (options.nodes === 1 || options.groups))
    mistakes.push("routingEngines: two engines have no nodes of their own and no groups; leave these out");
  if (shape.form === "cluster" && groups.length < 2)
    mistakes.push(`groups: got ${groups.length}, expected group 0 and one or more others`);
  for (const [id, { priorities, preempt, holdDown }] of groups.entries()) {
    if (priorities.length !== 2 || !priorities.every((p) => Number.isInteger(p) && p >= 1 && p <= 254))
      mistakes.push(
        `groups[${id}].priorities: got ${priorities.join(", ")}, expected two numbers from 1 to 254`,
      );
    if (id === 0 && preempt) mistakes.push("groups[0].preempt: group 0 can't preempt; leave it out");
    const least = id === 0 ? 300 : 0;
    if (!(holdDown >= least && holdDown <= 1800))
      mistakes.push(`groups[${id}].holdDown: got ${holdDown}, expected ${least} to 1800 seconds`);
  }
  for (const [at, reth] of interfaces.entries()) {
    if (!/^reth\d+$/.test(reth.name))
      mistakes.push(`interfaces[${at}].name: got ${reth.name}, expected reth<number>`);
    if (!fpcs[reth.fpc]?.pics[reth.pic])
      mistakes.push(`interfaces[${at}]: there is no PIC ${reth.pic} in FPC ${reth.fpc}`);
    if (shape.form === "cluster" && (reth.group < 1 || !groups[reth.group]))
      mistakes.push(
        `interfaces[${at}].group: got ${reth.group}, expected a group from 1 to ${groups.length - 1}`,
      );
  }
  for (const [key, seconds] of Object.entries(durations))
    if (!(seconds >= 0)) mistakes.push(`durations.${key}: got ${seconds}, expected seconds, 0 or more`);
  if (!["off", "1.0", "1.1"].includes(shape.netconf))
    mistakes.push(`netconf: got ${JSON.stringify(shape.netconf)}, expected off, 1.0 or 1.1`);
  for (const [at, { name: user, password, authorizedKeys }] of users.entries())
    if (password === undefined && !authorizedKeys?.length)
      mistakes.push(`users[${at}] (${user}): expected a password or authorizedKeys`);
  return mistakes;
}
