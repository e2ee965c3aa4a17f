/**
 * A neighbour's heartbeat: asks each active-standby component every 20 ms who is active, by the network function's one
 * address, and measures for how long nobody answers (ESC-01).
 *
 * @module
 */
import { at, PROBE_TRAILER, type } from "../cnf/wire.ts";

export interface ProbeFigures {
  /** Longest time between two answers of a component, beyond what the sender's own lateness explains, ms. */
  readonly switchoverGapMs: number;
  readonly probesAnswered: number;
  readonly probesLost: number;
  /** Answers by one that was no longer active, to somebody who had heard of its successor. */
  readonly probesStale: number;
  /** Answers of each version. */
  readonly probesByVersion: Readonly<Record<string, number>>;
}

export const noProbes: ProbeFigures = {
  switchoverGapMs: 0,
  probesAnswered: 0,
  probesLost: 0,
  probesStale: 0,
  probesByVersion: {},
};

/** Time between two probes of a component, ms. */
const INTERVAL = 20;
/** Silence that is longer than any answer takes, ms. */
const SILENCE = 5 * INTERVAL;

interface Target {
  readonly name: string;
  sequence: number;
  expected: number;
  answeredAt: number;
  lateness: number;
  /** Highest term that was heard of. */
  term: number;
}

interface Window {
  gap: number;
  answered: number;
  lost: number;
  stale: number;
  readonly byVersion: Record<string, number>;
}

export class Prober {
  readonly #send: (message: Buffer) => void;
  readonly #targets = new Map<number, Target>();
  readonly #windows = new Map<string, Window>();
  #due = performance.now();
  #next = 1;

  constructor(send: (message: Buffer) => void) {
    this.#send = send;
  }

  /** Groups that are to be asked from now on. */
  set groups(names: readonly string[]) {
    const known = new Set<string>();
    for (const [id, { name }] of this.#targets) {
      if (names.includes(name)) known.add(name);
      else this.#targets.delete(id);
    }
    for (const name of names) {
      if (known.has(name)) continue;
      const target = { name, sequence: 0, expected: 0, answeredAt: -1, lateness: 0, term: 0 };
      this.#targets.set(this.#next++, target);
    }
  }

  open(window: string): void {
    this.#windows.set(window, { gap: 0, answered: 0, lost: 0, stale: 0, byVersion: {} });
  }

  close(window: string): void {
    this.#windows.delete(window);
  }

  reset(): void {
    this.#targets.clear();
    this.#windows.clear();
  }

  /**
   * Sends what is due.
   *
   * @returns when to call again, on the clock of `performance.now`
   */
  send(now: number): number {
    for (; this.#due <= now; this.#due += INTERVAL) {
      for (const [id, target] of this.#targets) this.#sendOne(id, target, this.#due);
    }
    return this.#due;
  }

  receive(answer: Buffer): void {
    const target = this.#targets.get(answer.readUInt32LE(at.msin));
    if (!target) return;
    const now = performance.now();
    const number = answer.readUInt32LE(at.sequence);
    const term = answer.readUInt32LE(at.transaction);
    const version = answer.toString("latin1", PROBE_TRAILER, answer.indexOf(0, PROBE_TRAILER));
    const late = answer.readDoubleLE(at.sent) - answer.readDoubleLE(at.due);
    const lost = number >= target.expected ? number - target.expected : -1;
    if (number >= target.expected) target.expected = number + 1;
    const gap = now - target.answeredAt - Math.max(0, late - target.lateness);
    for (const window of this.#windows.values()) {
      window.answered++;
      window.lost += lost;
      if (term < target.term) window.stale++;
      window.byVersion[version] = (window.byVersion[version] ?? 0) + 1;
      if (target.answeredAt >= 0) window.gap = Math.max(window.gap, gap);
    }
    target.term = Math.max(target.term, term);
    target.answeredAt = now;
    target.lateness = late;
  }

  figures(name: string): ProbeFigures {
    const window = this.#windows.get(name);
    if (!window) return noProbes;
    const now = performance.now();
    let gap = window.gap;
    for (const { answeredAt } of this.#targets.values()) {
      if (answeredAt >= 0 && now - answeredAt > SILENCE) gap = Math.max(gap, now - answeredAt);
    }
    return {
      switchoverGapMs: Math.round(gap * 100) / 100,
      probesAnswered: window.answered,
      probesLost: window.lost,
      probesStale: window.stale,
      probesByVersion: { ...window.byVersion },
    };
  }

  #sendOne(id: number, target: Target, due: number): void {
    const name = Buffer.from(`${target.name}\0`);
    const message = Buffer.alloc(PROBE_TRAILER + name.length);
    message[at.type] = type.probe;
    message.writeUInt32LE(id, at.msin);
    message.writeUInt32LE(target.sequence, at.sequence);
    target.sequence++;
    message.writeDoubleLE(due, at.due);
    message.writeDoubleLE(performance.now(), at.sent);
    name.copy(message, PROBE_TRAILER);
    this.#send(message);
  }
}
