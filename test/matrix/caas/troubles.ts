/**
 * What befalls the upgrade of a cluster's nodes, and what it has to come to.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { MaintenanceWindow, NodePool } from "pulumi-issu";
import type { Lab } from "../../../lab/lab.ts";
import type { Running } from "../../support/command.ts";
import type { SeenCluster } from "../../support/seen-cluster.ts";
import { apiTroubles as api, ends as engineEnds } from "../troubles.ts";

/** What the `up` came to that met the trouble. */
export type First = "completed" | "rolled back" | "stopped" | "held" | "refused";

export interface Aside {
  readonly lab: Lab;
  readonly cluster: SeenCluster;
  /** Runs the `issu` command on the cluster's campaign. */
  readonly issu: (...args: readonly string[]) => Promise<{ readonly code: number; readonly output: string }>;
}

export interface Context extends Aside {
  readonly up: Running;
}

export interface Trouble {
  readonly name: string;
  /** In one line, for the table's key. */
  readonly meaning: string;
  /** Differs from what is declared otherwise, for the first `up` alone. */
  readonly declared?: () => { readonly pool?: Partial<NodePool>; readonly window?: MaintenanceWindow };
  /** Before the `up`. */
  readonly prepare?: (aside: Aside) => Promise<void>;
  /** At the point. */
  readonly strike?: (context: Context) => Promise<void>;
  /** Once the next `up` is through: an engine that was left for dead wakes up. */
  readonly later?: (context: Context) => Promise<void>;
  /** The engine does not end, nor does it go on. */
  readonly lingers?: true;
  readonly first: readonly First[];
  /** Part of what the first `up` has to say. */
  readonly says?: RegExp;
  /** A machine's end takes what it carried with it; nothing that a campaign does could keep it. */
  readonly harms?: true;
  /** A node that somebody else cordoned, and nobody but he opens. */
  readonly theirs?: string;
  /** Nodes whose machines the way back has to boot, in this order. */
  readonly back?: readonly string[];
}

const BACK: readonly First[] = ["rolled back"];
const ANY: readonly First[] = ["completed", "rolled back", "stopped"];
/** The way back may have to wait until the machine is mended. */
const BACK_LATER: readonly First[] = ["rolled back", "stopped"];

/** The node of the second wave, with one before it that goes back too and one after it that was never touched. */
export const SECOND = "node-2";
export const THIRD = "node-3";

const machine =
  (fault: string, of: string, params: Readonly<Record<string, string>> = {}) =>
  ({ lab }: Aside): Promise<void> =>
    lab.fault(fault, { machine: of, ...params });

/** Refused at preview, before anything is touched. */
export const refused = {
  budget: {
    name: "budget that never allows",
    meaning: "a single replica whose budget asks for it",
    prepare: ({ cluster }) => cluster.deploy({ name: "lone", replicas: 1, minAvailable: 1 }),
    first: ["refused"],
    says: /never lets one of its single pod go/,
  },
  unhealthy: {
    name: "unhealthy pods counted",
    meaning: "one of two pods is not ready, and the budget asks for one",
    prepare: async ({ cluster }) => {
      await cluster.deploy({ name: "sickly", replicas: 2, minAvailable: 1 });
      await cluster.unready("sickly");
    },
    first: ["refused"],
    says: /asks for 1 healthy pods of 2, and 1 are/,
  },
  bare: {
    name: "pod without controller",
    meaning: "nothing would start it anew",
    prepare: ({ cluster }) => cluster.barePod("bare", SECOND),
    first: ["refused"],
    says: /no controller owns it/,
  },
  machine: {
    name: "node not ready",
    meaning: "a node of the pool is not, before anything began",
    prepare: ({ lab }) => lab.fault("node-unreachable", { node: THIRD }),
    first: ["refused"],
    says: /node-3 is not ready/,
  },
} satisfies Record<string, Trouble>;

/** Pods that do not leave. */
export const pods = {
  budget: {
    name: "budget comes later",
    meaning: "a single replica with a budget that asks for it comes to node-3 when the first wave has begun",
    strike: ({ cluster }) => cluster.deploy({ name: "lone", replicas: 1, minAvailable: 1, node: THIRD }),
    first: BACK,
    says: /core\/lone-\S+ on node-3: budget core\/lone never allows a disruption/,
    back: [SECOND, "node-1"],
  },
  finalizer: {
    name: "finalizer",
    meaning: "a pod on node-2 has a finalizer that nobody takes off",
    prepare: ({ cluster }) =>
      cluster.deploy({ name: "held", replicas: 1, node: SECOND, finalizer: "example.com/never" }),
    // The one that starts in its place has it too, and may be where the way back has to drain.
    first: BACK_LATER,
    says: /finalizers example\.com\/never were not taken off/,
  },
  volume: {
    name: "volume that does not detach",
    meaning: "pods of node-2 do not end: their node can't unmount a volume",
    prepare: ({ lab }) => lab.fault("volume-stuck", { node: SECOND }),
    first: BACK_LATER,
    says: /on node-2: its node does not confirm its end|DRAIN_SLOW|still on their way/,
  },
  bare: {
    name: "pod without controller, later",
    meaning: "one comes to node-3 when the first wave has begun",
    strike: ({ cluster }) => cluster.barePod("bare", THIRD),
    first: BACK,
    says: /core\/bare on node-3: no controller owns it/,
  },
} satisfies Record<string, Trouble>;

/** Nodes and machines. */
export const machines = {
  boot: {
    name: "node never comes back",
    meaning: "the machine of node-2 gets no further than its firmware, until it is mended",
    prepare: machine("boot-fails", SECOND),
    first: BACK_LATER,
  },
  version: {
    name: "node with its old version",
    meaning: "node-3 boots the former release: waves 3 to 1 go back in reverse",
    prepare: machine("wrong-version", THIRD),
    first: BACK,
    says: /node-3 came back with/,
    back: [SECOND, "node-1"],
  },
  disk: {
    name: "disk full",
    meaning: "no image can be written on the disk of node-2",
    prepare: machine("disk-full", SECOND),
    first: BACK,
    says: /node-2 came back with .*no space left/,
  },
  flapping: {
    name: "node flaps",
    meaning: "node-2 is ready and not ready in turn while it soaks",
    strike: machine("flapping", SECOND),
    first: BACK,
    says: /node-2 did not stay ready|node-2 has .* and is not ready/,
  },
  unreachable: {
    name: "node unreachable",
    meaning: "node-2 is heard of no more, though its pods run on",
    strike: ({ lab }) => lab.fault("node-unreachable", { node: SECOND }),
    first: BACK_LATER,
  },
  power: {
    name: "power lost",
    meaning: "node-2 is off at once with all that it carries, while node-1 is drained",
    strike: machine("power-lost", SECOND),
    first: ANY,
    harms: true,
  },
  refused: {
    name: "surge refused",
    meaning: "the controller of the spare machine refuses to switch it on, for want of power in the rack",
    prepare: machine("reset-refused", "spare-1"),
    first: BACK,
    says: /power limit reached/,
  },
  silent: {
    name: "controller silent",
    meaning: "the controller of node-2 takes requests and answers none",
    strike: machine("controller-silent", SECOND),
    first: ANY,
  },
  slow: {
    name: "slow machine",
    meaning: "all that the machine of node-2 does takes three times as long",
    prepare: machine("slow-machine", SECOND, { factor: "3" }),
    first: ["completed"],
  },
} satisfies Record<string, Trouble>;

/** What others do meanwhile. */
export const others = {
  cordons: {
    name: "somebody cordons",
    meaning: "somebody else cordons node-3 before its turn: it is upgraded and stays cordoned",
    strike: ({ cluster }) => cluster.cordon(THIRD, true),
    first: ["completed"],
    theirs: THIRD,
  },
  uncordons: {
    name: "somebody uncordons",
    meaning: "somebody else opens node-2 while it is drained: no pod that comes there dies with its boot",
    strike: ({ cluster }) => cluster.cordon(SECOND, false),
    first: ANY,
  },
  abort: {
    name: "aborted",
    meaning: "an operator runs `issu abort` in another terminal",
    strike: async ({ issu }) => {
      const { code, output } = await issu("abort", "caas/core/edge", "--reason", "the matrix");
      assert.equal(code, 0, output);
    },
    first: BACK,
  },
  window: {
    name: "window closes",
    meaning:
      "the maintenance window is over half-way: the wave in hand ends, and the next `up` inside one goes on",
    declared: () => ({ window: closing(Date.now()), pool: { soak: "45s" } }),
    first: ["held"],
  },
} satisfies Record<string, Trouble>;

/** From an hour ago to a full minute between 45 and 105 s ahead. */
function closing(now: number): MaintenanceWindow {
  const clock = (at: number) => new Date(at).toISOString().slice(11, 16);
  return { from: clock(now - 3_600_000), to: clock(now + 105_000), timeZone: "UTC" };
}

/** The engine comes to its end, in all the ways of the hard core; where a stage is short it may be over first. */
export const ends = {
  kill: only(engineEnds.kill),
  orphan: only(engineEnds.orphan),
  interrupt: only(engineEnds.interrupt),
  interruptTwice: only(engineEnds.interruptTwice),
} satisfies Record<string, Trouble>;

export const frozen: Trouble = {
  ...only(engineEnds.freeze),
  later: ({ up }) => engineEnds.freeze.later({ up }),
  lingers: true,
  first: ["stopped"],
};

/** Between the campaign and the API server, by the lab's proxy. */
export const apiTroubles = {
  away: ofApi(api.away),
  silent: ofApi(api.silent),
  failing: ofApi(api.failing),
  watches: ofApi(api.watches),
} satisfies Record<string, Trouble>;

function only(end: {
  readonly name: string;
  readonly meaning: string;
  readonly strike: (engine: { readonly up: Running }) => Promise<void>;
}): Trouble {
  const { name, meaning } = end;
  return { name, meaning, strike: ({ up }) => end.strike({ up }), first: ANY };
}

function ofApi({ name, meaning, strike }: (typeof api)[keyof typeof api]): Trouble {
  // It asks for nothing but the lab.
  return { name, meaning, strike: async ({ lab }) => strike?.({ lab } as never), first: ANY };
}
