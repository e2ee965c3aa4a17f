/**
 * Asks the site's monitoring, before anything is touched, what gates will ask it: whether it answers, lets us ask,
 * understands each query, and has something to say (ESC-13).
 *
 * @module
 */
import { type MeasuredSides, SourceError, type SourceTrouble } from "../contract/monitoring";
import {
  type AnyGate,
  isAlertGate,
  isQueryGate,
  isRateGate,
  type ResolvedAlertGate,
  type ResolvedQueryGate,
} from "../policy/gate-policy";
import type { Problem } from "../policy/problem";
import type { ResolvedGate } from "../policy/upgrade-policy";
import type { Monitoring } from "./gate-watch";

export interface Answers {
  /** What stops a campaign from being opened. */
  readonly problems: readonly Problem[];
  readonly warnings: readonly string[];
  /** Fingerprints of the alerts that fire now and that gates look at. */
  readonly firing: readonly string[];
}

export const NO_ANSWERS: Answers = { problems: [], warnings: [], firing: [] };

/** @param gates those of the policy, in its order. */
export async function askMonitoring(
  gates: readonly AnyGate[],
  monitoring: Monitoring,
  sides: MeasuredSides,
): Promise<Answers> {
  const all = await Promise.all(
    gates.map(async (gate, i): Promise<Answers> => {
      const path = `upgrade.gates[${i}]`;
      if (isAlertGate(gate)) return askAlerts(gate, monitoring, path);
      if (isQueryGate(gate)) return askQuery(gate, monitoring, sides, path);
      return isRateGate(gate) && gate.source !== undefined
        ? askCounts(gate, monitoring, sides, path)
        : NO_ANSWERS;
    }),
  );
  return {
    // A server that is away is one mistake, however many gates ask it.
    problems: distinct(all.flatMap(({ problems }) => problems)),
    warnings: [...new Set(all.flatMap(({ warnings }) => warnings))],
    firing: [...new Set(all.flatMap(({ firing }) => firing))],
  };
}

const distinct = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.map((one) => [`${one.path}\n${one.message}`, one])).values(),
];

async function askAlerts(
  { alerts: { matchers } }: ResolvedAlertGate,
  { alerts }: Monitoring,
  path: string,
): Promise<Answers> {
  if (!alerts) return notYet("alertmanager");
  try {
    const firing = await alerts.firing(matchers);
    return { ...NO_ANSWERS, firing: firing.map(({ fingerprint }) => fingerprint) };
  } catch (error) {
    return refused(error, alerts.name, `${path}.alerts.matchers`);
  }
}

async function askCounts(
  { kpi }: ResolvedGate,
  { metrics }: Monitoring,
  sides: MeasuredSides,
  path: string,
): Promise<Answers> {
  if (!metrics) return notYet("prometheus");
  try {
    const counts = await metrics.counts([kpi], sides);
    if (counts.some(({ side }) => side === "left")) return NO_ANSWERS;
    return problem(
      `${path}.kpi`,
      `${metrics.name} shows no counts of ${kpi} for the version that serves, ${sides.left.version}. Expected it to scrape its instances, and their counters to say whose they are. Correct the name, have the instances scraped, or say in monitoring.${metrics.name}.selector and .labels how they are labelled there.`,
    );
  } catch (error) {
    return refused(error, metrics.name, `${path}.kpi`);
  }
}

/** The old version stands for both: the new one does not run yet. */
async function askQuery(
  { query, kpi }: ResolvedQueryGate,
  { metrics }: Monitoring,
  sides: MeasuredSides,
  path: string,
): Promise<Answers> {
  if (!metrics) return notYet("prometheus");
  try {
    const [value] = await Promise.all([metrics.value(query, sides.left), metrics.value(query, sides.right)]);
    if (value !== undefined) return NO_ANSWERS;
    return problem(
      `${path}.query`,
      `${metrics.name} has no value for ${kpi} on the version that serves, ${sides.left.version}. Expected one number. Try the query there with \${side} = ${sides.left.side}, \${version} = ${sides.left.version}, \${workloads} = ${sides.left.parts.join("|") || "(none)"}; if it is a share of attempts, wait for traffic.`,
    );
  } catch (error) {
    return refused(error, metrics.name, `${path}.query`);
  }
}

const problem = (path: string, message: string): Answers => ({
  ...NO_ANSWERS,
  problems: [{ path, message }],
});

const notYet = (name: string): Answers => ({
  ...NO_ANSWERS,
  warnings: [
    `how to reach ${name} is known only once another resource of the program is there: what gates ask it was not tried`,
  ],
});

const PROPERTY: { readonly [trouble in Exclude<SourceTrouble, "BAD_QUERY">]: string } = {
  UNREACHABLE: "url",
  UNAUTHORIZED: "token",
  BAD_ANSWER: "url",
};

const EXPECTED: { readonly [trouble in SourceTrouble]: string } = {
  UNREACHABLE: "an answer",
  UNAUTHORIZED: "a credential that may read",
  BAD_ANSWER: "the API of the server itself",
  BAD_QUERY: "a query that it understands and that yields one number",
};

const MEND: { readonly [trouble in SourceTrouble]: string } = {
  UNREACHABLE: "Correct the address, give its certificate authority as ca, or bring it back",
  UNAUTHORIZED: "Give a token, or headers, that it takes",
  BAD_ANSWER: "Correct the address, with the path prefix under which it is served",
  BAD_QUERY: "Correct it and try it there",
};

function refused(error: unknown, source: string, path: string): Answers {
  if (!(error instanceof SourceError)) throw error;
  const { code, message } = error;
  const at = code === "BAD_QUERY" ? path : `upgrade.monitoring.${source}.${PROPERTY[code]}`;
  return problem(at, `${source}: ${message}. Expected ${EXPECTED[code]}. ${MEND[code]}.`);
}
