/**
 * What can go wrong with a machine, by name.
 *
 * @module
 */
import type { FaultParams } from "../faults.ts";

/** Parameters with an example each; every fault takes `machine`. */
export const machineFaults: Readonly<
  Record<string, { readonly params: Readonly<Record<string, string>>; readonly effect: string }>
> = {
  "slow-machine": {
    params: { machine: "node-3", factor: "5" },
    effect: "everything that it does takes so many times as long",
  },
  "boot-fails": {
    params: { machine: "node-3" },
    effect: "it gets no further than its firmware, whatever it is told to boot",
  },
  "disk-full": {
    params: { machine: "node-3" },
    effect: "no image can be written on its disk; it boots what it had",
  },
  "wrong-version": {
    params: { machine: "node-3" },
    effect: "the image is written, and it boots the former release all the same",
  },
  flapping: {
    params: { machine: "node-3", everyMs: "400" },
    effect: "its node is ready and not ready in turn",
  },
  "reset-refused": {
    params: { machine: "spare-1" },
    effect: "its controller refuses to switch it on, for want of power in the rack",
  },
  "controller-silent": {
    params: { machine: "node-3" },
    effect: "its controller takes requests and answers none",
  },
};

/** A fault asked for in a way that makes no sense; the message says how to mend it. */
export class MachineFaultError extends Error {
  override readonly name = "MachineFaultError";
}

export interface MachineFault {
  readonly name: string;
  readonly params: FaultParams;
  /** ISO 8601. */
  readonly since: string;
}

/** @throws {MachineFaultError} if the name, the machine or a number is unknown. */
export function checkedFault(name: string, params: FaultParams, machines: readonly string[]): MachineFault {
  const known = machineFaults[name];
  if (!known) {
    throw new MachineFaultError(
      `fault: got ${JSON.stringify(name)}, expected one of ${Object.keys(machineFaults).join(", ")}`,
    );
  }
  if (!machines.includes(String(params.machine))) {
    throw new MachineFaultError(
      `fault ${name}: params.machine: got ${JSON.stringify(params.machine)}, expected one of ${machines.join(", ")}`,
    );
  }
  for (const key of ["factor", "everyMs"].filter((one) => one in known.params)) {
    if (!(Number(params[key] ?? known.params[key]) > 0)) {
      throw new MachineFaultError(
        `fault ${name}: params.${key}: got ${JSON.stringify(params[key])}, expected a number above 0`,
      );
    }
  }
  return { name, params: { ...known.params, ...params }, since: new Date().toISOString() };
}
