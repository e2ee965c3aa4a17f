/**
 * What the benchmark's tables are made of.
 *
 * @module
 */
import type { Spread } from "./spread.ts";

/** What is aimed at; said beside the figures, never judged. */
export const AIMS = {
  previewRatio: 1.5,
  campaignRatio: 1.15,
  providerMb: 200,
  elementsMb: 2_000,
  caasPreviewSeconds: 30,
  caasProviderMb: 400,
  drainRatio: 1.5,
  drainBoundRatio: 1.15,
} as const;

export const seconds = (value: number): string => `${value.toFixed(1)} s`;
export const mb = (value: number | null): string => (value === null ? "-" : `${value.toFixed(0)} MB`);

/** @returns rows with their cells in columns, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** The least, the middle and the most; one figure where there is only one. */
export const range = ({ min, median, max, runs }: Spread): string =>
  runs === 1 ? median.toFixed(1) : [min, median, max].map((one) => one.toFixed(1)).join(" / ");
