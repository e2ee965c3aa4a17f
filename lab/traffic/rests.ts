/**
 * What was the case while the split rested at a ratio: who was served where, by access type, and the KPIs of each side
 * from the moment everybody had arrived until somebody had to move again (GRY-08, GRY-10, GRY-11).
 *
 * @module
 */
import type { SplitView } from "../cnf/daemon.ts";
import { msinOf } from "../cnf/identity.ts";
import type { KpiCounts, Kpis } from "./kpi-counts.ts";
import type { Subscribers } from "./subscribers.ts";

export interface AccessCounts {
  readonly "4g": number;
  readonly "5g": number;
}

export interface Rest {
  /** Percent. */
  readonly ratio: number;
  /** Versions of the sides. */
  readonly left: string;
  readonly right: string;
  /** Ms since 1970, of the first and the last look. */
  readonly since: number;
  readonly until: number;
  /** At the last look, all of them. */
  readonly users: { readonly left: AccessCounts; readonly right: AccessCounts };
  readonly kpis: Kpis;
  /** Largest deviation from the ratio in any look, percentage points, those on a side by designation left out. */
  readonly splitError: AccessCounts;
}

/** Longest list that is kept; the oldest go. */
const KEPT = 200;

/** Subscribers on each side by access type. */
export function usersOf(subscribers: Subscribers, without: ReadonlySet<number> = new Set()): Rest["users"] {
  const counts = { left: { "4g": 0, "5g": 0 }, right: { "4g": 0, "5g": 0 } };
  subscribers.each((msin, side, _arrived, on4G) => {
    if (side !== 0 && !without.has(msin)) counts[side === 1 ? "left" : "right"][on4G ? "4g" : "5g"]++;
  });
  return counts;
}

export class Rests {
  readonly #subscribers: Subscribers;
  readonly #list: Rest[] = [];
  /** Counts as they were when the rest in hand began. */
  #before: { readonly generation: number; readonly kpis: KpiCounts } | undefined;

  constructor(subscribers: Subscribers) {
    this.#subscribers = subscribers;
  }

  get list(): readonly Rest[] {
    return this.#list;
  }

  reset(): void {
    this.#list.length = 0;
    this.#before = undefined;
  }

  /**
   * Looks at the split, some times a second. A rest begins when everybody has arrived, and goes on until the split is set
   * anew: those few who move meanwhile, since others came and left, don't end it.
   *
   * @param settled whether everybody has been where the split wants them since the last look
   */
  look(view: SplitView, settled: boolean, kpis: KpiCounts): void {
    const { generation, ratio, left, right } = view;
    if (this.#before?.generation !== generation) this.#before = undefined;
    if (ratio === undefined || !left || !right) return;
    const last = this.#before && this.#list.pop();
    if (!last && !settled) return;
    if (!last && this.#list.length >= KEPT) this.#list.shift();
    this.#before ??= { generation, kpis: kpis.copy() };
    const now = Date.now();
    this.#list.push({
      ratio,
      left: left.version,
      right: right.version,
      since: last?.since ?? now,
      until: now,
      users: settled || !last ? usersOf(this.#subscribers) : last.users,
      kpis: kpis.since(this.#before.kpis),
      splitError: settled || !last ? this.#error(view, ratio, last?.splitError) : last.splitError,
    });
  }

  /** @param worst so far */
  #error(view: SplitView, ratio: number, worst: AccessCounts = { "4g": 0, "5g": 0 }): AccessCounts {
    const designated = new Set(view.pinned.map((subscriber) => msinOf(subscriber) ?? 0));
    const { left, right } = usersOf(this.#subscribers, designated);
    const error = (access: keyof AccessCounts): number => {
      const all = left[access] + right[access];
      return all === 0
        ? worst[access]
        : Math.max(worst[access], Math.abs((100 * right[access]) / all - ratio));
    };
    return { "4g": error("4g"), "5g": error("5g") };
  }
}
