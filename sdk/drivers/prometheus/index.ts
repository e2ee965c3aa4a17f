/**
 * Measurements from a Prometheus server, or anything that speaks its HTTP API (ESC-10, ESC-19).
 *
 * @module
 */
import {
  type MeasuredSide,
  type MeasuredSides,
  type MetricSource,
  SourceError,
} from "../../contract/monitoring";
import type { ResolvedPrometheus } from "../../policy/gate-policy";
import { JsonClient } from "../get-json";
import { anyOf, instant, type QueryResult, type Series } from "./api";
import { counterQueries, countsOf } from "./counts";

/** Scrapes after which what was not measured again is gone. */
const STALE_SCRAPES = 3;

/** JSON has no infinity, and sums of ranks need none. */
const INFINITE = 1e300;

export class PrometheusSource implements MetricSource {
  readonly name = "prometheus";
  readonly everyMs: number;
  private readonly client: JsonClient;
  private readonly settings: ResolvedPrometheus;

  constructor(settings: ResolvedPrometheus) {
    this.settings = settings;
    this.everyMs = settings.everyMs;
    this.client = new JsonClient(settings);
  }

  async counts(kpis: readonly string[], sides: MeasuredSides, signal?: AbortSignal) {
    const { labels } = this.settings;
    const stale = this.staleMs;
    const queries = counterQueries(kpis, this.settings, stale);
    const [counters, starts] = await Promise.all([
      instant(this.client, queries.counters, stale, signal),
      instant(this.client, queries.starts, stale, signal),
    ]);
    return countsOf(seriesOf(counters), seriesOf(starts), kpis, sides, labels);
  }

  async value(query: string, side: MeasuredSide, signal?: AbortSignal): Promise<number | undefined> {
    const found = await instant(this.client, forSide(query, side), this.staleMs, signal);
    return numberOf(found, side);
  }

  private get staleMs(): number {
    return Math.max(1_000, STALE_SCRAPES * this.everyMs);
  }
}

/** @throws SourceError `BAD_QUERY` where the query needs what is not known of the side. */
export function forSide(query: string, { side, version, parts }: MeasuredSide): string {
  return query.replace(/\$\{(side|version|workloads)\}/g, (_, name) => {
    if (name === "side") return side;
    if (name === "version") return inText(version);
    // An empty expression would match what has no such label at all.
    if (parts.length > 0) return inText(anyOf(parts));
    throw new SourceError(
      "BAD_QUERY",
      `\${workloads} has nothing to stand for: no workload is known that only the ${side} side (${version}) has`,
    );
  });
}

/** Inside quotation marks that the query has itself. */
const inText = (text: string): string => text.replace(/[\\"]/g, "\\$&");

const seriesOf = (found: QueryResult): readonly Series[] =>
  found.resultType === "vector" || found.resultType === "matrix" ? found.result : [];

/** @throws SourceError `BAD_QUERY` unless it is one number at most. */
function numberOf(found: QueryResult, { side }: MeasuredSide): number | undefined {
  if (found.resultType === "scalar") return finite(found.result[1]);
  if (found.resultType !== "vector") {
    throw new SourceError("BAD_QUERY", `it yields a ${found.resultType}, and one number is needed`);
  }
  const [first, second] = found.result;
  if (second) {
    throw new SourceError(
      "BAD_QUERY",
      `it yields ${found.result.length} series for the ${side} side, and one is needed: sum, average or otherwise aggregate them`,
    );
  }
  return first?.value && finite(first.value[1]);
}

/** NaN, e.g. of a share of nothing, is no value. */
function finite(text: string): number | undefined {
  if (text === "+Inf" || text === "Inf") return INFINITE;
  if (text === "-Inf") return -INFINITE;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : Math.max(-INFINITE, Math.min(INFINITE, value));
}
