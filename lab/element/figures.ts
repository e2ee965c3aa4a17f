/**
 * What the site measures and shows of elements, all of it outside their trees.
 *
 * @module
 */
import type { Platform } from "./agent.ts";

/** One kind of traffic in a window. */
export interface Flow {
  readonly sent: number;
  /** Not arrived, or not answered, within a second. */
  readonly lost: number;
  /** Longest time between two arrivals, milliseconds. */
  readonly longestGapMs: number;
}

/** One element in a window. */
export interface ElementCounts {
  /** Seen by its neighbour. */
  readonly adjacencyDrops: number;
  readonly hardwareResets: number;
  readonly boots: number;
  readonly bootIdBefore: string;
  readonly bootIdAfter: string;
  /** Longest time without a control plane, milliseconds. */
  readonly awayMs: number;
  /** From the beginning of that time until adjacency and forwarding table were those of the new tree, milliseconds. */
  readonly rebuiltMs: number;
  /** Rebuilt by the window's end. */
  readonly rebuilt: boolean;
  /** What the old tree left behind. */
  readonly left: {
    readonly processes: readonly string[];
    readonly mounts: readonly string[];
    readonly ipc: readonly string[];
  };
}

/** What was measured between `begin` and `end` (INI-7, INI-11). */
export interface Figures {
  readonly seconds: number;
  /** Through the elements, both ways. */
  readonly transit: Flow;
  /** To the elements themselves, answered by their control planes. */
  readonly punted: Flow;
  readonly elements: Readonly<Record<string, ElementCounts>>;
  /** Zero packet loss: neither transit nor punted packets. */
  readonly zpl: boolean;
  /** Zero topology loss: no adjacency dropped, no transit packet lost. */
  readonly ztl: boolean;
  readonly events: readonly {
    readonly at: string;
    readonly machine: string;
    readonly what: string;
    readonly detail?: string;
  }[];
}

/** An element from outside, now. */
export interface ElementView {
  readonly name: string;
  readonly platform: Platform;
  /** Process 1 of its tree, as this machine counts; 0 while it is off. */
  readonly pid: number;
  readonly bootId: string;
  readonly boots: number;
  readonly modules: Readonly<Record<string, string>>;
  readonly resetCause: string;
  /** Whose init process 1 executes: partition, checksum and version of it. */
  readonly partition: string;
  readonly exeSha256: string;
  readonly version: string;
  /** Init has reported in since the last boot. */
  readonly reported: boolean;
  readonly adjacency: boolean;
  /** Entries in the line cards' table. */
  readonly routes: number;
  readonly resets: number;
  readonly sshPort: number;
  /** Nothing is away, and the tables are those of the present tree. */
  readonly rebuilt: boolean;
  readonly faults: Readonly<Record<string, boolean>>;
  /** Steps of init's procedures, `before:` and `after:` each. */
  readonly steps: readonly string[];
}
