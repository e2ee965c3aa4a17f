/**
 * Checks gates that ask a site's own monitoring.
 *
 * @module
 */
import type { ResolvedAlertGate, ResolvedQueryGate, ResolvedShift } from "./gate-policy";
import { type Fields, type Reader, show } from "./reader";
import type { Monitors } from "./resolve-monitoring";

/** What a query may name of a side. */
const PLACEHOLDERS: readonly string[] = ["side", "version", "workloads"];

/** Readings without which even a threshold says nothing, and those without which no difference is told from noise. */
const READINGS = { threshold: 3, compare: 20 } as const;
/** The test's approximation is good from here. */
const LEAST_COMPARED = 8;

/** `source` of a gate that judges a share of attempts. */
export function readSource(
  reader: Reader,
  raw: unknown,
  path: string,
  monitors: Monitors,
): { readonly source?: "prometheus" } {
  const source = reader.oneOf(raw, path, ["instances", "prometheus"], "instances");
  if (source === "instances") return {};
  needs(reader, "prometheus", monitors, path, raw);
  return { source };
}

function needs(
  reader: Reader,
  which: "prometheus" | "alertmanager",
  monitors: Monitors,
  path: string,
  given: unknown,
): void {
  if (monitors[which]) return;
  const port = which === "prometheus" ? 9090 : 9093;
  reader.wrong(
    path,
    given,
    `${monitors.path}.${which}, which this gate asks, to be there`,
    `Add monitoring: { ${which}: { url: "https://${which}.example:${port}" } }`,
  );
}

export function readQueryGate(
  reader: Reader,
  raw: unknown,
  path: string,
  monitors: Monitors,
  all: readonly unknown[],
): ResolvedQueryGate[] {
  const at = (name: string) => `${path}.${name}`;
  const given = reader.fields(raw, path, [
    "kpi",
    "query",
    "unit",
    "atLeast",
    "atMost",
    "compare",
    "every",
    "minSamples",
    "failures",
    "advisory",
  ]);
  const kpi = reader.text(given.kpi, at("kpi"), "a name for what the query measures", "pdu-latency-p99");
  const first = all.findIndex((one) => (one as Fields | null)?.kpi === given.kpi);
  if (kpi !== undefined && all[first] !== raw) {
    reader.wrong(at("kpi"), kpi, `a name of its own: gates[${first}] has it`, "Rename one of them");
  }
  const query = reader.text(given.query, at("query"), "a PromQL query", `avg(up{side="\${side}"})`);
  needs(reader, "prometheus", monitors, at("query"), given.query);
  const compare = readShift(reader, given.compare, at("compare"));
  if (query !== undefined) checkPlaceholders(reader, query, at("query"), compare !== undefined);
  const unit =
    given.unit === undefined ? undefined : reader.text(given.unit, at("unit"), "a unit for people", "ms");
  const atLeast = readNumber(reader, given.atLeast, at("atLeast"));
  const atMost = readNumber(reader, given.atMost, at("atMost"));
  if ([given.atLeast, given.atMost, given.compare].every((rule) => rule === undefined)) {
    reader.wrong(
      path,
      raw,
      "atLeast, atMost or compare (or several), else the gate passes whatever happens",
      "Add e.g. atMost: 50, or compare: { effect: 5 } to compare with the old version",
    );
  }
  if (atLeast !== undefined && atMost !== undefined && atLeast > atMost) {
    reader.wrong(at("atLeast"), atLeast, `at most atMost, ${atMost}`, "Exchange them if that is meant");
  }
  const minSamples = reader.whole(
    given.minSamples,
    at("minSamples"),
    given.compare === undefined ? 1 : LEAST_COMPARED,
    given.compare === undefined ? READINGS.threshold : READINGS.compare,
  );
  const everyMs =
    given.every === undefined ? monitors.everyMs : reader.duration(given.every, at("every"), "15s");
  const { failures, advisory } = readHow(reader, given, path);
  if (kpi === undefined || query === undefined) return [];
  return [
    {
      kpi,
      query,
      ...(unit === undefined ? {} : { unit }),
      ...(atLeast === undefined ? {} : { atLeast }),
      ...(atMost === undefined ? {} : { atMost }),
      ...(compare === undefined ? {} : { compare }),
      everyMs,
      minSamples,
      ...(failures > 1 ? { failures } : {}),
      ...(advisory ? { advisory } : {}),
    },
  ];
}

function checkPlaceholders(reader: Reader, query: string, path: string, compares: boolean): void {
  const named = [...query.matchAll(/\$\{([^}]*)\}/g)].map(([, name = ""]) => name);
  const unknown = named.filter((name) => !PLACEHOLDERS.includes(name));
  const can = PLACEHOLDERS.map((name) => `\${${name}}`).join(", ");
  if (unknown.length > 0) {
    reader.wrong(path, `\${${unknown[0]}}`, `only the placeholders ${can}`, "Correct its name, or remove it");
  } else if (compares && named.length === 0) {
    reader.wrong(
      path,
      query,
      `one of the placeholders ${can}: without, both sides are asked the same`,
      `Write e.g. {workload=~"\${workloads}"}`,
    );
  }
}

function readShift(reader: Reader, raw: unknown, path: string): ResolvedShift | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, path, ["effect", "worse", "confidence", "power"]);
  const { effect } = given;
  const good = typeof effect === "number" && Number.isFinite(effect) && effect > 0;
  if (!good) {
    reader.wrong(
      `${path}.effect`,
      effect,
      "a difference above 0, in the unit of the query",
      "Write e.g. effect: 5; the smaller it is, the longer it takes to tell it from noise",
    );
  }
  const worse = reader.oneOf(given.worse, `${path}.worse`, ["higher", "lower"], "higher");
  const confidence = readChance(reader, given.confidence, `${path}.confidence`, 0.99);
  const power = readChance(reader, given.power, `${path}.power`, 0.95);
  return good ? { effect, worse, confidence, power } : undefined;
}

export function readChance(reader: Reader, raw: unknown, path: string, byDefault: number): number {
  const value = raw ?? byDefault;
  if (typeof value === "number" && value >= 0.5 && value <= 0.9999) return value;
  const name = path.slice(path.lastIndexOf(".") + 1);
  reader.wrong(path, value, "a chance from 0.5 to 0.9999", `Write e.g. ${name}: ${byDefault}`);
  return byDefault;
}

function readNumber(reader: Reader, raw: unknown, path: string): number | undefined {
  if (raw === undefined || (typeof raw === "number" && Number.isFinite(raw))) return raw;
  return reader.wrong(path, raw, "a number, in the unit of the query", "Write e.g. 50");
}

function readHow(
  reader: Reader,
  given: Fields,
  path: string,
): { readonly failures: number; readonly advisory: boolean } {
  return {
    failures: reader.whole(given.failures, `${path}.failures`, 1, 1),
    advisory: reader.boolean(given.advisory, `${path}.advisory`, false),
  };
}

/** `name="value"`, with =, !=, =~ or !~; the quotation marks may be left out around plain text. */
const MATCHER = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\["\\n])*)"|([^\s"{},]+))\s*$/;

export function readAlertGate(
  reader: Reader,
  raw: unknown,
  path: string,
  monitors: Monitors,
): ResolvedAlertGate[] {
  const given = reader.fields(raw, path, ["alerts", "failures", "advisory"]);
  const at = `${path}.alerts`;
  const alerts = reader.fields(given.alerts ?? null, at, ["matchers", "any"]);
  needs(reader, "alertmanager", monitors, at, given.alerts);
  const list =
    typeof given.alerts === "object" && given.alerts !== null
      ? reader.list(alerts.matchers, `${at}.matchers`, 'matchers, e.g. severity="critical"')
      : [];
  if (Array.isArray(alerts.matchers) && list.length === 0) {
    reader.wrong(
      `${at}.matchers`,
      list,
      "at least one matcher, else every alert of the site counts",
      `Write e.g. ['service="amf"', 'severity=~"critical|major"']`,
    );
  }
  const matchers = list.flatMap((one, i): string[] => {
    const [, name, operator, quoted, plain] = (typeof one === "string" && MATCHER.exec(one)) || [];
    if (name === undefined) {
      const example = `Write e.g. 'severity="critical"'`;
      reader.wrong(`${at}.matchers[${i}]`, one, "a matcher as Alertmanager writes them", example);
      return [];
    }
    const value = quoted ?? plain ?? "";
    if (operator?.endsWith("~") && !isRegExp(value)) {
      reader.wrong(`${at}.matchers[${i}]`, one, `a regular expression, not ${show(value)}`, "Correct it");
      return [];
    }
    return [`${name}${operator}"${value}"`];
  });
  const any = reader.boolean(alerts.any, `${at}.any`, false);
  const { failures, advisory } = readHow(reader, given, path);
  return [
    {
      alerts: { matchers, any },
      ...(failures > 1 ? { failures } : {}),
      ...(advisory ? { advisory } : {}),
    },
  ];
}

/** As far as it can be told here; Alertmanager's own (RE2) is asked at preview. */
function isRegExp(text: string): boolean {
  try {
    new RegExp(text);
    return true;
  } catch {
    // RE2 knows flags such as (?i) that this does not.
    return text.startsWith("(?");
  }
}
