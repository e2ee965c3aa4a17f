/**
 * Checks what a user says of the site's monitoring. Values may be outputs while the program runs; the provider sees them as
 * they are. No message repeats a secret.
 *
 * @module
 */
import type { ResolvedMonitor, ResolvedMonitoring, ResolvedPrometheus } from "./gate-policy";
import { type Fields, join, type Reader } from "./reader";
import { HIDDEN, isLoopback, isOutput, readSecret } from "./resolve-alarms";

export const monitoringDefaults = {
  interval: "15s",
  labels: {
    procedure: "procedure",
    side: "side",
    workload: "workload",
    version: "version",
    instance: "instance",
  },
} as const;

const COMMON = ["url", "token", "ca", "headers", "allowHttp"] as const;

/** What gates may count on. */
export interface Monitors {
  /** Property path, for messages, e.g. `upgrade.monitoring`. */
  readonly path: string;
  /** Declared, whether or not what was said of it is right or known yet. */
  readonly prometheus: boolean;
  readonly alertmanager: boolean;
  /** How often Prometheus scrapes, ms. */
  readonly everyMs: number;
}

export function monitorsOf(raw: unknown, resolved: ResolvedMonitoring | undefined, path: string): Monitors {
  const given = (typeof raw === "object" && raw !== null ? raw : {}) as Fields;
  return {
    path: join(path, "monitoring"),
    prometheus: given.prometheus !== undefined,
    alertmanager: given.alertmanager !== undefined,
    everyMs: resolved?.prometheus?.everyMs ?? 15_000,
  };
}

/** @returns undefined if nothing was said, or how to reach it is not known yet. */
export function readMonitoring(reader: Reader, raw: unknown, path: string): ResolvedMonitoring | undefined {
  if (raw === undefined) return undefined;
  const given = reader.fields(raw, path, ["prometheus", "alertmanager"]);
  const prometheus = readPrometheus(reader, given.prometheus, join(path, "prometheus"));
  const alertmanager = readAlertmanager(reader, given.alertmanager, join(path, "alertmanager"));
  if (!prometheus && !alertmanager) return undefined;
  return { ...(prometheus ? { prometheus } : {}), ...(alertmanager ? { alertmanager } : {}) };
}

function readPrometheus(reader: Reader, raw: unknown, path: string): ResolvedPrometheus | undefined {
  if (raw === undefined) return undefined;
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, [...COMMON, "interval", "selector", "labels"]);
  const monitor = readMonitor(reader, given, path);
  const everyMs = reader.duration(given.interval, at("interval"), monitoringDefaults.interval);
  const selector = readTexts(reader, given.selector, at("selector"), true);
  const names = reader.fields(given.labels, at("labels"), Object.keys(monitoringDefaults.labels));
  const label = (name: keyof typeof monitoringDefaults.labels): string =>
    names[name] === undefined
      ? monitoringDefaults.labels[name]
      : readLabel(reader, names[name], at(`labels.${name}`));
  const labels = {
    procedure: label("procedure"),
    side: label("side"),
    workload: label("workload"),
    version: label("version"),
    instance: label("instance"),
  };
  return monitor && { ...monitor, everyMs, selector, labels };
}

function readAlertmanager(reader: Reader, raw: unknown, path: string): ResolvedMonitor | undefined {
  if (raw === undefined) return undefined;
  return readMonitor(reader, reader.fields(raw, path, COMMON), path);
}

function readMonitor(reader: Reader, given: Fields, path: string): ResolvedMonitor | undefined {
  const at = (name: string) => join(path, name);
  const allowHttp = reader.boolean(given.allowHttp, at("allowHttp"), false);
  const token = readSecret(reader, given.token, at("token"), "a token");
  const ca = readCa(reader, given.ca, at("ca"));
  const headers = isOutput(given.headers) ? {} : readTexts(reader, given.headers, at("headers"), false);
  if (
    given.token !== undefined &&
    Object.keys(headers).some((one) => one.toLowerCase() === "authorization")
  ) {
    reader.problems.push({
      path: at("token"),
      message: `Got ${HIDDEN}, and a header for authorization. Expected one of them. Remove the other.`,
    });
  }
  const credential = given.token !== undefined || given.headers !== undefined;
  const url = readUrl(reader, given.url, at("url"), allowHttp, credential);
  if (url === undefined || isOutput(given.token) || isOutput(given.ca) || isOutput(given.headers))
    return undefined;
  return {
    url,
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
  };
}

function readUrl(
  reader: Reader,
  raw: unknown,
  path: string,
  allowHttp: boolean,
  credential: boolean,
): string | undefined {
  if (isOutput(raw)) return undefined;
  const wrong = (expected: string, mend: string): undefined => {
    if (typeof raw !== "string") return reader.wrong(path, raw, expected, mend);
    reader.problems.push({ path, message: `Got ${HIDDEN}. Expected ${expected}. ${mend}.` });
    return undefined;
  };
  const url = typeof raw === "string" && URL.canParse(raw) ? new URL(raw) : undefined;
  if (!url || !["http:", "https:"].includes(url.protocol) || url.hostname === "") {
    return wrong("an address that begins with https://", `Write e.g. "https://prometheus.example:9090"`);
  }
  if (url.username !== "" || url.password !== "") {
    return wrong("an address without a name and a password in it", "Give the credential as token or headers");
  }
  if (url.search !== "" || url.hash !== "" || /\/api\/v\d\b/.test(url.pathname)) {
    return wrong("the address of the server alone, with its path prefix if it has one", "Leave out /api/…");
  }
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    if (credential) {
      return wrong("https, since plain http would show token and headers to the network", "Write https://");
    }
    if (!allowHttp) {
      return wrong(
        "https, since over plain http whoever is on the network can forge what gates are judged by",
        "Write https://, or set allowHttp to true if the network is trusted",
      );
    }
  }
  return raw as string;
}

function readCa(reader: Reader, raw: unknown, path: string): string | undefined {
  if (raw === undefined || isOutput(raw)) return undefined;
  if (typeof raw === "string" && raw.includes("-----BEGIN CERTIFICATE-----")) return raw;
  return reader.wrong(path, raw, "a certificate in PEM form", "Read it from its file");
}

/** @param label whether the names are those of labels; else those of headers, whose values are secret. */
function readTexts(
  reader: Reader,
  raw: unknown,
  path: string,
  label: boolean,
): { readonly [name: string]: string } {
  const texts: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(reader.fields(raw, path))) {
    const here = join(path, name);
    if (isOutput(value)) continue;
    const good = label ? LABEL.test(name) : /^[A-Za-z0-9-]+$/.test(name);
    if (!good) {
      reader.wrong(
        here,
        name,
        `the name of a ${label ? "label" : "header"}`,
        label ? `Write e.g. namespace: "core"` : `Write e.g. "X-Scope-OrgID"`,
      );
    } else if (typeof value !== "string" || (!label && !/^[\x20-\x7e]+$/.test(value))) {
      reader.problems.push({
        path: here,
        message: `Got ${label ? typeof value : HIDDEN}. Expected text${label ? "" : " of printable ASCII"}. Write it in quotation marks.`,
      });
    } else texts[name] = value;
  }
  return texts;
}

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function readLabel(reader: Reader, raw: unknown, path: string): string {
  if (typeof raw === "string" && LABEL.test(raw)) return raw;
  reader.wrong(path, raw, "the name of a label", `Write e.g. "exported_workload"`);
  return "";
}
