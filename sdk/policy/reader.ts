/**
 * Reads input that nobody has checked yet and collects every mistake in it, so that a user mends all of them at once.
 *
 * @module
 */
import { parseDuration } from "./duration";
import type { Problem } from "./problem";

/** What a value is, for an error message; long values are cut. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text =
    typeof value === "string" || (typeof value === "object" && value !== null)
      ? safeJson(value)
      : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return "an object that refers to itself";
  }
}

/** The known name with the fewest edits to `name`, if it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, edits: editDistance(name.toLowerCase(), one.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits)[0];
  return ranked && ranked.edits <= Math.max(2, Math.floor(name.length / 2)) ? ranked.one : undefined;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export type Fields = { readonly [name: string]: unknown };

export class Reader {
  readonly problems: Problem[] = [];

  /** Reports what was given, what was expected and how to mend it. */
  wrong(path: string, given: unknown, expected: string, mend: string): undefined {
    this.problems.push({ path, message: `Got ${show(given)}. Expected ${expected}. ${mend}.` });
    return undefined;
  }

  /**
   * @param known names of its properties; others are reported with the nearest of these. Left out, any name may appear.
   * @returns its properties; none if it is no object, which is reported unless it is undefined.
   */
  fields(raw: unknown, path: string, known?: readonly string[]): Fields {
    if (raw === undefined) return {};
    if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
      this.wrong(path, raw, "an object", known ? `Its properties are ${known.join(", ")}` : "Write { ... }");
      return {};
    }
    for (const [name, value] of known ? Object.entries(raw) : []) {
      if (value === undefined || known?.includes(name)) continue;
      const meant = nearest(name, known ?? []);
      this.wrong(
        join(path, name),
        value,
        `one of ${known?.join(", ")}: there is no property ${name}`,
        meant ? `Write ${meant} if that is meant` : "Remove it",
      );
    }
    return raw as Fields;
  }

  /** A whole number of at least `least`. */
  whole(raw: unknown, path: string, least: number, otherwise: number): number;
  whole(raw: unknown, path: string, least: number, otherwise?: number): number | undefined;
  whole(raw: unknown, path: string, least: number, otherwise?: number): number | undefined {
    if (raw === undefined) return otherwise;
    if (typeof raw === "number" && Number.isInteger(raw) && raw >= least) return raw;
    this.wrong(path, raw, `a whole number of at least ${least}`, `Write e.g. ${Math.max(1, least)}`);
    return otherwise;
  }

  /** A number of percent or percentage points. */
  percent(raw: unknown, path: string, least: number): number | undefined {
    if (raw === undefined) return undefined;
    if (typeof raw === "number" && raw >= least && raw <= 100) return raw;
    return this.wrong(path, raw, `a number from ${least} to 100, in percent`, "Write e.g. 99.5");
  }

  duration(raw: unknown, path: string, otherwise: string, positive = true): number {
    const ms = parseDuration(typeof raw === "string" ? raw : otherwise);
    if ((raw === undefined || typeof raw === "string") && ms !== undefined && (ms > 0 || !positive))
      return ms;
    this.wrong(
      path,
      raw,
      `a${positive ? " positive" : ""} length of time: numbers with h, m, s or ms, the larger unit first`,
      typeof raw === "number" ? `Say the unit, e.g. "${raw}s"` : `Write e.g. "90s", "1h30m" or "500ms"`,
    );
    return parseDuration(otherwise) ?? 0;
  }

  oneOf<const T extends readonly unknown[]>(
    raw: unknown,
    path: string,
    values: T,
    otherwise: T[number],
  ): T[number] {
    if (raw === undefined) return otherwise;
    if (values.includes(raw)) return raw as T[number];
    const meant = typeof raw === "string" ? nearest(raw, values.map(String)) : undefined;
    this.wrong(
      path,
      raw,
      values.map(show).join(" or "),
      meant ? `Write "${meant}" if that is meant` : `Leave it out for ${show(otherwise)}`,
    );
    return otherwise;
  }

  boolean(raw: unknown, path: string, otherwise: boolean): boolean {
    return this.oneOf(raw, path, [true, false], otherwise);
  }

  /** Text that is not empty. */
  text(raw: unknown, path: string, what: string, example: string): string | undefined {
    if (typeof raw === "string" && raw.trim() !== "") return raw;
    return this.wrong(path, raw, what, `Write e.g. "${example}"`);
  }

  list(raw: unknown, path: string, what: string): readonly unknown[] {
    if (Array.isArray(raw)) return raw;
    this.wrong(path, raw, `a list of ${what}`, "Write [ ... ]");
    return [];
  }
}

/** Path of a property below another. */
export const join = (path: string, name: string): string => (path ? `${path}.${name}` : name);
