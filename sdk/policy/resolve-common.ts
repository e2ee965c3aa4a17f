/**
 * What the policies of devices have in common, read from what a user wrote.
 *
 * @module
 */
import type { ResolvedPeers } from "./alarm-policy";
import { join, type Reader } from "./reader";
import { readApprovals, readRetry } from "./resolve";
import { readAlarms, readCallback } from "./resolve-alarms";
import { readSnapshots } from "./resolve-snapshot";
import type { ResolvedPolicy } from "./upgrade-policy";

/** Properties that `readCommon` reads. */
export const COMMON = ["snapshot", "approvals", "rollback", "alarms", "callback", "retry"] as const;

export interface Common {
  readonly policy: Pick<ResolvedPolicy, "approvals" | "rollback" | "alarms" | "retry"> & {
    /** What surge means to other kinds; a device has none. */
    readonly surge: 0;
    readonly snapshot?: ResolvedPolicy["snapshot"];
  };
  /** Whom a run talks to; holds secrets. */
  readonly peers: ResolvedPeers;
}

/**
 * @param rests stages before which a campaign can wait for an approval.
 * @param within longest that a rollback may take, unless the user says so.
 */
export function readCommon(
  reader: Reader,
  given: { readonly [name in (typeof COMMON)[number]]?: unknown },
  path: string,
  { rests, within }: { readonly rests: readonly string[]; readonly within: string },
): Common {
  const at = (name: string) => join(path, name);
  const rollback = reader.fields(given.rollback, at("rollback"), ["onFailure", "within"]);
  const { alarms, peers } = readAlarms(reader, given.alarms, at("alarms"));
  const callback = readCallback(reader, given.callback, at("callback"));
  const retry = readRetry(reader, given.retry, at("retry"), "3");
  return {
    policy: {
      surge: 0,
      ...(given.snapshot === undefined
        ? {}
        : { snapshot: readSnapshots(reader, given.snapshot, at("snapshot")) }),
      approvals: readApprovals(reader, given.approvals, at("approvals"), rests),
      rollback: {
        onFailure: reader.boolean(rollback.onFailure, at("rollback.onFailure"), true),
        withinMs: reader.duration(rollback.within, at("rollback.within"), within),
        surge: "all",
      },
      alarms,
      ...(retry === undefined ? {} : { retry }),
    },
    peers: { ...peers, ...(callback ? { callback } : {}) },
  };
}
