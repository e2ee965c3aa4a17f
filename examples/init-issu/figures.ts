/**
 * What was measured of each change, side by side.
 *
 * @module
 */
import { type Claim, claimOf, type ElementCounts, type Figures } from "../../lab/element/index.ts";

export interface Measured {
  readonly change: string;
  /** On what the elements ran. */
  readonly platform: string;
  readonly figures: Figures;
  /** By the figures alone (INI-7). */
  readonly claim: Claim;
}

export const measured = (change: string, platform: string, figures: Figures): Measured => ({
  change,
  platform,
  figures,
  claim: claimOf(figures),
});

const sum = (figures: Figures, of: (counts: ElementCounts) => number): number =>
  Object.values(figures.elements).reduce((all, counts) => all + of(counts), 0);
const most = (figures: Figures, of: (counts: ElementCounts) => number): string =>
  `${Math.max(...Object.values(figures.elements).map(of)).toFixed(0)} ms`;

/** One column a change, one row a figure. */
export function compared(all: readonly Measured[]): string {
  const rows: readonly [string, (figures: Figures) => string][] = [
    ["transit sent", ({ transit }) => String(transit.sent)],
    ["transit lost", ({ transit }) => String(transit.lost)],
    ["punted lost", ({ punted }) => `${punted.lost} of ${punted.sent}`],
    ["adjacency drops", (figures) => String(sum(figures, (one) => one.adjacencyDrops))],
    ["hardware resets", (figures) => String(sum(figures, (one) => one.hardwareResets))],
    [
      "boot id",
      (figures) =>
        Object.values(figures.elements).every((one) => one.bootIdAfter === one.bootIdBefore)
          ? "the same"
          : "another",
    ],
    ["without control plane", (figures) => most(figures, (one) => one.awayMs)],
    ["until rebuilt", (figures) => most(figures, (one) => one.rebuiltMs)],
    [
      "left behind",
      (figures) =>
        String(sum(figures, ({ left }) => left.processes.length + left.mounts.length + left.ipc.length)),
    ],
    ["claim", (figures) => claimOf(figures).reached ?? "none"],
  ];
  const cells = [["", ...all.map(({ change }) => change)]].concat(
    rows.map(([title, cell]) => [title, ...all.map(({ figures }) => cell(figures))]),
  );
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => row[column]?.length ?? 0)),
  );
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
