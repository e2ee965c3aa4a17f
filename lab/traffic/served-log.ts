/**
 * Which instance served a test card, and since when, as the card itself was told (GRY-10).
 *
 * @module
 */
import { sideOf } from "../cnf/wire.ts";

export interface Served {
  /** Ms since 1970. */
  readonly since: number;
  readonly version: string;
  readonly pod: string;
  readonly side?: "left" | "right";
}

export class ServedLog {
  readonly #log = new Map<number, Served[]>();

  reset(): void {
    this.#log.clear();
  }

  /** A message has come from an instance. */
  note(msin: number, version: string, pod: string, side: number): void {
    const log = this.#log.get(msin) ?? [];
    this.#log.set(msin, log);
    const last = log.at(-1);
    if (last?.pod === pod && last.version === version) return;
    const name = sideOf(side);
    log.push({ since: Date.now(), version, pod, ...(name ? { side: name } : {}) });
  }

  of(msin: number): readonly Served[] {
    return this.#log.get(msin) ?? [];
  }
}
