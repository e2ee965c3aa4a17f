/**
 * Numbers for people.
 *
 * @module
 */

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
