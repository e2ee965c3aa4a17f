/**
 * Judges the alerts that fire beside a stage. Pure.
 *
 * @module
 */
import type { FiringAlert } from "../contract/monitoring";
import { gateName, type ResolvedAlertGate } from "../policy/gate-policy";
import { isOwnAlert } from "./alarm-sinks/alertmanager";
import type { Verdict } from "./gates";

/** An answer older than this says nothing of now. */
const STALE_MS = 10_000;
/** More than this are counted, not named. */
const NAMED = 3;

export interface AlertsSeen {
  /** Undefined if nobody answered yet. */
  readonly firing?: readonly FiringAlert[];
  /** When that was asked, ms since 1970. */
  readonly at?: number;
  /** Why the source gave nothing when it was last asked. */
  readonly trouble?: string;
  /** Fingerprints of what fired when the campaign was opened. */
  readonly before: readonly string[];
  /** Whose campaign it is, e.g. `cnf/core/amf`: what it raised itself is no reason to take it back. */
  readonly target: string;
  readonly now: number;
}

/** @param soaked the soak is over: an earlier answer does not do any more where the last look got none. */
export function judgeAlerts(gate: ResolvedAlertGate, seen: AlertsSeen, soaked: boolean): Verdict {
  const kpi = gateName(gate);
  const base = { kpi, ...(gate.advisory ? { advisory: true } : {}) };
  const { firing, at = 0, now } = seen;
  if (firing === undefined || now - at > STALE_MS || (soaked && seen.trouble !== undefined)) {
    const since = firing === undefined ? "" : ` for ${Math.round((now - at) / 1000)} s`;
    return {
      ...base,
      attempts: 0,
      outcome: "no-data",
      message: `${kpi}: which alerts fire is not known${since}${seen.trouble === undefined ? "" : `: ${seen.trouble}`}`,
    };
  }
  const others = firing.filter((alert) => !isOwnAlert(alert.labels, seen.target));
  const old = gate.alerts.any ? [] : others.filter(({ fingerprint }) => seen.before.includes(fingerprint));
  const counted = others.filter((alert) => !old.includes(alert));
  const found = { ...base, attempts: firing.length, value: counted.length };
  if (counted.length > 0) {
    return {
      ...found,
      outcome: "fail",
      alerts: counted.map(nameOf),
      message: `${kpi}: ${listed(counted)}${counted.length === 1 ? " fires" : " fire"}${gate.alerts.any ? "" : ", and did not when the campaign was opened"}`,
    };
  }
  return {
    ...found,
    outcome: "pass",
    message:
      old.length > 0 ? `${kpi}: none but ${listed(old)}, as before the campaign` : `${kpi}: none fires`,
  };
}

const nameOf = ({ labels }: FiringAlert): string => labels.alertname ?? "an alert without a name";

function listed(alerts: readonly FiringAlert[]): string {
  const names = [...new Set(alerts.map(nameOf))];
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
