/**
 * Failures that a site has anyway, for causes of the subscribers' own: out of reach, no subscription, a wrong name. Drawn
 * for each attempt, from a seed, so that KPIs wander as they do in the field (GRY-11).
 *
 * @module
 */
import { procedureNames } from "../cnf/wire.ts";

/** Success in percent without any fault of the network, by procedure; 100 for those left out. */
export type SuccessRates = Readonly<Record<string, number>>;

export class UserCauses {
  readonly #failing: Float64Array;
  #state: number;

  /** @throws {RangeError} naming everything that is wrong with the rates */
  constructor(rates: SuccessRates = {}, seed = 1) {
    const wrong = Object.entries(rates).flatMap(([name, rate]) => [
      ...(procedureNames.some((known) => known === name)
        ? []
        : [`successRates.${name}: expected one of ${procedureNames.join(", ")}`]),
      ...(rate >= 0 && rate <= 100 ? [] : [`successRates.${name}: got ${rate}, expected percent, 0 to 100`]),
    ]);
    if (wrong.length > 0) throw new RangeError(wrong.join("; "));
    this.#failing = Float64Array.from(procedureNames, (name) => 1 - (rates[name] ?? 100) / 100);
    this.#state = seed >>> 0;
  }

  /** Whether this attempt fails. */
  draw(procedure: number): boolean {
    const share = this.#failing[procedure] ?? 0;
    return share > 0 && this.#next() < share;
  }

  /** 0 to 1; mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let h = this.#state;
    h = Math.imul(h ^ (h >>> 15), h | 1);
    h ^= h + Math.imul(h ^ (h >>> 7), h | 61);
    return ((h ^ (h >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}
