/**
 * What a campaign asks of a site's own monitoring (ESC-10, ESC-19): measurements of either side, and the alerts that fire.
 * A driver implements it for one real system; the campaign knows no other.
 *
 * @module
 */
import type { Side } from "./subscriber-split";
import type { KpiCount } from "./target";

/** One side of a campaign, as a monitoring system can tell it from the other. */
export interface MeasuredSide {
  readonly side: Side;
  readonly version: string;
  /** What only this side has, by the names that the target's driver knows, e.g. workloads; empty if that is not known. */
  readonly parts: readonly string[];
}

export interface MeasuredSides {
  readonly left: MeasuredSide;
  readonly right: MeasuredSide;
}

/** A count with the instant at which the monitoring system took it. */
export interface TimedCount extends KpiCount {
  /** ms since 1970, by the monitoring system's clock. */
  readonly at: number;
}

/** Measurements. */
export interface MetricSource {
  /** As the policy names it, e.g. `prometheus`; for messages, and for the path of what is wrong with it. */
  readonly name: string;
  /** How often it measures, ms: asked much more often, it only repeats itself. */
  readonly everyMs: number;

  /**
   * Cumulative counts of the KPIs named that it took lately, oldest first, those given before among them. What it has not
   * measured for a while is left out.
   *
   * @throws SourceError
   */
  counts(kpis: readonly string[], sides: MeasuredSides, signal?: AbortSignal): Promise<readonly TimedCount[]>;

  /**
   * Value of a query on one side, now.
   *
   * @returns undefined where there is none at present.
   * @throws SourceError; `BAD_QUERY` also if it yields several values
   */
  value(query: string, side: MeasuredSide, signal?: AbortSignal): Promise<number | undefined>;
}

/** An alert that fires, and that nobody silenced. */
export interface FiringAlert {
  /** The same for as long as its labels are. */
  readonly fingerprint: string;
  readonly labels: { readonly [name: string]: string };
  /** ISO 8601 */
  readonly startsAt: string;
}

/** Alerts. */
export interface AlertSource {
  readonly name: string;

  /**
   * Those that fire and match all of the matchers, e.g. `severity="critical"`; silenced and inhibited ones are left out.
   *
   * @throws SourceError
   */
  firing(matchers: readonly string[], signal?: AbortSignal): Promise<readonly FiringAlert[]>;
}

export type SourceTrouble =
  /** It does not answer, or not in time. */
  | "UNREACHABLE"
  /** It refuses who asks. */
  | "UNAUTHORIZED"
  /** It does not understand what is asked, or it is no single number. */
  | "BAD_QUERY"
  /** It answers something else than it should. */
  | "BAD_ANSWER";

/** Why a source gives nothing; never holds its address in full, its token or its headers. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceTrouble;
  constructor(code: SourceTrouble, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
