/**
 * The report for people. Pure.
 *
 * @module
 */
import { formatDuration as duration } from "../policy/duration";
import { clock } from "./format";
import { hanging, type Page, table } from "./layout";
import type { CampaignReport } from "./report";

export function reportText(report: CampaignReport, now: number, page: Page): string {
  const { target, campaign, intent, from, to, outcome, startedAt, durationMs, rollbackMs, reason } = report;
  const style = outcome === "completed" ? "green" : outcome === "failed" ? "red" : "yellow";
  const lines = [
    `${page.paint("bold", target ?? "")}  campaign ${campaign}  ${intent} ${from ? `${from} → ` : ""}${to}  ${page.paint(style, outcome.toUpperCase())}`.trimStart(),
    ...hanging(
      "",
      [
        `started ${clock(startedAt, now)}`,
        `took ${duration(durationMs)}`,
        ...(rollbackMs > 0 ? [`of which rolling back ${duration(rollbackMs)}`] : []),
        ...(report.attempts > 1 ? [`${report.attempts} runs`] : []),
      ].join(" · "),
      page,
    ),
    ...(reason ? hanging("taken back: ", reason, page, "yellow") : []),
    "",
  ];
  if (report.stages.length === 0) {
    lines.push("The journal keeps the stages of the last campaign only.");
    return lines.join("\n");
  }
  lines.push(
    ...table(
      [
        { head: "STAGE", max: 24 },
        { head: "OUTCOME" },
        { head: "EXPECTED", right: true },
        { head: "ACTUAL", right: true },
        { head: "TRIES", right: true },
        { head: "DETAIL" },
      ],
      report.stages.map((stage) => [
        stage.name,
        stage.outcome === "pending" && outcome !== "open" ? "not reached" : stage.outcome,
        stage.outcome === "skipped" ? "" : duration(stage.expectedMs),
        stage.startedAt && stage.outcome !== "pending" ? duration(stage.durationMs) : "",
        stage.attempts > 0 ? String(stage.attempts) : "",
        stage.detail,
      ]),
      page,
    ),
  );
  if (report.gates.length > 0) {
    lines.push(
      "",
      ...table(
        [{ head: "GATE AT", max: 24 }, { head: "VERDICT" }, { head: "MEASURED" }],
        report.gates.map((gate) => [
          gate.stage,
          { text: gate.outcome, style: gate.outcome === "pass" ? ("green" as const) : ("red" as const) },
          gate.message,
        ]),
        page,
      ),
    );
  }
  return lines.join("\n");
}
