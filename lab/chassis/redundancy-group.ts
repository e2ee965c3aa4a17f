/**
 * A redundancy group: who is primary in it, and why.
 *
 * @module
 */
import type { NodeId } from "./events.ts";

export class RedundancyGroup {
  readonly id: number;
  /** As configured, of node 0 and node 1. */
  priorities: readonly [number, number];
  preempt: boolean;
  /** Device seconds that a node stays in secondary-hold after it was primary. */
  holdDown: number;
  primary: NodeId | undefined;
  /** Where an operator, or an upgrade, has put it; that node's priority counts as 255. */
  manual: NodeId | undefined;
  failovers = 1;
  /** Which node is in secondary-hold, and until when (device seconds). */
  hold: { readonly node: NodeId; readonly until: number } | undefined;
  /** Until when nothing passes through it (device seconds). */
  interruptedUntil = 0;

  constructor(
    id: number,
    options: {
      readonly priorities: readonly [number, number];
      readonly preempt: boolean;
      readonly holdDown: number;
    },
  ) {
    this.id = id;
    this.priorities = options.priorities;
    this.preempt = options.preempt;
    this.holdDown = options.holdDown;
  }
}
