/**
 * How often each procedure was attempted and how often it failed for good, per side, as subscribers saw it: the KPIs of
 * GRY-11 from the traffic's own record. A retry is no attempt of its own here.
 *
 * @module
 */
import { procedureNames, sideNumber } from "../cnf/wire.ts";

/** First registrations are counted as registrations, and once more by themselves. */
const INITIAL = "initial-registration";
const NAMES = [...procedureNames, INITIAL] as const;
const REGISTRATION = procedureNames.indexOf("registration");

export interface Attempts {
  readonly attempted: number;
  readonly failed: number;
}

/** By procedure, and `initial-registration`. */
export type SideKpis = Readonly<Record<string, Attempts>>;
export type Kpis = Readonly<Record<"left" | "right", SideKpis>>;

export class KpiCounts {
  readonly #attempted = new Float64Array(2 * NAMES.length);
  readonly #failed = new Float64Array(2 * NAMES.length);

  /** @param side its number */
  count(procedure: number, side: number, success: boolean, initial: boolean): void {
    this.#add(procedure, side, success);
    if (initial && procedure === REGISTRATION) this.#add(NAMES.length - 1, side, success);
  }

  /** As it is now. */
  copy(): KpiCounts {
    const copy = new KpiCounts();
    copy.#attempted.set(this.#attempted);
    copy.#failed.set(this.#failed);
    return copy;
  }

  /** What has come since a copy was taken. */
  since(before: KpiCounts): Kpis {
    const side = (number: number): SideKpis =>
      Object.fromEntries(
        NAMES.map((name, i) => {
          const cell = 2 * i + number - 1;
          const less = (now: Float64Array, then: Float64Array) => (now[cell] ?? 0) - (then[cell] ?? 0);
          return [
            name,
            {
              attempted: less(this.#attempted, before.#attempted),
              failed: less(this.#failed, before.#failed),
            },
          ];
        }),
      );
    return { left: side(sideNumber.left), right: side(sideNumber.right) };
  }

  #add(index: number, side: number, success: boolean): void {
    const cell = 2 * index + side - 1;
    this.#attempted[cell] = (this.#attempted[cell] ?? 0) + 1;
    if (!success) this.#failed[cell] = (this.#failed[cell] ?? 0) + 1;
  }
}
