/**
 * Faults of the network function, injected by name. An instance asks here; nothing else in it knows of faults.
 *
 * @module
 */
import { imsiOf, lot } from "./identity.ts";
import { procedureNames } from "./wire.ts";

export type FaultParams = Readonly<Record<string, string | number | boolean>>;

export interface FaultDescription {
  /** Names of the parameters that must be given, and what each is. */
  readonly params: Readonly<Record<string, string>>;
  readonly effect: string;
}

export const faultCatalogue: Readonly<Record<string, FaultDescription>> = {
  "procedure-failures": {
    params: { version: "1.2.0", procedure: "registration", percentOfSubscribers: "3" },
    effect: "the version rejects the procedure for that share of the subscribers, always the same ones",
  },
  "metrics-missing": { params: { version: "1.2.0" }, effect: "instances of the version serve no metrics" },
  "no-samples": { params: { version: "1.2.0" }, effect: "counters of the version's instances never move" },
  "instance-crash": {
    params: { "workload or version": "amf-gsu-1-2-0-ab12", count: "1 (default)" },
    effect:
      "instances die at once with all they hold and come back empty after restartAfterMs (default 2000)",
  },
  "slow-move": { params: { perSecond: "100" }, effect: "at most so many subscribers move a second" },
  "dial-test-failure": {
    params: { version: "1.2.0" },
    effect: "the version rejects every procedure of the subscribers that a dial test designates",
  },
  "sync-never": {
    params: { version: "1.2.0" },
    effect: "members of a group that are of the version and not in step yet never come into step",
  },
  "sync-slow": {
    params: { version: "1.2.0", recordsPerSecond: "100" },
    effect: "members of the version take over at most so many records a second",
  },
  "member-crash": {
    params: {
      "workload or version": "amf-omu-1-2-0-ab12",
      count: "1 (default)",
      role: "active (optional), one of active, standby, member",
    },
    effect:
      "members of groups die at once with all they hold, the active first, and come back empty after restartAfterMs (default 2000)",
  },
  "data-loss": {
    params: { component: "csdb (optional)" },
    effect: "all records of a data-storage component vanish from all of its members, which stay",
  },
  "link-down": {
    params: { version: "1.2.0" },
    effect:
      "members of the version can't reach those of their group and can't be reached by them; what is asked of them from outside still arrives",
  },
  "disk-full": {
    params: { version: "1.2.0" },
    effect: "members of the version have no space left, and take no record in any more",
  },
  "switchover-refused": {
    params: { version: "1.2.0" },
    effect: "standbys of the version refuse to become active",
  },
  "transfer-damaged": {
    params: { kind: "save" },
    effect: "a byte of what a data transfer gives out (save) or takes in (restore) is another one",
  },
};

/** Faults that happen and are over, so that there is nothing to take back. */
const MOMENTARY: readonly string[] = ["instance-crash", "member-crash", "data-loss"];

/** A fault asked for in a way that makes no sense; the message says how to mend it. */
export class FaultError extends Error {
  override readonly name = "FaultError";
}

export interface Fault {
  readonly name: string;
  readonly params: FaultParams;
  /** ISO 8601. */
  readonly since: string;
}

export class Faults {
  readonly #active: Fault[] = [];
  /** Subscribers of the dial tests that exist now. */
  designated = new Set<string>();

  /** @throws {FaultError} if the name is unknown or a parameter is missing or out of range. */
  add(name: string, params: FaultParams): Fault {
    validate(name, params);
    const fault = { name, params, since: new Date().toISOString() };
    if (!MOMENTARY.includes(name)) this.#active.push(fault);
    return fault;
  }

  clear(): void {
    this.#active.length = 0;
  }

  list(): readonly Fault[] {
    return this.#active;
  }

  /** Whether a version rejects a procedure of this subscriber. */
  rejects(version: string, procedure: number, msin: number): boolean {
    if (this.#active.length === 0) return false;
    return this.#active.some(({ name, params }) => {
      if (params.version !== version) return false;
      if (name === "dial-test-failure") return this.designated.has(imsiOf(msin));
      return (
        name === "procedure-failures" &&
        params.procedure === procedureNames[procedure] &&
        lot(msin) < Number(params.percentOfSubscribers)
      );
    });
  }

  metricsMissing(version: string): boolean {
    return this.#has("metrics-missing", version);
  }

  countersStuck(version: string): boolean {
    return this.#has("no-samples", version);
  }

  /** Subscribers that may move in a second; undefined if nothing holds them back. */
  get movesPerSecond(): number | undefined {
    const fault = this.#active.find((f) => f.name === "slow-move");
    return fault ? Number(fault.params.perSecond) : undefined;
  }

  /** Whether a member of that version that is not in step yet never gets there. */
  neverInStep(version: string): boolean {
    return this.#has("sync-never", version);
  }

  /** Records that a member of the version may take over in a second; undefined if nothing holds it back. */
  recordsPerSecond(version: string): number | undefined {
    if (this.neverInStep(version)) return 0;
    const fault = this.#active.find((f) => f.name === "sync-slow" && f.params.version === version);
    return fault ? Number(fault.params.recordsPerSecond) : undefined;
  }

  /** Whether members of that version are cut off from the others. */
  cutOff(version: string): boolean {
    return this.#has("link-down", version);
  }

  /** Whether members of that version can take no record in. */
  diskFull(version: string): boolean {
    return this.#has("disk-full", version);
  }

  refusesSwitchover(version: string): boolean {
    return this.#has("switchover-refused", version);
  }

  damagesTransfers(kind: "save" | "restore"): boolean {
    return this.#active.some((f) => f.name === "transfer-damaged" && f.params.kind === kind);
  }

  #has(name: string, version: string): boolean {
    return this.#active.some((f) => f.name === name && f.params.version === version);
  }
}

function validate(name: string, params: FaultParams): void {
  const known = faultCatalogue[name];
  if (!known) {
    throw new FaultError(
      `fault: got ${JSON.stringify(name)}, expected one of ${Object.keys(faultCatalogue).join(", ")}`,
    );
  }
  const wrong = (key: string, expected: string) =>
    new FaultError(`fault ${name}: params.${key}: got ${JSON.stringify(params[key])}, expected ${expected}`);
  const positive = (key: string, max: number) => {
    const value = Number(params[key]);
    if (!(value > 0 && value <= max)) throw wrong(key, `a number above 0, at most ${max}`);
  };
  const oneOf = (key: string, ...values: readonly string[]) => {
    if (!values.includes(String(params[key]))) throw wrong(key, values.join(" | "));
  };
  if (name === "instance-crash" || name === "member-crash") {
    if (params.version === undefined && params.workload === undefined)
      throw wrong("workload", "a workload, or params.version");
    if (params.count !== undefined) positive("count", 1000);
    if (name === "member-crash" && params.restartAfterMs !== undefined) positive("restartAfterMs", 3_600_000);
    if (params.role !== undefined) oneOf("role", "active", "standby", "member");
    return;
  }
  if (name === "data-loss") {
    if (params.component !== undefined && typeof params.component !== "string")
      throw wrong("component", "a component such as csdb, or nothing");
    return;
  }
  if (name === "transfer-damaged") {
    oneOf("kind", "save", "restore");
    return;
  }
  if (name === "slow-move") {
    positive("perSecond", 1e6);
    return;
  }
  if (typeof params.version !== "string") throw wrong("version", "a version such as 1.2.0");
  if (name === "sync-slow") positive("recordsPerSecond", 1e6);
  if (name === "procedure-failures") {
    if (!procedureNames.some((p) => p === params.procedure))
      throw wrong("procedure", procedureNames.join(" | "));
    positive("percentOfSubscribers", 100);
  }
}
