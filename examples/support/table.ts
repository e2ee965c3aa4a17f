/**
 * The table at the end of an example.
 *
 * @module
 */
import type { CampaignReport, Report } from "./report.ts";

const seconds = (ms: number | null): string => (ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`);
const ms = (value: number | undefined): string => (value === undefined ? "-" : `${value.toFixed(1)} ms`);

/** One column a campaign, one row a figure; at most 100 columns for three campaigns. */
export function table({ campaigns }: Report): string {
  const rows: [string, (campaign: CampaignReport) => string][] = [
    ["from", ({ from }) => from ?? "-"],
    ["to", ({ to }) => to],
    ["outcome", ({ outcome }) => outcome],
    ["duration", ({ durationMs }) => seconds(durationMs)],
    ["rollback", ({ rollbackMs }) => seconds(rollbackMs)],
  ];
  const felt: [string, (campaign: CampaignReport) => string][] = [
    ["subscribers", ({ impact }) => String(impact?.subscribers ?? "-")],
    ["procedures attempted", ({ impact }) => String(impact?.proceduresAttempted ?? "-")],
    ["procedures failed", ({ impact }) => String(impact?.proceduresFailed ?? "-")],
    ...(campaigns.some(({ impact }) => impact?.userCauses !== undefined)
      ? [
          ["of these, user's own causes", ({ impact }) => String(impact?.userCauses ?? "-")] as [
            string,
            (campaign: CampaignReport) => string,
          ],
        ]
      : []),
    ["sessions lost", ({ impact }) => String(impact?.sessionsLost ?? "-")],
    ["re-registrations", ({ impact }) => String(impact?.reRegistrations ?? "-")],
    [
      "longest gap (quiet)",
      ({ impact }) => (impact ? `${ms(impact.longestGapMs)} (${ms(impact.quiet.longestGapMs)})` : "-"),
    ],
    [
      "gap p99.9 (quiet)",
      ({ impact }) => (impact ? `${ms(impact.gapP999Ms)} (${ms(impact.quiet.gapP999Ms)})` : "-"),
    ],
    [
      "largest split error",
      ({ impact }) => (impact ? `${impact.splitErrorPercentMax.toFixed(2)} points` : "-"),
    ],
  ];
  // What subscribers felt, where there are any.
  if (campaigns.some(({ impact }) => impact !== null)) rows.push(...felt);
  if (new Set(campaigns.map(({ target }) => target)).size > 1)
    rows.unshift(["campaign on", ({ target }) => target.split("/").at(-1) ?? target]);
  const cells = rows.map(([title, cell]) => [title, ...campaigns.map(cell)]);
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
