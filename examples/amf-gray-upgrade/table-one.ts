/**
 * Table 1 on a terminal: each figure as it was measured, and under it the paper's; at most 100 columns.
 *
 * @module
 */
import type { MeasuredAt } from "./measured.ts";
import { figureOf } from "./measured.ts";
import { type Cells, type PaperRow, RATIOS, SIDES, TABLE_1 } from "./paper.ts";

const TITLE = 28;
const CELL = 9;
const GAP = "  ";

export interface TableRow {
  readonly title: string;
  readonly kind: "users" | "kpi";
  /** Access type, or procedure. */
  readonly of: string;
  readonly measured: Cells;
  readonly paper: Cells;
}

export function tableRows(at: MeasuredAt): readonly TableRow[] {
  return TABLE_1.map(({ title, kind, of, paper }: PaperRow) => {
    const cell = (ratio: (typeof RATIOS)[number]) =>
      Object.fromEntries(
        SIDES.flatMap((side) => {
          const figure = figureOf(at[ratio], side, kind, of);
          return figure === undefined ? [] : [[side, figure]];
        }),
      );
    return { title, kind, of, measured: { 0: cell(0), 50: cell(50), 100: cell(100) }, paper };
  });
}

export function tableOne(rows: readonly TableRow[]): string {
  const line = (title: string, cells: (ratio: 0 | 50 | 100, side: "left" | "right") => string): string =>
    (
      title.padEnd(TITLE) +
      RATIOS.map((ratio) => SIDES.map((side) => cells(ratio, side).padStart(CELL)).join("")).join(GAP)
    ).trimEnd();
  const figure = (value: number | undefined, kind: "users" | "kpi", none: string): string =>
    value === undefined ? none : kind === "users" ? value.toLocaleString("en-US") : value.toFixed(2);
  return [
    "KPIs on the left (old version) and on the right (new version) at each ratio of users",
    "",
    line("", (ratio, side) => (side === "left" ? "" : `${ratio} %`)),
    line("", (_, side) => side),
    ...rows.flatMap(({ title, kind, measured, paper }) => [
      line(title, (ratio, side) => figure(measured[ratio][side], kind, "no data")),
      line("  in the paper", (ratio, side) => figure(paper[ratio][side], kind, "-")),
    ]),
    "",
    "-: the paper prints 100.00 for a side without users.",
  ].join("\n");
}
