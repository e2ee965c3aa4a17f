/**
 * What a network element runs, as one look at it shows it. A driver makes it, the plan rule reads it (ESC-07).
 *
 * @module
 */

export type PartitionName = "a" | "b";

export const otherPartition = (partition: PartitionName): PartitionName => (partition === "a" ? "b" : "a");

/** What a root file system says of itself. */
export interface RootRelease {
  readonly version: string;
  /** ABI of the kernel that it was built for (INI-10). */
  readonly kernelAbi: string;
  /** Kernel modules and the ABI of each. */
  readonly modules: { readonly [module: string]: string };
  /** SHA-256 of the image that it was installed from, hexadecimal; left out where nobody wrote that down. */
  readonly sha256?: string;
  /** SHA-256 of its init, as its own manifest says. */
  readonly initSha256?: string;
}

/** The root in service. */
export const rootInService = ({ partition, partitions }: ElementInventory): RootRelease | undefined =>
  (partition === undefined ? undefined : partitions[partition]) ?? undefined;

/** The last change of the root in service, or the one that goes on, in the element's own words. */
export interface RootSwitch {
  readonly id: string;
  readonly path: "issu" | "reboot";
  /** `returned`: the old root serves, and it got there by itself. `interrupted`: something ended it, and the machine booted. */
  readonly state: "running" | "completed" | "returned" | "interrupted";
  readonly reason?: string;
  readonly warnings?: readonly string[];
  readonly from: { readonly version: string; readonly partition: string };
  readonly to: { readonly version: string; readonly partition: string };
}

export interface ElementInventory {
  /** Why it could not be asked; then nothing else is known of it. */
  readonly unreachable?: string;
  readonly version?: string;
  readonly partition?: PartitionName;
  readonly bootId?: string;
  /** SHA-256 of what process 1 executes. */
  readonly initSha256?: string;
  readonly kernelAbi?: string;
  readonly modules: { readonly [module: string]: string };
  /** What lies on each partition; null where that is no root file system. */
  readonly partitions: { readonly [partition in PartitionName]?: RootRelease | null };
  /** Bytes of each. */
  readonly room: {
    readonly [partition in PartitionName]?: { readonly total: number; readonly free: number };
  };
  /** How long each neighbour does without hellos, milliseconds. */
  readonly holdMs: readonly number[];
  /** How many ways each neighbour has beside this element, that want traffic (ESC-16). */
  readonly otherWays: readonly number[];
  /** Traffic is asked to go another way. */
  readonly overload: boolean;
  readonly switch?: RootSwitch;
  /** Highest epoch under which a campaign touched it; 0 if none did. */
  readonly epoch: number;
}
