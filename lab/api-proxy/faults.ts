/**
 * What the proxy does to requests and connections, by name. Whoever asks the proxy's faults decides nothing else; the
 * lab says when they begin and end.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type ApiRequest, isWrite } from "./request.ts";

/** Which requests a fault is about; empty strings stand for any. */
export interface Selection {
  readonly verb: string;
  readonly resource: string;
  /** Part of the client's `User-Agent`. */
  readonly client: string;
}

export interface Slow extends Selection {
  readonly name: "api-slow";
  readonly delayMs: number;
  /** Requests it is done to; 0 for all. */
  readonly count: number;
}

export interface Status extends Selection {
  readonly name: "api-status";
  readonly status: number;
  readonly percent: number;
  readonly seed: number;
  /** Seconds in `Retry-After`; 0 for none. */
  readonly retryAfter: number;
  /** `after`: the API server carries the request out, and its answer is lost. */
  readonly when: "before" | "after";
  readonly count: number;
}

export interface Cut {
  readonly name: "api-cut";
  /** `refuse`: connections break and new ones are refused. `black-hole`: nothing passes any more, and nobody says so. */
  readonly how: "refuse" | "black-hole";
}

export interface WatchDrop extends Selection {
  readonly name: "watch-drop";
  readonly everyMs: number;
}

export type ProxyFault = Slow | Status | Cut | WatchDrop;

/** What is done to one request. */
export interface Treatment {
  /** The answer is kept back so long. */
  readonly delayMs: number;
  readonly status?: Status;
}

export class ProxyFaults {
  readonly #active: ProxyFault[] = [];
  /** How often each has acted, and how many requests it could have acted on. */
  readonly #acted = new Map<ProxyFault, { acted: number; seen: number }>();

  add(fault: ProxyFault): void {
    this.#active.push(fault);
    this.#acted.set(fault, { acted: 0, seen: 0 });
  }

  /** Ends all faults of a name; all of them without one. */
  clear(name?: string): void {
    for (const fault of [...this.#active]) {
      if (name !== undefined && fault.name !== name) continue;
      this.#active.splice(this.#active.indexOf(fault), 1);
      this.#acted.delete(fault);
    }
  }

  /** With how often each has acted so far. */
  list(): readonly (ProxyFault & { readonly acted: number })[] {
    return this.#active.map((fault) => ({ ...fault, acted: this.#acted.get(fault)?.acted ?? 0 }));
  }

  get cut(): Cut | undefined {
    return this.#active.find((fault) => fault.name === "api-cut");
  }

  /** Counts as one more request that the faults may act on. */
  treat(request: ApiRequest, userAgent: string): Treatment {
    let delayMs = 0;
    let status: Status | undefined;
    for (const fault of this.#active) {
      if (fault.name === "api-slow" && this.#takes(fault, request, userAgent)) {
        delayMs = Math.max(delayMs, fault.delayMs);
      }
      if (fault.name === "api-status" && !status && this.#takes(fault, request, userAgent)) status = fault;
    }
    return { delayMs, ...(status ? { status } : {}) };
  }

  /** The shortest life that a watch is given, milliseconds; undefined if nothing cuts it. */
  lifeOf(watch: ApiRequest, userAgent: string): number | undefined {
    const lives = this.#active.flatMap((fault) =>
      fault.name === "watch-drop" && selects(fault, watch, userAgent) ? [fault.everyMs] : [],
    );
    return lives.length === 0 ? undefined : Math.min(...lives);
  }

  #takes(fault: Slow | Status, request: ApiRequest, userAgent: string): boolean {
    if (!selects(fault, request, userAgent)) return false;
    // Nothing conflicts with a read.
    if (fault.name === "api-status" && fault.status === 409 && !isWrite(request)) return false;
    const counted = this.#acted.get(fault);
    if (!counted || (fault.count > 0 && counted.acted >= fault.count)) return false;
    counted.seen++;
    if (fault.name === "api-status" && !drawn(fault, counted.seen)) return false;
    counted.acted++;
    return true;
  }
}

function selects({ verb, resource, client }: Selection, request: ApiRequest, userAgent: string): boolean {
  return (
    (verb === "" || verb === request.verb) &&
    (resource === "" || resource === request.resource) &&
    (client === "" || userAgent.includes(client))
  );
}

/** Which of the requests are hit follows from the seed and their number alone. */
function drawn({ seed, percent }: Status, nth: number): boolean {
  const hash = createHash("sha256").update(`${seed}/${nth}`).digest();
  return (100 * hash.readUInt32BE()) / 2 ** 32 < percent;
}
