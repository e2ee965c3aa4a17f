/**
 * Lengths of time as people write and read them.
 *
 * @module
 */

const UNITS = [
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
] as const;

const WELL_FORMED =
  /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;

/**
 * @param text numbers with `h`, `m`, `s`, `ms`, the larger unit first, e.g. `90s`, `1h30m`, `500ms`.
 * @returns milliseconds, rounded; undefined if the text is not of that form.
 */
export function parseDuration(text: string): number | undefined {
  const match = text === "" ? null : WELL_FORMED.exec(text);
  if (!match) return undefined;
  const total = UNITS.reduce((sum, [, ms], i) => sum + Number(match[i + 1] ?? 0) * ms, 0);
  return Number.isFinite(total) ? Math.round(total) : undefined;
}

/** @returns e.g. `1 m 30 s`, `2 h`, `450 ms`, `1.5 s`; at most the two largest units that count. */
export function formatDuration(ms: number): string {
  const rounded = Math.max(0, Math.round(ms));
  if (rounded === 0) return "0 s";
  if (rounded < 1000) return `${rounded} ms`;
  if (rounded < 10_000) return `${Number((rounded / 1000).toFixed(1))} s`;
  const seconds = Math.round(rounded / 1000);
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor((seconds % 3600) / 60), "m"],
    [seconds % 60, "s"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}
