/**
 * Maintenance windows: when nodes may be drained (TEF-8), by the clock on the wall of a place.
 *
 * @module
 */
import { join, type Reader } from "./reader";

export const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Day = (typeof DAYS)[number];

export interface MaintenanceWindow {
  /** Days on which it opens. @default all */
  readonly days?: readonly Day[];
  /** Time of day at which it opens, e.g. `01:00`. */
  readonly from: string;
  /** Time of day at which it closes, e.g. `05:30`; on the next day, if it is not later than `from`. */
  readonly to: string;
  /** IANA name of the time zone, e.g. `Europe/Berlin`. Days and times are those of its clocks, summer time included. */
  readonly timeZone: string;
  /** Who agreed to work outside the window, and why: without it that is refused. */
  readonly consent?: string;
}

export interface ResolvedWindow {
  readonly days: readonly Day[];
  /** Minutes after midnight. */
  readonly from: number;
  readonly to: number;
  readonly timeZone: string;
  readonly consent?: string;
}

/** Minutes after midnight; undefined if it is no time of day. */
function minutesOf(text: unknown): number | undefined {
  const match = typeof text === "string" ? /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(text) : null;
  return match ? Number(match[1]) * 60 + Number(match[2]) : undefined;
}

export function readWindow(reader: Reader, raw: unknown, path: string): ResolvedWindow | undefined {
  if (raw === undefined) return undefined;
  const at = (name: string) => join(path, name);
  const given = reader.fields(raw, path, ["days", "from", "to", "timeZone", "consent"]);
  const time = (name: "from" | "to", example: string): number | undefined =>
    minutesOf(given[name]) ??
    reader.wrong(at(name), given[name], "a time of day, 00:00 to 23:59", `Write e.g. "${example}"`);
  const from = time("from", "01:00");
  const to = time("to", "05:00");
  if (from !== undefined && from === to) {
    reader.wrong(
      at("to"),
      given.to,
      "another time than from",
      "Leave the window out if any time will do, or say when it closes",
    );
  }
  const zone = zoneOf(given.timeZone);
  if (zone === undefined) {
    reader.wrong(
      at("timeZone"),
      given.timeZone,
      "the IANA name of a time zone: without one nobody knows when the window opens",
      `Write e.g. "Europe/Berlin" or "UTC"`,
    );
  }
  const list =
    given.days === undefined ? DAYS : reader.list(given.days, at("days"), `days: ${DAYS.join(", ")}`);
  const days = list.flatMap((one, i): Day[] => {
    const known = DAYS.find((day) => day === one);
    if (known) return [known];
    reader.wrong(`${at("days")}[${i}]`, one, DAYS.join(", "), `Write e.g. ["sat", "sun"]`);
    return [];
  });
  if (Array.isArray(given.days) && list.length === 0)
    reader.wrong(at("days"), list, "at least one day", "Leave it out for all of them");
  const consent =
    given.consent === undefined
      ? undefined
      : reader.text(given.consent, at("consent"), "who agreed, and why", "CHG-4711, agreed with the NOC");
  if (from === undefined || to === undefined || zone === undefined) return undefined;
  return { days, from, to, timeZone: zone, ...(consent === undefined ? {} : { consent }) };
}

function zoneOf(raw: unknown): string | undefined {
  if (typeof raw !== "string" || raw === "") return undefined;
  try {
    new Intl.DateTimeFormat("en", { timeZone: raw });
    return raw;
  } catch {
    return undefined;
  }
}

interface Local {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: Day;
  readonly minutes: number;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  const known = clocks.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    weekday: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
  });
  clocks.set(timeZone, made);
  return made;
}

/** What the clock on the wall shows. */
function localOf(at: number, timeZone: string): Local {
  const parts = Object.fromEntries(
    clockOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  return {
    year: Number(parts.year),
    month: Number(parts.month),
    day: Number(parts.day),
    weekday: (parts.weekday ?? "sun").slice(0, 3).toLowerCase() as Day,
    minutes: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

const MINUTE = 60_000;
const DAY_MS = 24 * 60 * MINUTE;

/** The first instant at or after `noon`'s day and time; a time that summer time leaps over is the one after the leap. */
function instantOf({ year, month, day }: Local, minutes: number, timeZone: string): number {
  const wanted = Date.UTC(year, month - 1, day) + minutes * MINUTE;
  let at = wanted;
  for (let i = 0; i < 3; i++) {
    const seen = localOf(at, timeZone);
    const off = wanted - (Date.UTC(seen.year, seen.month - 1, seen.day) + seen.minutes * MINUTE);
    if (off === 0) return at;
    at += off;
  }
  return at;
}

export interface WindowState {
  readonly open: boolean;
  /** When it closes, if it is open; else when it opens next. ms since 1970. */
  readonly until: number;
}

/** @param at ms since 1970. */
export function windowAt(window: ResolvedWindow, at: number): WindowState {
  const { days, from, to, timeZone } = window;
  let next = Number.POSITIVE_INFINITY;
  // From yesterday, whose window may last until today, to a week ahead.
  for (let i = -1; i <= 8; i++) {
    const local = localOf(at + i * DAY_MS, timeZone);
    if (!days.includes(local.weekday)) continue;
    const opens = instantOf(local, from, timeZone);
    const closes =
      to > from
        ? instantOf(local, to, timeZone)
        : instantOf(localOf(instantOf(local, 12 * 60, timeZone) + DAY_MS, timeZone), to, timeZone);
    if (opens <= at && at < closes) return { open: true, until: closes };
    if (opens > at) next = Math.min(next, opens);
  }
  return { open: false, until: next };
}

/** e.g. `Sat 2026-11-21 01:00 Europe/Berlin` */
export function formatAt(at: number, timeZone: string): string {
  const { year, month, day, weekday, minutes } = localOf(at, timeZone);
  const two = (value: number) => String(value).padStart(2, "0");
  const name = (weekday[0] ?? "").toUpperCase() + weekday.slice(1);
  return `${name} ${year}-${two(month)}-${two(day)} ${two(Math.floor(minutes / 60))}:${two(minutes % 60)} ${timeZone}`;
}
