/**
 * What a campaign asks of the machines behind nodes, whatever manages them (ESC-24).
 *
 * @module
 */
import type { MachineState } from "./caas-inventory";

export interface Machine extends MachineState {
  /** As the node on it reports it (`status.nodeInfo.systemUUID`). */
  readonly uuid: string;
}

export interface BootWish {
  readonly version: string;
  /** Where its image is loaded from, if it is not on the disk; null if nobody knows. */
  readonly image: string | null;
  /** Loaded anew also where it is on the disk, unless the former release is wanted. */
  readonly former: boolean;
}

export interface MachineWait {
  readonly signal: AbortSignal;
  /** ms since 1970 */
  readonly deadline: number;
  readonly progress: (line: string) => void;
}

export interface Machines {
  /** @throws TargetError `UNREACHABLE`, `UNAUTHORIZED`, `BAD_ANSWER`; so do all below. */
  list(signal?: AbortSignal): Promise<readonly Machine[]>;
  /**
   * Has a machine boot a release, and returns once its system runs, as far as the machine can tell. What it runs is for the node
   * to say.
   *
   * @throws TargetError `MACHINE_FAILED`, `NO_IMAGE`, `TIMEOUT`, `ABORTED`
   */
  boot(id: string, wish: BootWish, wait: MachineWait): Promise<void>;
  /** Returns once it is off. @throws as `boot` */
  powerOff(id: string, wait: MachineWait): Promise<void>;
  /** Lets go of what was opened there. */
  close(): Promise<void>;
}
