/**
 * What the driver needs of a session with a node, whichever language it is held in.
 *
 * @module
 */
import type { Limits } from "../ssh/waiting";
import type { Banner, RunOptions } from "./command-line";
import type { Question } from "./questions";

/** Languages in which a device is driven. */
export type Protocol = "cli" | "netconf";

export interface Session {
  /** Why nothing more will come; undefined while it is open. */
  readonly closed: string | undefined;
  /** What the session shows of the node by itself. */
  readonly banner: Banner | undefined;
  /** @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED` */
  ask<T>(question: Question<T>, node: string, limits: Limits): Promise<T>;
  /**
   * Runs a command of the device's command line, or the operation that does the same.
   *
   * @returns what the device said; what it complains of begins with `error:`.
   * @throws TargetError `TIMEOUT`, `SESSION_LOST`, `ABORTED`
   */
  run(command: string, options: RunOptions): Promise<string>;
  close(): void;
}
