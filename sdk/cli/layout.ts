/**
 * Lines that fit a terminal. Widths are counted before colours are added.
 *
 * @module
 */
import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";
export type Paint = (style: Style, text: string) => string;

/** For pipes, files and `NO_COLOR`. */
export const plain: Paint = (_style, text) => text;
/** For terminals; whether there is one is the caller's to know. */
export const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

export interface Page {
  /** Columns that lines may take. */
  readonly width: number;
  readonly paint: Paint;
}

/** Shortens in the middle, since the ends of a name say most: `amf-gsu-1-…-9f3c21`. */
export function fit(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width < 2) return text.slice(0, width);
  const tail = Math.floor((width - 1) / 2);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** Breaks at spaces; breaks a word only if it fits on no line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (let word of paragraph.split(/\s+/).filter(Boolean)) {
      if (line && line.length + 1 + word.length > width) {
        lines.push(line);
        line = "";
      }
      while (word.length > width) {
        lines.push(word.slice(0, width));
        word = word.slice(width);
      }
      line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines;
}

/** Wrapped, with the first line after `head` and the others under it. */
export function hanging(head: string, text: string, page: Page, style?: Style): string[] {
  const lines = wrap(text, page.width - head.length);
  return lines.map(
    (line, i) => (i > 0 ? " ".repeat(head.length) : style ? page.paint(style, head) : head) + line,
  );
}

export interface Column {
  readonly head: string;
  readonly right?: boolean;
  /** Longest; names longer than that are shortened. */
  readonly max?: number;
}

export interface Cell {
  readonly text: string;
  readonly style?: Style;
}

const GAP = 2;
/** Columns that the last one gets at least. */
const LEAST_LAST = 12;

/** Narrows the widest of the first columns until they fit. Returns what they take, gaps included. */
function shrink(widths: number[], columns: number, room: number): number {
  for (;;) {
    const first = widths.slice(0, columns);
    const taken = first.reduce((sum, width) => sum + width + GAP, 0);
    const widest = first.indexOf(Math.max(...first));
    if (taken <= room || (first[widest] ?? 0) <= 4) return taken;
    widths[widest] = (first[widest] as number) - 1;
  }
}

/** A table whose last column takes what is left of the width and wraps. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | Cell)[])[],
  page: Page,
): string[] {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "string" ? { text: cell } : cell)));
  const widths = columns.map((column, i) =>
    Math.min(
      column.max ?? Number.POSITIVE_INFINITY,
      Math.max(column.head.length, ...cells.map((row) => row[i]?.text.length ?? 0)),
    ),
  );
  const last = columns.length - 1;
  const before = shrink(widths, last, page.width - LEAST_LAST);
  widths[last] = page.width - before;

  const put = (row: readonly Cell[], i: number): string => {
    const width = widths[i] as number;
    const { text = "", style } = row[i] ?? {};
    const short = fit(text, width);
    const padded = columns[i]?.right ? short.padStart(width) : i === last ? short : short.padEnd(width);
    return style && text !== "" ? page.paint(style, padded) : padded;
  };
  const line = (row: readonly Cell[]): string =>
    columns
      .map((_, i) => put(row, i))
      .join(" ".repeat(GAP))
      .trimEnd();

  const out = [page.paint("dim", line(columns.map(({ head }) => ({ text: head }))))];
  for (const row of cells) {
    const [first = "", ...more] = wrap(row[last]?.text ?? "", widths[last] as number);
    const style = row[last]?.style;
    out.push(line([...row.slice(0, last), { text: first, ...(style ? { style } : {}) }]));
    for (const text of more) out.push(" ".repeat(before) + (style ? page.paint(style, text) : text));
  }
  return out;
}
