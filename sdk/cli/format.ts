/**
 * Numbers for people.
 *
 * @module
 */

/** e.g. `350 ms`, `12.3 s`, `2 min 05 s`, `1 h 05 min`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** e.g. `10,000`. */
export function count(n: number): string {
  return n.toLocaleString("en-US");
}

/** e.g. `99.85 %`. Never rounds up to 100: a single failure in a million must show. */
export function percent(value: number): string {
  if (value >= 100) return "100 %";
  return `${(Math.floor(value * 100 + 1e-6) / 100).toFixed(2)} %`;
}

/** Local time of day, e.g. `14:03:07`; the date too if it isn't today's. */
export function clock(iso: string, now: number): string {
  const at = new Date(iso);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}
