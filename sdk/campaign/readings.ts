/**
 * What a query yielded since a stage began, by side. Pure.
 *
 * @module
 */
import type { Side } from "../contract/subscriber-split";

/** Long soaks keep every second reading, then every fourth, and so on: comparing takes the square of their number. */
const MOST = 400;

export class Readings {
  private readonly kept: { readonly [side in Side]: { values: number[]; every: number; seen: number } } = {
    left: { values: [], every: 1, seen: 0 },
    right: { values: [], every: 1, seen: 0 },
  };
  /** Newest of each side, and when it was read, ms since 1970. */
  private readonly newest = new Map<Side, { readonly value: number; readonly at: number }>();

  add(side: Side, value: number, at: number): void {
    this.newest.set(side, { value, at });
    const of = this.kept[side];
    if (of.seen++ % of.every === 0) of.values.push(value);
    if (of.values.length <= MOST) return;
    of.values = of.values.filter((_, i) => i % 2 === 0);
    of.every *= 2;
  }

  /** In the order in which they were read. */
  values(side: Side): readonly number[] {
    return this.kept[side].values;
  }

  /** How many were read, kept or not. */
  count(side: Side): number {
    return this.kept[side].seen;
  }

  latest(side: Side): { readonly value: number; readonly at: number } | undefined {
    return this.newest.get(side);
  }
}
