/**
 * What can go wrong with a machine, by name.
 *
 * @module
 */
import type { FaultParams } from "../faults.ts";

interface KnownFault {
  /** With an example each, which is also what is taken where one is left out. */
  readonly params: Readonly<Record<string, string>>;
  readonly effect: string;
  /** It concerns what runs on members of the control plane, and no other machine. */
  readonly ofMembers?: true;
}

/** Every fault takes `machine`. */
export const machineFaults: Readonly<Record<string, KnownFault>> = {
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
  "power-lost": {
    params: { machine: "cp-2" },
    effect: "it is off at once, and all that ran on it is killed; it boots when the fault is over",
  },
  "apiserver-unready": {
    params: { machine: "cp-2", release: "1.34.2", how: "hang" },
    effect:
      "its API server of that release never gets ready: it hangs, or crashes again and again (how=crash)",
    ofMembers: true,
  },
  "etcd-disk-full": {
    params: { machine: "cp-2" },
    effect: "its etcd finds no room for what it writes and ends, as often as it is started",
    ofMembers: true,
  },
  "etcd-disk-slow": {
    params: { machine: "cp-2", stallMs: "400", everyMs: "1000" },
    effect: "its etcd stands still so long and so often, as it does while its disk takes its time",
    ofMembers: true,
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

/**
 * @param machines all of them.
 * @param members those that the control plane runs on.
 * @throws {MachineFaultError} if the name, the machine or another parameter makes no sense.
 */
export function checkedFault(
  name: string,
  params: FaultParams,
  machines: readonly string[],
  members: readonly string[],
): MachineFault {
  const known = machineFaults[name];
  if (!known) {
    throw new MachineFaultError(
      `fault: got ${JSON.stringify(name)}, expected one of ${Object.keys(machineFaults).join(", ")}`,
    );
  }
  const possible = known.ofMembers ? members : machines;
  if (!possible.includes(String(params.machine))) {
    throw new MachineFaultError(
      possible.length === 0
        ? `fault ${name}: this lab's control plane has no members on machines; start one that has`
        : `fault ${name}: params.machine: got ${JSON.stringify(params.machine)}, expected one of ${possible.join(", ")}`,
    );
  }
  if (known.params.how !== undefined && !["hang", "crash"].includes(String(params.how ?? "hang"))) {
    throw new MachineFaultError(
      `fault ${name}: params.how: got ${JSON.stringify(params.how)}, expected hang or crash`,
    );
  }
  for (const key of ["factor", "everyMs", "stallMs"].filter((one) => one in known.params)) {
    if (!(Number(params[key] ?? known.params[key]) > 0)) {
      throw new MachineFaultError(
        `fault ${name}: params.${key}: got ${JSON.stringify(params[key])}, expected a number above 0`,
      );
    }
  }
  return { name, params: { ...known.params, ...params }, since: new Date().toISOString() };
}
