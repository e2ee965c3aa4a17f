import assert from "node:assert/strict";
import { reportOf } from "#sdk/cli/command-report.js";
import { plain } from "#sdk/cli/layout.js";
import { campaignReport } from "#sdk/cli/report.js";
import { reportText } from "#sdk/cli/report-text.js";
import { ago, campaign, done, journal, NOW, rolledBack, stage } from "./cli-fixtures.ts";

describe("issu report", () => {
  it("of a campaign that was rolled back", () => {
    const report = campaignReport(rolledBack(), { target: "cnf/core/amf", now: NOW });
    assert.equal(report.schemaVersion, 1);
    assert.equal(report.outcome, "rolled-back");
    assert.equal(report.from, "1.0.0");
    assert.equal(report.to, "1.1.0");
    assert.equal(report.durationMs, 38_000);
    assert.equal(report.rollbackMs, 8_000);
    assert.equal(report.rollbackStartedAt, ago(10));
    assert.match(report.reason ?? "", /97\.00 %/);
    assert.deepEqual(report.stages[1], {
      name: "gray-50",
      outcome: "failed",
      startedAt: ago(20),
      durationMs: 10_000,
      expectedMs: 10_000,
      attempts: 1,
      detail: "registration-success: 97.00 % of 500 attempts on the new version, at least 99.5 % is wanted",
    });
    assert.equal(report.gates[0]?.stage, "gray-50");
    assert.equal(report.gates[0]?.outcome, "fail");
  });

  it("tells the outcomes apart", () => {
    const states = [
      ["open", "open"],
      ["completed", "completed"],
      ["held", "held"],
      ["rolling-back", "failed"],
      ["stopped", "failed"],
    ] as const;
    for (const [state, outcome] of states) assert.equal(campaignReport(campaign({ state })).outcome, outcome);
  });

  it("ends a held campaign with its last stage, not with now", () => {
    const held = campaign({ state: "held", stages: [done("gray-50", 40, 15), stage("gray-100")] });
    assert.equal(campaignReport(held, { now: NOW }).durationMs, 25_000);
  });

  it("finds campaigns by id, and lists them when there is none", () => {
    assert.equal(reportOf(journal(), undefined, NOW).campaign, "3");
    const past = reportOf(journal(), "2", NOW);
    assert.equal(past.outcome, "completed");
    assert.equal(past.durationMs, 20_000);
    assert.deepEqual(past.stages, []);
    assert.throws(() => reportOf(journal(), "9", NOW), /no campaign 9 of cnf\/core\/amf\. There is: 2, 3\./);
  });

  it("fits 100 columns", () => {
    for (const report of [
      campaignReport(rolledBack(), { target: "cnf/core/amf", now: NOW }),
      reportOf(journal(), "2", NOW),
    ]) {
      const shown = reportText(report, NOW, { width: 100, paint: plain });
      for (const line of shown.split("\n")) assert.ok(line.length <= 100, line);
    }
    const shown = reportText(campaignReport(rolledBack(), { now: NOW }), NOW, { width: 100, paint: plain });
    assert.match(shown, /ROLLED-BACK/);
    assert.match(shown, /gray-100 +not reached/);
    assert.match(shown, /gray-50 +fail +97\.00 % of 500 attempts/);
  });
});
