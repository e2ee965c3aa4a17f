/**
 * The simulated subscribers with their calls and their record, and the control of it all.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Procedure } from "pulumi-issu/contract";
import type { SplitView } from "../cnf/daemon.ts";
import { imsiOf, msinOf } from "../cnf/identity.ts";
import { type ControlAddress, ControlError, control, portOf, serveControl } from "../control.ts";
import type { GapFigures } from "./call-figures.ts";
import { Calls, type MediaFigures } from "./calls.ts";
import type { Kpis } from "./kpi-counts.ts";
import { PassingCalls } from "./passing-calls.ts";
import { Recorder, RecordWindow, type SplitError, type Tally } from "./recorder.ts";
import { type Rest, Rests, usersOf } from "./rests.ts";
import { type RuleSpec, Rules } from "./rules.ts";
import { ServedLog } from "./served-log.ts";
import { SplitCheck } from "./split-check.ts";
import { Subscribers } from "./subscribers.ts";
import { type SuccessRates, UserCauses } from "./user-causes.ts";

export interface TrafficOptions {
  readonly control: ControlAddress;
  /** Control of the network function, for the truth about the split. */
  readonly cnfControl?: ControlAddress;
  /** The network function's service address. */
  readonly service: { readonly host: string; readonly signallingPort: number; readonly mediaPort: number };
  readonly subscribers: number;
  readonly calls: number;
  readonly registrationsPerSecond?: number;
  readonly otherProceduresPerSecond?: number;
  readonly churnPerSecond?: number;
  readonly timeoutMs?: number;
  readonly tries?: number;
  readonly backOffMs?: number;
  /** 4G subscribers among them; the others come by 5G, and some hand over and back. Default 0: nobody hands over. */
  readonly fourG?: number;
  /** The first four are test cards: two designated ones and two that are not, each pair in a call and on the internet. */
  readonly testCards?: boolean;
  /** Success in percent without any fault of the network, by procedure; default 100. */
  readonly successRates?: SuccessRates;
  /** Of the draws by those rates. */
  readonly seed?: number;
  readonly log: (line: string) => void;
}

/** Figures of a window, or of what has passed of it. */
export interface WindowFigures extends Tally, Omit<MediaFigures, "bySide" | "byClass"> {
  readonly name: string;
  readonly open: boolean;
  readonly openedAt: string;
  readonly durationMs: number;
  /** Attached at the moment of reading. */
  readonly subscribers: number;
  /** Percentage points; over all subscribers and both classes. */
  readonly splitErrorPercentMax: number;
  readonly splitError: SplitError;
  readonly bySide: Record<"left" | "right", Tally & GapFigures & { readonly subscribers: number }>;
  readonly byClass: Record<"standing" | "new", Tally & GapFigures & { readonly subscribers: number }>;
  /** Attached now, on each side. */
  readonly users: Rest["users"];
  /** Procedures that came to an end, per side; a retry is none of its own. */
  readonly kpis: Kpis;
  readonly byProcedure: Record<string, { readonly attempted: number; readonly failed: number }>;
  /** Who met a version in the window; `outsideRatio` of them were neither within the ratio nor designated. */
  readonly metVersions: Record<string, { readonly subscribers: number; readonly outsideRatio: number }>;
}

const POLL = 200;
const TEST_CARDS = 4;

export class TrafficDaemon {
  readonly rules = new Rules();
  readonly recorder = new Recorder(this.rules);
  readonly subscribers: Subscribers;
  readonly #options: TrafficOptions;
  readonly #calls: Calls;
  readonly #passing: PassingCalls;
  readonly #check: SplitCheck;
  #probed = "";
  readonly #rests: Rests;
  readonly #served = new ServedLog();
  readonly #closed = new Map<string, WindowFigures>();
  /** Callers who can be heard, by their index. */
  readonly #ready: Uint8Array;
  #server: Server | undefined;
  #poll: NodeJS.Timeout | undefined;
  #stopped = false;
  #last = { at: performance.now(), attempted: 0, perSecond: 0 };
  #lastTimer: NodeJS.Timeout;

  private constructor(options: TrafficOptions) {
    this.#options = options;
    const { subscribers, calls, service } = options;
    const cards = options.testCards ? TEST_CARDS : 0;
    // The designated hold no call unless they are test cards.
    const first = cards > 0 ? 0 : 2;
    const callers = Math.max(cards, Math.min(2 * calls, Math.max(0, subscribers - 2) & ~1));
    // One in ten calls besides; all of a small population are busy enough.
    const passing = subscribers >= 4 * callers + 100 ? Math.ceil(calls / 10) : 0;
    this.subscribers = new Subscribers(
      {
        subscribers,
        calling: first + callers - 2,
        fourG: options.fourG ?? 0,
        cards,
        userCauses: new UserCauses(options.successRates, options.seed),
        registrationsPerSecond: options.registrationsPerSecond ?? 500,
        otherProceduresPerSecond: options.otherProceduresPerSecond ?? 300,
        churnPerSecond: options.churnPerSecond ?? 25,
        timeout: options.timeoutMs ?? 1_000,
        tries: options.tries ?? 4,
        backOff: options.backOffMs ?? 5_000,
        host: service.host,
        port: service.signallingPort,
      },
      this.recorder,
    );
    this.#ready = new Uint8Array(callers);
    this.#check = new SplitCheck(this.subscribers, this.recorder);
    this.#rests = new Rests(this.subscribers);
    this.subscribers.onServed = (...served) => this.#served.note(...served);
    this.#calls = new Calls({
      host: service.host,
      port: service.mediaPort,
      probePort: service.signallingPort,
      callers: Array.from({ length: callers }, (_, i) => this.subscribers.msinOf(first + i)),
      cards,
      passing,
    });
    this.#passing = new PassingCalls(this.subscribers, this.#calls, callers, passing);
    const ready = this.#ready;
    this.subscribers.onAttached = (slot) => {
      const stream = slot - first;
      if (stream >= callers) this.#passing.offer(slot);
      if (stream < 0 || stream >= callers) return;
      ready[stream] = 1;
      if (ready[stream ^ 1]) this.#calls.start([stream, stream ^ 1]);
    };
    this.#calls.onSilent = (streams) => {
      // Its own way in may be broken as well as its peer's.
      for (const stream of streams.flatMap((one) => [one, one ^ 1])) {
        const slot = stream < callers ? first + stream : this.#passing.slotOf(stream);
        if (slot !== undefined) this.subscribers.askForService(slot);
      }
    };
    this.#calls.onError = (error) => options.log(`calls: ${(error as Error).stack ?? error}`);
    void this.#calls.open("total", this.recorder.total.openedAt);
    this.#lastTimer = setInterval(() => {
      const now = performance.now();
      const attempted = this.recorder.total.total.proceduresAttempted;
      const perSecond = ((attempted - this.#last.attempted) * 1_000) / (now - this.#last.at);
      this.#last = { at: now, attempted, perSecond: Math.round(perSecond) };
    }, 1_000);
  }

  /** @throws {Error} if a port can't be bound. */
  static async start(options: TrafficOptions): Promise<TrafficDaemon> {
    const daemon = new TrafficDaemon(options);
    daemon.#server = await serveControl(options.control, (method, path, body) =>
      daemon.#control(method, path, body),
    );
    await daemon.subscribers.start();
    void daemon.#follow();
    return daemon;
  }

  get controlPort(): number {
    if (!this.#server) throw new Error("not started");
    return portOf(this.#server);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#poll);
    clearInterval(this.#lastTimer);
    this.#passing.reset();
    this.subscribers.close();
    this.rules.close();
    this.#server?.close();
    this.#server?.closeAllConnections();
    await this.#calls.stop();
  }

  /** @throws {ControlError} 409 if one of that name is open */
  async openWindow(name: string): Promise<{ readonly name: string; readonly openedAt: string }> {
    if (this.recorder.open.has(name)) throw new ControlError(409, `window ${name} is open already`);
    const window = new RecordWindow(name, this.recorder.kpis.copy());
    this.#closed.delete(name);
    this.recorder.open.set(name, window);
    await this.#calls.open(name, window.openedAt);
    return { name, openedAt: new Date(window.openedAt).toISOString() };
  }

  /** @throws {ControlError} 404 if there is none of that name */
  async closeWindow(name: string): Promise<WindowFigures> {
    const closed = this.#closed.get(name);
    if (closed) return closed;
    const window = name === "total" ? undefined : this.recorder.open.get(name);
    if (!window)
      throw new ControlError(404, `no window ${name}; POST /windows {"name": "${name}"} opens one`);
    this.recorder.open.delete(name);
    window.closedAt = Date.now();
    const figures = await this.#figures(window, await this.#calls.close(name));
    this.#closed.set(name, figures);
    return figures;
  }

  /** @throws {ControlError} 404 if there is none of that name */
  async readWindow(name: string): Promise<WindowFigures> {
    const closed = this.#closed.get(name);
    if (closed) return closed;
    const window = this.recorder.open.get(name);
    if (!window)
      throw new ControlError(404, `no window ${name}; POST /windows {"name": "${name}"} opens one`);
    return this.#figures(window, await this.#calls.read(name));
  }

  /** Begins anew, as after a start: for a lab whose network function has been taken away on purpose. */
  async reset(): Promise<void> {
    this.#ready.fill(0);
    this.#passing.reset();
    this.#calls.reset();
    this.subscribers.reset();
    this.recorder.reset();
    this.#closed.clear();
    this.#probed = "";
    this.#rests.reset();
    this.#served.reset();
    this.#last = { at: performance.now(), attempted: 0, perSecond: 0 };
    await this.#calls.open("total", this.recorder.total.openedAt);
  }

  async #figures(window: RecordWindow, calls: MediaFigures): Promise<WindowFigures> {
    const { openedAt, split } = window;
    const bySide = { left: 0, right: 0 };
    const byClass = { standing: 0, new: 0 };
    this.subscribers.each((_msin, side, arrived) => {
      if (side === 1) bySide.left++;
      else if (side === 2) bySide.right++;
      byClass[arrived >= openedAt ? "new" : "standing"]++;
    });
    const { bySide: callsBySide, byClass: callsByClass, ...callTotals } = calls;
    return {
      name: window.name,
      open: window.closedAt === undefined,
      openedAt: new Date(openedAt).toISOString(),
      durationMs: (window.closedAt ?? Date.now()) - openedAt,
      subscribers: this.subscribers.attached,
      ...window.total,
      ...callTotals,
      splitErrorPercentMax: Math.round(Math.max(split.all, split.standing, split.new) * 1_000) / 1_000,
      splitError: { ...split },
      bySide: {
        left: { subscribers: bySide.left, ...window.bySide.left, ...callsBySide.left },
        right: { subscribers: bySide.right, ...window.bySide.right, ...callsBySide.right },
      },
      byClass: {
        standing: { subscribers: byClass.standing, ...window.byClass.standing, ...callsByClass.standing },
        new: { subscribers: byClass.new, ...window.byClass.new, ...callsByClass.new },
      },
      users: usersOf(this.subscribers),
      kpis: this.recorder.kpis.since(window.kpisBefore),
      byProcedure: structuredClone(window.byProcedure),
      metVersions: await this.#met(window),
    };
  }

  async #met(window: RecordWindow): Promise<WindowFigures["metVersions"]> {
    const result: Record<string, { subscribers: number; outsideRatio: number }> = {};
    const designated = new Set((this.#check.view?.pinned ?? []).map((subscriber) => msinOf(subscriber)));
    for (const [version, met] of window.met) {
      const allowed = await this.#everRight(version);
      let outsideRatio = 0;
      // One that never was a right side was there for everybody.
      if (allowed) for (const msin of met) if (!allowed.has(msin) && !designated.has(msin)) outsideRatio++;
      result[version] = { subscribers: met.size, outsideRatio };
    }
    return result;
  }

  /** Subscribers that the split ever put on the side of that version; undefined if it never was a right side. */
  async #everRight(version: string): Promise<Set<number> | undefined> {
    if (!this.#options.cnfControl) return undefined;
    try {
      const path = `/ever-right/${encodeURIComponent(version)}`;
      const { msins } = await control<{ msins: number[] | null }>(this.#options.cnfControl, "GET", path);
      return msins ? new Set(msins) : undefined;
    } catch {
      return undefined;
    }
  }

  async #follow(): Promise<void> {
    if (this.#stopped || !this.#options.cnfControl) return;
    try {
      const view = await control<SplitView>(this.#options.cnfControl, "GET", "/split");
      this.#rests.look(view, this.#check.look(view), this.recorder.kpis);
      if (this.#probed !== view.standby.join()) {
        this.#probed = view.standby.join();
        this.#calls.probe(view.standby);
      }
    } catch {
      // It is away, or not there yet.
    }
    if (!this.#stopped) this.#poll = setTimeout(() => void this.#follow(), POLL);
  }

  async #control(method: string, path: readonly string[], body: unknown): Promise<unknown> {
    const [what, name, verb] = path;
    switch (`${method} /${what ?? ""}${verb ? `/${verb}` : ""}`) {
      case "GET /state":
        return {
          pid: process.pid,
          attached: this.subscribers.attached,
          subscribers: this.subscribers.count,
          attachSeconds: this.subscribers.attachSeconds,
          memory: process.memoryUsage().rss,
          cpu: process.cpuUsage(),
          longestStallMs: Math.round(this.subscribers.takeLongestStall() * 10) / 10,
        };
      case "GET /figures":
        return { ...(await this.readWindow("total")), proceduresPerSecond: this.#last.perSecond };
      case "GET /rests":
        return this.#rests.list;
      case "GET /cards":
        return Array.from({ length: this.#options.testCards ? TEST_CARDS : 0 }, (_, i) => ({
          subscriber: imsiOf(i + 1),
          served: this.#served.of(i + 1),
        }));
      case "POST /reset":
        return this.reset();
      case "POST /windows":
        return this.openWindow(nameIn(body));
      case "POST /windows/close":
        return this.closeWindow(name ?? "");
      case "GET /windows":
        return name === undefined
          ? [...this.recorder.open.keys(), ...this.#closed.keys()]
          : this.readWindow(name);
      case "POST /rules": {
        const { name: _, ...spec } = body as RuleSpec & { name: string };
        try {
          return this.rules.add(nameIn(body), spec);
        } catch (error) {
          throw new ControlError(400, (error as Error).message);
        }
      }
      case "GET /rules": {
        const rule = this.rules.get(name ?? "");
        if (!rule) throw new ControlError(404, `no rule ${name}`);
        return rule;
      }
      case "POST /dial": {
        const { subscribers = [], procedures = [] } = (body ?? {}) as {
          subscribers?: readonly string[];
          procedures?: readonly Procedure[];
        };
        const known = subscribers.map((subscriber) => {
          const msin = msinOf(subscriber);
          return msin === undefined ? subscriber : imsiOf(msin);
        });
        try {
          return (await Promise.all(known.map((one) => this.subscribers.dial(one, procedures)))).flat();
        } catch (error) {
          throw new ControlError(400, (error as Error).message);
        }
      }
      default:
        throw new ControlError(
          404,
          `no ${method} /${path.join("/")}; there are /state, /figures, /windows, /windows/NAME/close, /rests, /cards, /rules, /dial and /reset`,
        );
    }
  }
}

function nameIn(body: unknown): string {
  const name = (body as { name?: unknown } | undefined)?.name;
  if (typeof name !== "string" || !/^[\w.-]+$/.test(name)) {
    throw new ControlError(
      400,
      `name: got ${JSON.stringify(name)}, expected letters, digits, dots and hyphens`,
    );
  }
  return name;
}
