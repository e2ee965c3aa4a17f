/**
 * A redundancy group: who is primary in it, and why.
 *
 * @module
 */
import type { NodeId } from "./events.ts";
import { Silences, Timeline } from "./timeline.ts";

export class RedundancyGroup {
  readonly id: number;
  /** As configured, of node 0 and node 1. */
  priorities: readonly [number, number];
  preempt: boolean;
  /** Device seconds that a node stays in secondary-hold after it was primary. */
  holdDown: number;
  /** Where an operator, or an upgrade, has put it; that node's priority counts as 255. */
  manual: NodeId | undefined;
  failovers = 1;
  /** Which node is in secondary-hold, and until when (device seconds). */
  hold: { readonly node: NodeId; readonly until: number } | undefined;
  readonly #primary: Timeline<NodeId | undefined>;
  /** When it was on its way from node to node. */
  readonly interruptions = new Silences();

  /** @param now device seconds */
  constructor(
    id: number,
    options: {
      readonly priorities: readonly [number, number];
      readonly preempt: boolean;
      readonly holdDown: number;
    },
    now: () => number,
  ) {
    this.id = id;
    this.priorities = options.priorities;
    this.preempt = options.preempt;
    this.holdDown = options.holdDown;
    this.#primary = new Timeline<NodeId | undefined>(undefined, now);
  }

  get primary(): NodeId | undefined {
    return this.#primary.current;
  }

  set primary(node: NodeId | undefined) {
    this.#primary.current = node;
  }

  /** @param at device seconds */
  primaryAt(at: number): NodeId | undefined {
    return this.#primary.at(at);
  }
}
