/**
 * From the policy as written to the policy as carried out: defaults filled in, every mistake found in one go.
 *
 * @module
 */
import type { ResolvedPeers } from "./alarm-policy";
import type { HttpCheck } from "./check-policy";
import type { AnyGate } from "./gate-policy";
import type { Problem } from "./problem";
import { join, Reader } from "./reader";
import { readAlarms, readCallback } from "./resolve-alarms";
import { readChecks } from "./resolve-checks";
import { readAlertGate, readChance, readQueryGate, readSource } from "./resolve-gates";
import { type Monitors, monitorsOf, readMonitoring } from "./resolve-monitoring";
import { readSnapshots } from "./resolve-snapshot";
import type { Approval, ResolvedComparison, ResolvedPolicy } from "./upgrade-policy";

/** The defaults that the documentation of `UpgradePolicy` names, in one place. */
export const defaults = {
  mode: "gray",
  surge: 1,
  maxUnavailable: 1,
  ratios: [50, 100],
  soak: "15m",
  dialTestWithin: "30s",
  minSamples: 100,
  rollbackWithin: "2m",
  bootLimit: "5m",
  moveLimit: "5m",
  syncLimit: "5m",
  switchoverLimit: "1m",
  gateLimit: "2m",
} as const;

const KNOWN = [
  "mode",
  "surge",
  "disruptionBudget",
  "gray",
  "dialTest",
  "gates",
  "snapshot",
  "switchover",
  "migrations",
  "approvals",
  "rollback",
  "limits",
  "protect",
  "alarms",
  "callback",
  "monitoring",
  "retry",
] as const;

/**
 * Fills in defaults and checks a policy (ESC-05, ESC-06).
 *
 * @param raw an `UpgradePolicy` as its user wrote it; nothing about it is taken for granted.
 * @param path property path under which the user wrote it.
 * @returns every problem found; only if there is none the policy, and whom a run talks to, which holds secrets.
 */
export function resolvePolicy(
  raw: unknown,
  path = "upgrade",
): {
  readonly problems: readonly Problem[];
  readonly policy?: ResolvedPolicy;
  readonly peers?: ResolvedPeers;
} {
  const reader = new Reader();
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, KNOWN);

  const mode = reader.oneOf(given.mode, at("mode"), ["gray", "rolling"], defaults.mode);
  const surge = reader.whole(given.surge, at("surge"), 0, defaults.surge);
  const budget = reader.fields(given.disruptionBudget, at("disruptionBudget"), ["maxUnavailable"]);
  const maxUnavailable = reader.whole(
    budget.maxUnavailable,
    at("disruptionBudget.maxUnavailable"),
    0,
    defaults.maxUnavailable,
  );
  if (surge === 0 && maxUnavailable === 0) {
    reader.wrong(
      at("surge"),
      0,
      "surge or disruptionBudget.maxUnavailable to be at least 1: with both 0 no instance can be replaced",
      "Set surge to 1 if there is room for one more instance, else disruptionBudget.maxUnavailable to 1",
    );
  }
  const gray = readGray(reader, given.gray, at("gray"));
  const { dialTest, checks } = readDialTest(reader, given.dialTest, at("dialTest"));
  const monitoring = readMonitoring(reader, given.monitoring, at("monitoring"));
  const gates = readGates(reader, given.gates, at("gates"), monitorsOf(given.monitoring, monitoring, path));
  const snapshot = readSnapshots(reader, given.snapshot, at("snapshot"));
  const approvals = readApprovals(reader, given.approvals, at("approvals"), [
    "dial-test",
    ...(mode === "rolling" ? ["rolling"] : gray.ratios.map((ratio) => `gray-${ratio}`)),
    "switchover",
    "other-halves",
    "post-test",
  ]);
  const rollback = reader.fields(given.rollback, at("rollback"), ["onFailure", "within", "surge"]);
  const limits = reader.fields(given.limits, at("limits"), [
    "boot",
    "move",
    "sync",
    "switchover",
    "gate",
    "stage",
  ]);
  const switchover = reader.fields(given.switchover, at("switchover"), ["soak", "back"]);
  const migrations = readMigrations(reader, given.migrations, at("migrations"));
  const { alarms, peers } = readAlarms(reader, given.alarms, at("alarms"));
  const callback = readCallback(reader, given.callback, at("callback"));
  const retry = readRetry(reader, given.retry, at("retry"), "amf-3");

  const policy: ResolvedPolicy = {
    mode,
    surge,
    maxUnavailable,
    gray,
    ...(dialTest ? { dialTest } : {}),
    gates,
    snapshot,
    switchover: {
      soakMs:
        switchover.soak === undefined
          ? gray.soakMs
          : reader.duration(switchover.soak, at("switchover.soak"), defaults.soak, false),
      back: reader.boolean(switchover.back, at("switchover.back"), false),
    },
    migrations,
    approvals,
    rollback: {
      onFailure: reader.boolean(rollback.onFailure, at("rollback.onFailure"), true),
      withinMs: reader.duration(rollback.within, at("rollback.within"), defaults.rollbackWithin),
      surge:
        rollback.surge === undefined || rollback.surge === "all"
          ? "all"
          : typeof rollback.surge === "string"
            ? (reader.wrong(
                at("rollback.surge"),
                rollback.surge,
                `a whole number of at least 0, or "all"`,
                `Write "all" to bring the old version back in one go`,
              ) ?? "all")
            : reader.whole(rollback.surge, at("rollback.surge"), 0, surge),
    },
    limits: {
      bootMs: reader.duration(limits.boot, at("limits.boot"), defaults.bootLimit),
      moveMs: reader.duration(limits.move, at("limits.move"), defaults.moveLimit),
      syncMs: reader.duration(limits.sync, at("limits.sync"), defaults.syncLimit),
      switchoverMs: reader.duration(limits.switchover, at("limits.switchover"), defaults.switchoverLimit),
      gateMs: reader.duration(limits.gate, at("limits.gate"), defaults.gateLimit),
      ...(limits.stage === undefined
        ? {}
        : { stageMs: reader.duration(limits.stage, at("limits.stage"), defaults.moveLimit) }),
    },
    alarms,
    protect: reader.boolean(given.protect, at("protect"), true),
    ...(retry === undefined ? {} : { retry }),
  };
  if (reader.problems.length > 0) return { problems: reader.problems };
  const others = {
    ...(callback ? { callback } : {}),
    ...(checks.length > 0 ? { checks } : {}),
    ...(monitoring ? { monitoring } : {}),
  };
  return { problems: [], policy, peers: { ...peers, ...others } };
}

function readGray(reader: Reader, raw: unknown, path: string): ResolvedPolicy["gray"] {
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, ["ratios", "soak", "step", "holdAt"]);
  const ratios = readRatios(reader, given.ratios, at("ratios"));
  const { holdAt } = given;
  let hold: number | undefined;
  if (holdAt !== undefined) {
    if (typeof holdAt === "number" && ratios.includes(holdAt)) hold = holdAt;
    else {
      reader.wrong(
        at("holdAt"),
        holdAt,
        `one of the ratios (${ratios.join(", ")})`,
        typeof holdAt === "number" && holdAt >= 1 && holdAt <= 100
          ? `Add ${holdAt} to gray.ratios, or hold at one of them`
          : "Hold at one of them, or leave holdAt out",
      );
    }
  }
  // Without a hold the campaign ends with everybody on the new version, said or not.
  if (hold === undefined && ratios.at(-1) !== 100) ratios.push(100);
  const step = reader.whole(given.step, at("step"), 1);
  return {
    ratios,
    soakMs: reader.duration(given.soak, at("soak"), defaults.soak, false),
    ...(step === undefined ? {} : { step }),
    ...(hold === undefined ? {} : { holdAt: hold }),
  };
}

function readRatios(reader: Reader, raw: unknown, path: string): number[] {
  if (raw === undefined) return [...defaults.ratios];
  const list = reader.list(raw, path, "ratios in percent, e.g. [1, 50, 100]");
  if (Array.isArray(raw) && raw.length === 0) {
    reader.wrong(path, raw, "at least one ratio", `Leave it out for [${defaults.ratios.join(", ")}]`);
  }
  const ratios: number[] = [];
  for (const [i, ratio] of list.entries()) {
    const here = `${path}[${i}]`;
    const before = ratios.at(-1);
    if (typeof ratio !== "number" || !(ratio >= 1 && ratio <= 100)) {
      reader.wrong(
        here,
        ratio,
        "a number from 1 to 100, in percent of the subscribers",
        "Write e.g. [1, 50, 100]",
      );
    } else if (before !== undefined && ratio <= before) {
      reader.wrong(
        here,
        ratio,
        `more than the ratio before it, ${before}`,
        "Write the ratios in rising order, each once; to go back, set the version back",
      );
    } else ratios.push(ratio);
  }
  return ratios;
}

const isEmpty = (raw: unknown): boolean => Array.isArray(raw) && raw.length === 0;

function readDialTest(
  reader: Reader,
  raw: unknown,
  path: string,
): { readonly dialTest?: NonNullable<ResolvedPolicy["dialTest"]>; readonly checks: readonly HttpCheck[] } {
  if (raw === undefined) return { checks: [] };
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, ["subscribers", "within", "checks"]);
  const { planned, checks } = readChecks(reader, given.checks, at("checks"));
  const none = given.subscribers === undefined || isEmpty(given.subscribers);
  const list = none ? [] : reader.list(given.subscribers, at("subscribers"), "designated subscribers");
  // A list of checks that is wrong is told of by itself.
  if (none && (given.checks === undefined || isEmpty(given.checks))) {
    reader.wrong(
      at("subscribers"),
      given.subscribers,
      "at least one designated subscriber, or a check of your own, since a dial test without either tests nothing",
      `Name one, e.g. "imsi-001010000000001", or say dialTest.checks, or leave dialTest out`,
    );
  }
  const subscribers: string[] = [];
  for (const [i, one] of list.entries()) {
    const here = `${at("subscribers")}[${i}]`;
    const text = reader.text(one, here, "a subscriber identity", "imsi-001010000000001");
    if (text === undefined) continue;
    if (subscribers.includes(text)) {
      reader.wrong(
        here,
        // Not the identity itself: messages go to logs.
        `the one at [${subscribers.indexOf(text)}] again`,
        "every subscriber once",
        "Remove it",
      );
    } else subscribers.push(text);
  }
  const withinMs = reader.duration(given.within, at("within"), defaults.dialTestWithin);
  return { dialTest: { subscribers, withinMs, ...(planned.length > 0 ? { checks: planned } : {}) }, checks };
}

export function readRetry(reader: Reader, raw: unknown, path: string, example: string): string | undefined {
  if (raw === undefined) return undefined;
  return reader.text(raw, path, "the id of a campaign that was rolled back", example);
}

function readMigrations(reader: Reader, raw: unknown, path: string): { [component: string]: string } {
  if (raw === undefined) return {};
  const given = reader.fields(raw, path);
  return Object.fromEntries(
    Object.entries(given).flatMap(([component, name]) => {
      const text = reader.text(name, join(path, component), "the name of a migration", "records-1-to-2");
      return text === undefined ? [] : [[component, text]];
    }),
  );
}

/** @param stages before which a campaign can rest for days; left out where whoever knows them looks later. */
export function readApprovals(
  reader: Reader,
  raw: unknown,
  path: string,
  stages?: readonly string[],
): Approval[] {
  if (raw === undefined) return [];
  return reader.list(raw, path, "approvals").flatMap((one, i): Approval[] => {
    const here = `${path}[${i}]`;
    const given = reader.fields(one, here, ["before", "role"]);
    const role = reader.text(given.role, `${here}.role`, "the name of a role", "change-manager");
    if (typeof given.before === "string" && (stages?.includes(given.before) ?? true))
      return role === undefined ? [] : [{ before: given.before, role }];
    reader.wrong(
      `${here}.before`,
      given.before,
      `a stage before which a campaign can rest${stages ? `: ${stages.join(", ")}` : ""}`,
      `Write e.g. { before: "${stages?.[1] ?? "pool-workers"}", role: "change-manager" }`,
    );
    return [];
  });
}

function readGates(reader: Reader, raw: unknown, path: string, monitors: Monitors): AnyGate[] {
  if (raw === undefined) return [];
  return reader.list(raw, path, "gates").flatMap((one, i, all): AnyGate[] => {
    const here = `${path}[${i}]`;
    if (one === undefined || one === null) {
      reader.wrong(here, one, "a gate", `Write e.g. { kpi: "registration-success", atLeast: 99.5 }`);
      return [];
    }
    if (typeof one === "object" && "query" in one) return readQueryGate(reader, one, here, monitors, all);
    if (typeof one === "object" && "alerts" in one) return readAlertGate(reader, one, here, monitors);
    const given = reader.fields(one, here, [
      "kpi",
      "source",
      "atLeast",
      "maxDrop",
      "compare",
      "minSamples",
      "failures",
      "advisory",
    ]);
    const kpi = reader.text(given.kpi, `${here}.kpi`, "the name of a KPI", "registration-success");
    const source = readSource(reader, given.source, `${here}.source`, monitors);
    const atLeast = reader.percent(given.atLeast, `${here}.atLeast`, 0);
    const maxDrop = reader.percent(given.maxDrop, `${here}.maxDrop`, 0);
    const compare = readComparison(reader, given.compare, `${here}.compare`);
    if ([given.atLeast, given.maxDrop, given.compare].every((rule) => rule === undefined)) {
      reader.wrong(
        here,
        one,
        "atLeast, maxDrop or compare (or several), else the gate passes whatever happens",
        "Add e.g. atLeast: 99.5, or compare: { effect: 0.5 } to compare with the old version",
      );
    }
    const minSamples = reader.whole(given.minSamples, `${here}.minSamples`, 1, defaults.minSamples);
    const failures = reader.whole(given.failures, `${here}.failures`, 1, 1);
    const advisory = reader.boolean(given.advisory, `${here}.advisory`, false);
    return kpi === undefined
      ? []
      : [
          {
            kpi,
            ...source,
            ...(atLeast === undefined ? {} : { atLeast }),
            ...(maxDrop === undefined ? {} : { maxDrop }),
            ...(compare === undefined ? {} : { compare }),
            minSamples,
            ...(failures > 1 ? { failures } : {}),
            ...(advisory ? { advisory } : {}),
          },
        ];
  });
}

function readComparison(reader: Reader, raw: unknown, path: string): ResolvedComparison | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, path, ["effect", "confidence", "power"]);
  const { effect } = given;
  const good = typeof effect === "number" && effect > 0 && effect <= 50;
  if (!good) {
    reader.wrong(
      `${path}.effect`,
      effect,
      "a difference above 0 and up to 50, in percentage points",
      "Write e.g. effect: 0.5; the smaller it is, the more attempts it takes to tell it from noise",
    );
  }
  const confidence = readChance(reader, given.confidence, `${path}.confidence`, 0.99);
  const power = readChance(reader, given.power, `${path}.power`, 0.95);
  return good ? { effect, confidence, power } : undefined;
}
