/**
 * When the traffic's own record first meets a gate's rule, so that the campaign's reaction can be timed by something that
 * is not the campaign.
 *
 * @module
 */
import type { Side } from "pulumi-issu/contract";
import { procedureNames, sideNumber } from "../cnf/wire.ts";

export interface RuleSpec {
  readonly procedure: string;
  /** Success in percent below which the rule is met. */
  readonly atLeast: number;
  readonly minSamples: number;
  readonly side: Side;
  /** Ms since 1970 or ISO 8601, at most ten minutes ago; default: now. */
  readonly since?: number | string;
  /** Count anew whenever the ratio of the split changes, as gates do that look at one stage. */
  readonly perRatio?: boolean;
}

export interface RuleState extends RuleSpec {
  readonly name: string;
  readonly attempts: number;
  readonly successes: number;
  /** When the rule was first met, ms since 1970. */
  readonly metAt?: number;
  readonly metAtIso?: string;
}

interface Rule {
  readonly spec: RuleSpec;
  readonly cell: number;
  attemptsBefore: number;
  successesBefore: number;
  metAt: number | undefined;
}

/** Procedures times two sides. */
const CELLS = procedureNames.length * 2;
/** Time between two snapshots of the counters, ms, and how many are kept. */
const EVERY = 100;
const KEPT = 6_000;

export class Rules {
  readonly #attempts = new Float64Array(CELLS);
  readonly #successes = new Float64Array(CELLS);
  readonly #rules = new Map<string, Rule>();
  readonly #history = new Float64Array(KEPT * 2 * CELLS);
  readonly #instants = new Float64Array(KEPT);
  #snapshots = 0;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    this.#timer = setInterval(() => this.#snapshot(), EVERY);
    this.#timer.unref();
  }

  clear(): void {
    this.#rules.clear();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * @returns the state of the rule as it begins
   * @throws {RangeError} if a part of it makes no sense
   */
  add(name: string, spec: RuleSpec): RuleState {
    const procedure = (procedureNames as readonly string[]).indexOf(spec.procedure);
    const wrong = (key: keyof RuleSpec, expected: string) =>
      new RangeError(`rule ${name}: ${key}: got ${JSON.stringify(spec[key])}, expected ${expected}`);
    if (procedure < 0) throw wrong("procedure", procedureNames.join(" | "));
    if (spec.side !== "left" && spec.side !== "right") throw wrong("side", "left | right");
    if (!(spec.atLeast >= 0 && spec.atLeast <= 100)) throw wrong("atLeast", "percent, 0 to 100");
    if (!(spec.minSamples >= 1)) throw wrong("minSamples", "1 or more");
    const cell = procedure * 2 + sideNumber[spec.side] - 1;
    const rule: Rule = { spec, cell, attemptsBefore: 0, successesBefore: 0, metAt: undefined };
    this.#begin(rule, spec.since === undefined ? undefined : new Date(spec.since).getTime());
    this.#rules.set(name, rule);
    this.#judge(rule);
    return this.#state(name, rule);
  }

  get(name: string): RuleState | undefined {
    const rule = this.#rules.get(name);
    return rule && this.#state(name, rule);
  }

  count(procedure: number, side: number, success: boolean): void {
    const cell = procedure * 2 + side - 1;
    this.#attempts[cell] = (this.#attempts[cell] ?? 0) + 1;
    if (success) this.#successes[cell] = (this.#successes[cell] ?? 0) + 1;
    for (const rule of this.#rules.values()) if (rule.cell === cell) this.#judge(rule);
  }

  /** The ratio of the split has changed. */
  ratioChanged(): void {
    for (const rule of this.#rules.values()) {
      if (rule.spec.perRatio && rule.metAt === undefined) this.#begin(rule, undefined);
    }
  }

  #begin(rule: Rule, since: number | undefined): void {
    rule.attemptsBefore = this.#attempts[rule.cell] ?? 0;
    rule.successesBefore = this.#successes[rule.cell] ?? 0;
    if (since === undefined) return;
    // The oldest snapshot that is not older; without one, what is there now.
    for (let i = Math.max(0, this.#snapshots - KEPT); i < this.#snapshots; i++) {
      if ((this.#instants[i % KEPT] ?? 0) < since) continue;
      const base = (i % KEPT) * 2 * CELLS;
      rule.attemptsBefore = this.#history[base + rule.cell] ?? 0;
      rule.successesBefore = this.#history[base + CELLS + rule.cell] ?? 0;
      return;
    }
  }

  #judge(rule: Rule): void {
    if (rule.metAt !== undefined) return;
    const attempts = (this.#attempts[rule.cell] ?? 0) - rule.attemptsBefore;
    if (attempts < rule.spec.minSamples) return;
    const successes = (this.#successes[rule.cell] ?? 0) - rule.successesBefore;
    if ((100 * successes) / attempts < rule.spec.atLeast) rule.metAt = Date.now();
  }

  #state(name: string, rule: Rule): RuleState {
    return {
      name,
      ...rule.spec,
      attempts: (this.#attempts[rule.cell] ?? 0) - rule.attemptsBefore,
      successes: (this.#successes[rule.cell] ?? 0) - rule.successesBefore,
      ...(rule.metAt === undefined
        ? {}
        : { metAt: rule.metAt, metAtIso: new Date(rule.metAt).toISOString() }),
    };
  }

  #snapshot(): void {
    const at = this.#snapshots % KEPT;
    this.#instants[at] = Date.now();
    this.#history.set(this.#attempts, at * 2 * CELLS);
    this.#history.set(this.#successes, at * 2 * CELLS + CELLS);
    this.#snapshots++;
  }
}
