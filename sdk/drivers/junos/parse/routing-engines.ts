/**
 * `show chassis routing-engine`, `show system switchover`, `show task replication`: two routing engines of one chassis.
 *
 * @module
 */

export interface Engine {
  readonly slot: number;
  /** `master`, `backup`, `present` (there, and silent), `disabled`. */
  readonly state: string;
}

/** @returns none where the chassis has a single engine, or does not number them. */
export function parseEngines(output: string): readonly Engine[] {
  const engines: { slot: number; state: string }[] = [];
  for (const line of output.split("\n")) {
    const slot = /^\s*Slot\s+(\d+):/i.exec(line)?.[1];
    if (slot !== undefined) engines.push({ slot: Number(slot), state: "" });
    const state = /^\s*Current state\s+(\S+)/i.exec(line)?.[1];
    const engine = engines.at(-1);
    if (engine && state !== undefined) engine.state = state.toLowerCase();
  }
  return engines;
}

export interface Switchover {
  /** `chassis redundancy graceful-switchover` is in force. */
  readonly graceful: boolean;
  /** The backup could take over now. */
  readonly ready: boolean;
}

/** As the backup says it: later releases sum it up, earlier ones name the state of the peer. */
export function parseSwitchover(output: string): Switchover | undefined {
  const graceful = /^\s*Graceful switchover:\s*(\S+)/im.exec(output)?.[1];
  if (graceful === undefined) return undefined;
  const databases = [...output.matchAll(/^\s*(?:Configuration|Kernel) database:\s*(\S.*?)\s*$/gim)];
  const summed = /^\s*(?:Switchover Status|Peer state):\s*(\S.*?)\s*$/im.exec(output)?.[1];
  return {
    graceful: /^on$/i.test(graceful),
    ready:
      databases.length > 0 &&
      databases.every(([, state = ""]) => /^ready$/i.test(state)) &&
      (summed === undefined || /^(?:ready|steady state)$/i.test(summed)),
  };
}

/** Whether `routing-options nonstop-routing` is in force; undefined if the device does not tell. */
export function parseNonstopRouting(output: string): boolean | undefined {
  const state = /^\s*Stateful Replication:\s*(\S+)/im.exec(output)?.[1];
  return state === undefined ? undefined : /^enabled$/i.test(state);
}
