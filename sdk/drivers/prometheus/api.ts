/**
 * Instant queries of Prometheus' HTTP API v1, which Thanos, Mimir and others speak as well.
 *
 * @module
 */
import { SourceError } from "../../contract/monitoring";
import type { JsonClient } from "../get-json";

/** Seconds since 1970, and the value as text: a number, `NaN`, `+Inf` or `-Inf`. */
export type Point = readonly [number, string];

export interface Series {
  readonly metric: { readonly [label: string]: string };
  /** Of an instant vector. */
  readonly value?: Point;
  /** Of a range vector, oldest first. */
  readonly values?: readonly Point[];
}

export type QueryResult =
  | { readonly resultType: "vector" | "matrix"; readonly result: readonly Series[] }
  | { readonly resultType: "scalar" | "string"; readonly result: Point };

/**
 * @param staleMs values older than this are none (where the server knows the parameter; it is 5 min by default).
 * @throws SourceError
 */
export async function instant(
  client: JsonClient,
  query: string,
  staleMs: number,
  signal?: AbortSignal,
): Promise<QueryResult> {
  const seconds = `${Math.ceil(staleMs / 1000)}s`;
  const parameters = new URLSearchParams({ query, timeout: "4s", lookback_delta: seconds });
  const { status, body } = await client.get("api/v1/query", parameters, signal);
  const { status: outcome, data, errorType, error } = (body ?? {}) as { [name: string]: unknown };
  if (outcome === "error") {
    const said = `${client.host} says ${String(errorType)}: ${String(error)}`;
    const asked = errorType === "bad_data" || errorType === "execution";
    throw new SourceError(asked ? "BAD_QUERY" : "UNREACHABLE", said);
  }
  if (status >= 500) throw new SourceError("UNREACHABLE", `${client.host} answers HTTP ${status}`);
  const { resultType, result } = (data ?? {}) as Partial<QueryResult>;
  if (outcome !== "success" || !Array.isArray(result) || !TYPES.includes(resultType ?? "")) {
    throw new SourceError(
      "BAD_ANSWER",
      `${client.host} does not answer as Prometheus' HTTP API does (HTTP ${status})`,
    );
  }
  return data as QueryResult;
}

const TYPES: readonly string[] = ["vector", "matrix", "scalar", "string"];

/** Text in quotation marks, as PromQL reads it. */
export const quoted = (text: string): string =>
  `"${text.replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`))}"`;

/** A regular expression (RE2, anchored) that matches just the texts, without quotation marks. */
export const anyOf = (texts: readonly string[]): string =>
  texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
