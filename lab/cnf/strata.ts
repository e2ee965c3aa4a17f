/**
 * An assignment for each access type: 4G and 5G subscribers are split by quota each on their own, so that neither is off
 * the ratio, however few there are of one (GRY-03, GRY-11).
 *
 * @module
 */
import { Assignment } from "pulumi-issu/contract";

export class Strata {
  readonly #fiveG = new Assignment();
  readonly #fourG = new Assignment();

  of(fourG: boolean): Assignment {
    return fourG ? this.#fourG : this.#fiveG;
  }

  /** @param ratio percent */
  set ratio(ratio: number) {
    this.#fiveG.ratio = ratio;
    this.#fourG.ratio = ratio;
  }

  /** Changes whenever one of the thresholds does. */
  get thresholds(): number {
    return this.#fiveG.threshold + 1_000 * this.#fourG.threshold;
  }
}
