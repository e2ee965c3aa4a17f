/**
 * From an element's policy as written to the policy as carried out: defaults filled in, every mistake found in one go.
 *
 * @module
 */
import type { ResolvedPeers } from "./alarm-policy";
import type { ResolvedElementPolicy } from "./element-policy";
import type { Problem } from "./problem";
import { join, Reader } from "./reader";
import { COMMON, readCommon } from "./resolve-common";

/** Before which a campaign can rest for days; between the change and its verification it can't. */
const RESTS = ["snapshot", "stage-root", "move-traffic", "change-root", "return-traffic"] as const;

const KNOWN = [...COMMON, "reboot", "absence", "watchdog", "traffic", "settle", "limits"] as const;

/**
 * Fills in defaults and checks a policy (ESC-05, ESC-06).
 *
 * @param raw an `ElementUpgradePolicy` as its user wrote it; nothing about it is taken for granted.
 * @returns every problem found; only if there is none the policy, and whom a run talks to, which holds secrets.
 */
export function resolveElementPolicy(
  raw: unknown,
  path = "upgrade",
): {
  readonly problems: readonly Problem[];
  readonly policy?: ResolvedElementPolicy;
  readonly peers?: ResolvedPeers;
} {
  const reader = new Reader();
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, KNOWN);
  const limits = reader.fields(given.limits, at("limits"), ["stage", "change", "progress"]);
  const common = readCommon(reader, given, path, { rests: RESTS, within: "5m" });
  const watchdogMs = reader.duration(given.watchdog, at("watchdog"), "30s");
  const changeMs = reader.duration(limits.change, at("limits.change"), "5m");
  if (changeMs <= watchdogMs) {
    reader.wrong(
      at("limits.change"),
      limits.change ?? "5m",
      "more than watchdog: the element needs that long to go back by itself",
      "Write a longer one, or a shorter watchdog",
    );
  }
  const policy: ResolvedElementPolicy = {
    ...common.policy,
    reboot: reader.oneOf(given.reboot, at("reboot"), ["refused", "if-needed"], "refused"),
    absenceMs: reader.duration(given.absence, at("absence"), "2s"),
    watchdogMs,
    traffic: reader.oneOf(given.traffic, at("traffic"), ["stays", "partner"], "stays"),
    settleMs: reader.duration(given.settle, at("settle"), "5s"),
    limits: {
      stageMs: reader.duration(limits.stage, at("limits.stage"), "10m"),
      changeMs,
      ...(limits.progress === undefined
        ? {}
        : { progressMs: reader.duration(limits.progress, at("limits.progress"), "10m") }),
    },
  };
  if (reader.problems.length > 0) return { problems: reader.problems };
  return { problems: [], policy, peers: common.peers };
}
