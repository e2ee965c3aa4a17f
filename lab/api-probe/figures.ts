/**
 * What a client of the API met, over named windows of time.
 *
 * @module
 */

/** How the API is called: a connection for each read, one connection for all reads, one for all writes. */
export const kinds = ["new", "standing", "write"] as const;

export type Kind = (typeof kinds)[number];

export interface CallFigures {
  calls: number;
  /** Calls whose first try failed. */
  firstTryFailures: number;
  /** Calls that had not succeeded after 5 s of retries. */
  failures: number;
  /** Longest time between two successes, ms; about the interval of the calls when all is well. */
  longestGapMs: number;
}

export interface WatchFigures {
  /** Changes seen. */
  events: number;
  /** Times that the standing watch ended without having been asked to. */
  breaks: number;
  /** Times that it could not go on from where it had ended and began anew with a list. */
  relists: number;
  /** Changes never seen, since it began anew past them. */
  missed: number;
  /** Longest time between two changes seen, ms; about the interval of the writes when all is well. */
  longestGapMs: number;
}

/** Figures of a window, or of what has passed of it. */
export interface ProbeFigures extends CallFigures {
  readonly name: string;
  readonly open: boolean;
  /** ISO 8601. */
  readonly openedAt: string;
  readonly durationMs: number;
  readonly byKind: Readonly<Record<Kind, CallFigures>>;
  readonly watch: WatchFigures;
  /** Why tries failed, and how often; a try again counts, too. */
  readonly reasons: Readonly<Record<string, number>>;
}

const noCalls = (): CallFigures => ({ calls: 0, firstTryFailures: 0, failures: 0, longestGapMs: 0 });

class Window {
  readonly name: string;
  /** ms since 1970 */
  readonly openedAt = Date.now();
  readonly began = performance.now();
  closedAt: number | undefined;
  readonly byKind: Record<Kind, CallFigures> = { new: noCalls(), standing: noCalls(), write: noCalls() };
  readonly watch: WatchFigures = { events: 0, breaks: 0, relists: 0, missed: 0, longestGapMs: 0 };
  readonly reasons: Record<string, number> = {};

  constructor(name: string) {
    this.name = name;
  }
}

export class ProbeRecorder {
  readonly #open = new Map<string, Window>([["total", new Window("total")]]);
  readonly #closed = new Map<string, ProbeFigures>();
  /** Last successes, by `performance.now()`. */
  readonly #last = new Map<Kind | "watch", number>();

  get names(): readonly string[] {
    return [...this.#open.keys(), ...this.#closed.keys()];
  }

  /** @returns false if one of that name is open. */
  open(name: string): boolean {
    if (this.#open.has(name)) return false;
    this.#closed.delete(name);
    this.#open.set(name, new Window(name));
    return true;
  }

  /** @returns undefined if there is none of that name. */
  read(name: string): ProbeFigures | undefined {
    const window = this.#open.get(name);
    return window ? this.#figures(window) : this.#closed.get(name);
  }

  /** @returns undefined if there is none of that name; the window `total` stays open. */
  close(name: string): ProbeFigures | undefined {
    const window = this.#open.get(name);
    if (window && name !== "total") {
      window.closedAt = Date.now();
      this.#closed.set(name, this.#figures(window));
      this.#open.delete(name);
    }
    return this.read(name);
  }

  /** A call has come to its end. */
  call(kind: Kind, outcome: { readonly firstTry: boolean; readonly success: boolean }): void {
    if (outcome.success) this.#gap(kind, ({ byKind }) => byKind[kind]);
    for (const { byKind } of this.#open.values()) {
      byKind[kind].calls += 1;
      if (!outcome.firstTry) byKind[kind].firstTryFailures += 1;
      if (!outcome.success) byKind[kind].failures += 1;
    }
  }

  failedTry(reason: string): void {
    for (const { reasons } of this.#open.values()) reasons[reason] = (reasons[reason] ?? 0) + 1;
  }

  event(): void {
    this.#gap("watch", ({ watch }) => watch);
    for (const { watch } of this.#open.values()) watch.events += 1;
  }

  watchTrouble(what: "breaks" | "relists" | "missed", count = 1): void {
    for (const { watch } of this.#open.values()) watch[what] += count;
  }

  #gap(what: Kind | "watch", of: (window: Window) => { longestGapMs: number }): void {
    const now = performance.now();
    for (const window of this.#open.values()) {
      const figures = of(window);
      figures.longestGapMs = Math.max(figures.longestGapMs, this.#since(what, window, now));
    }
    this.#last.set(what, now);
  }

  #since(what: Kind | "watch", { began }: Window, now: number): number {
    return Math.round(now - Math.max(this.#last.get(what) ?? 0, began));
  }

  /** A gap that has not ended counts as long as it is. */
  #figures(window: Window): ProbeFigures {
    const now = performance.now();
    const withGap = <T extends { longestGapMs: number }>(what: Kind | "watch", figures: T): T => ({
      ...figures,
      longestGapMs: Math.max(figures.longestGapMs, this.#since(what, window, now)),
    });
    const byKind = {
      new: withGap("new", window.byKind.new),
      standing: withGap("standing", window.byKind.standing),
      write: withGap("write", window.byKind.write),
    };
    const sum = (key: keyof CallFigures) => kinds.reduce((total, kind) => total + byKind[kind][key], 0);
    return {
      name: window.name,
      open: window.closedAt === undefined,
      openedAt: new Date(window.openedAt).toISOString(),
      durationMs: (window.closedAt ?? Date.now()) - window.openedAt,
      calls: sum("calls"),
      firstTryFailures: sum("firstTryFailures"),
      failures: sum("failures"),
      longestGapMs: Math.max(...kinds.map((kind) => byKind[kind].longestGapMs)),
      byKind,
      watch: withGap("watch", window.watch),
      reasons: { ...window.reasons },
    };
  }
}
