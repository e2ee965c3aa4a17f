/**
 * What happened, in order: what tests of an upgrade's order are checked against (CHA-2 to CHA-10).
 *
 * @module
 */
import type { DeviceClock } from "./clock.ts";

export type NodeId = 0 | 1;

export const other = (node: NodeId): NodeId => (node === 0 ? 1 : 0);

export type ChassisEventType =
  // redundancy
  | "group-moved"
  | "group-manual"
  | "group-reset"
  | "hold-started"
  | "hold-ended"
  | "node-ineligible"
  | "node-disabled"
  | "peer-lost"
  | "peer-joined"
  | "link-down"
  | "link-up"
  | "cold-sync-started"
  | "cold-sync-complete"
  | "cold-sync-failed"
  // nodes
  | "node-down"
  | "node-up"
  | "boot-failed"
  | "copied"
  | "installed"
  | "install-cut"
  | "rolled-back"
  | "snapshot"
  | "committed"
  | "commit-failed"
  | "mixed-releases"
  | "same-releases"
  // cards
  | "pfe-state-saved"
  | "pfe-image-downloaded"
  | "pfe-issu-ready"
  | "fpc-down"
  | "fpc-up"
  | "pic-down"
  | "pic-up"
  | "pfe-state-restored"
  | "fpc-linked"
  // upgrade
  | "issu-started"
  | "issu-warning"
  | "image-validated"
  | "configuration-checked"
  | "kernel-synced"
  | "processes-prepared"
  | "pics-notified"
  | "pfes-ready"
  | "switchover-prepared"
  | "switchover"
  | "issu-complete"
  | "issu-failed"
  | "issu-abort-asked"
  | "issu-aborted"
  // anything that was asked for and not done
  | "refused"
  // operators
  | "login"
  | "login-refused"
  | "session-cut"
  | "fault"
  | "fault-cleared";

export interface ChassisEvent {
  /** Counted from 1. */
  readonly seq: number;
  /** ISO 8601, of this machine. */
  readonly at: string;
  /** Device seconds since the simulation began. */
  readonly deviceSeconds: number;
  readonly type: ChassisEventType;
  readonly node?: NodeId;
  readonly group?: number;
  readonly fpc?: number;
  readonly pic?: number;
  /** Node or release before, and after. */
  readonly from?: NodeId | string;
  readonly to?: NodeId | string;
  readonly release?: string;
  /** Why, in one line; for refusals the device's own words. */
  readonly reason?: string;
  readonly user?: string;
}

export type EventDetails = Omit<ChassisEvent, "seq" | "at" | "deviceSeconds" | "type">;

export class EventLog {
  readonly #clock: DeviceClock;
  readonly #events: ChassisEvent[] = [];
  readonly #listeners = new Set<(event: ChassisEvent) => void>();

  constructor(clock: DeviceClock) {
    this.#clock = clock;
  }

  record(type: ChassisEventType, details: EventDetails = {}): void {
    const event: ChassisEvent = {
      seq: this.#events.length + 1,
      at: new Date().toISOString(),
      deviceSeconds: Number(this.#clock.now().toFixed(3)),
      type,
      ...details,
    };
    this.#events.push(event);
    for (const listener of [...this.#listeners]) listener(event);
  }

  list(): readonly ChassisEvent[] {
    return [...this.#events];
  }

  /** @returns what ends it */
  listen(listener: (event: ChassisEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits until something holds that changes with events only.
   *
   * @param seconds device seconds to wait for it at most
   * @returns whether it came to hold
   * @throws the signal's reason when it is aborted
   */
  async until(holds: () => boolean, seconds: number, signal?: AbortSignal): Promise<boolean> {
    if (holds()) return true;
    const seen = new AbortController();
    const done = new Error("it holds");
    const stop = this.listen(() => {
      if (holds()) seen.abort(done);
    });
    try {
      const ends = signal ? AbortSignal.any([seen.signal, signal]) : seen.signal;
      await this.#clock.wait(seconds, ends);
      return holds();
    } catch (error) {
      if (error === done) return true;
      throw error;
    } finally {
      stop();
    }
  }
}
