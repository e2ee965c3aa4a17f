/**
 * What a window of the traffic's record says of a campaign's impact.
 *
 * @module
 */
import type { Figures, Impact } from "./report.ts";
import type { WindowFigures } from "./traffic.ts";

/** The figures that go into the report, out of all that the traffic recorded. */
export function feltOf(figures: Figures): Figures {
  const { proceduresAttempted, proceduresFailed, userCauses = 0 } = figures;
  const { sessionsLost, reRegistrations, longestGapMs, gapP999Ms } = figures;
  return {
    proceduresAttempted,
    proceduresFailed,
    ...(userCauses > 0 ? { userCauses } : {}),
    sessionsLost,
    reRegistrations,
    longestGapMs,
    gapP999Ms,
  };
}

export function impactOf(figures: WindowFigures, quiet: WindowFigures): Impact {
  return {
    subscribers: figures.subscribers,
    ...feltOf(figures),
    splitErrorPercentMax: figures.splitErrorPercentMax,
    quiet: feltOf(quiet),
  };
}

/** What no campaign may do to subscribers, whether it completes or is taken back, in words. */
export function harm(name: string, impact: Impact | null, splitTolerance: number): string[] {
  if (!impact) return [`${name}: no figures`];
  const found: string[] = [];
  if (impact.sessionsLost > 0) found.push(`${name}: ${impact.sessionsLost} sessions lost`);
  if (impact.reRegistrations > 0) found.push(`${name}: ${impact.reRegistrations} re-registrations`);
  if (impact.splitErrorPercentMax > splitTolerance) {
    found.push(`${name}: the split missed its ratio by ${impact.splitErrorPercentMax} points`);
  }
  return found;
}
