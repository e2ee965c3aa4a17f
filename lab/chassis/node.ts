/**
 * One box: what it runs, its cards, files, configuration and processes.
 *
 * @module
 */

import type { Statements } from "./configuration/statements.ts";
import { ConfigurationStore } from "./configuration/store.ts";
import type { NodeId } from "./events.ts";
import { FileSystem } from "./file-system.ts";
import { Fpc } from "./fpc.ts";
import type { ChassisShape } from "./options.ts";

/** The node went down while something waited on it. */
export class NodeDownError extends Error {
  override readonly name = "NodeDownError";
}

/** What the next boot loads. */
export interface PendingPackage {
  readonly release: string;
  readonly boots: boolean;
}

/** Processes of the routing engine that an upgrade has to do with, and their process ids. */
const PROCESSES = ["chassisd", "ksyncd", "jsrpd", "mgd", "rpd", "dcd", "flowd"] as const;

export class ChassisNode {
  readonly id: NodeId;
  readonly hostname: string;
  readonly files: FileSystem;
  readonly configuration: ConfigurationStore;
  readonly fpcs: readonly Fpc[];
  /** Whether its cards go off with it. */
  readonly ownsCards: boolean;
  readonly processes = new Map<string, { pid: number; state: "running" | "issu-ready" }>();
  release: string;
  /** What `request system software rollback` goes back to. */
  previous: string | undefined;
  pending: PendingPackage | undefined;
  power: "up" | "booting" | "off" = "up";
  /** Device seconds. */
  bootedAt = 0;
  coldSync: "none" | "running" | "complete" | "failed" = "complete";
  eligibility: "eligible" | "ineligible" | "disabled" = "eligible";
  /** Flows whose session this node knows. */
  readonly sessions = new Set<number>();
  /** What it knew before it last went down, and when that was (device seconds). */
  #forgotten: { readonly at: number; readonly sessions: ReadonlySet<number> } | undefined;
  /** Copy of root and configuration made by `request system snapshot`. */
  snapshot: { readonly at: number; readonly release: string } | undefined;
  #life = new AbortController();
  readonly #now: () => number;

  /** @param now device seconds @param common cards that it shares with the other */
  constructor(
    id: NodeId,
    shape: ChassisShape,
    statements: Statements,
    now: () => number,
    common?: readonly Fpc[],
  ) {
    this.id = id;
    this.#now = now;
    this.hostname = `${shape.name}-${shape.form === "routing-engines" ? "re" : ""}${id}`;
    this.release = shape.release;
    this.files = new FileSystem(now);
    this.ownsCards = common === undefined;
    this.fpcs = common ?? shape.fpcs.map((fpc, slot) => new Fpc(slot, fpc, shape.release, now));
    this.configuration = new ConfigurationStore({ statements, at: 0, user: "root" });
    this.startProcesses();
  }

  get isUp(): boolean {
    return this.power === "up";
  }

  /** Aborted when it goes down; another one begins with the next boot. */
  get life(): AbortSignal {
    return this.#life.signal;
  }

  /** Whether it knew a flow's session. @param at device seconds */
  knew(flow: number, at: number): boolean {
    const { sessions } = this.#forgotten && at < this.#forgotten.at ? this.#forgotten : this;
    return sessions.has(flow);
  }

  startProcesses(): void {
    const first = 2000 + Math.floor(Math.random() * 500);
    for (const [at, name] of PROCESSES.entries())
      this.processes.set(name, { pid: first + at, state: "running" });
  }

  /** Everything that lives in memory is gone. */
  die(why: string): void {
    this.power = "off";
    this.coldSync = "none";
    this.eligibility = "eligible";
    this.#forgotten = { at: this.#now(), sessions: new Set(this.sessions) };
    this.sessions.clear();
    this.processes.clear();
    if (this.ownsCards) for (const fpc of this.fpcs) fpc.powerOff();
    this.#life.abort(new NodeDownError(`node${this.id} went down: ${why}`));
  }

  begin(): void {
    this.#life = new AbortController();
    this.power = "booting";
  }
}
