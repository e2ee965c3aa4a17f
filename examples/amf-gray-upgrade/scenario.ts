/**
 * The pilot of a gray upgrade, reproduced (GRY-08, GRY-10, GRY-11): an AMF of three service types with 4G and 5G
 * subscribers, half of them moved, watched, then all; four test cards in calls and on the internet throughout; and the old
 * version again, as a week later.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { harm, impactOf } from "../support/impact.ts";
import { lastCampaign } from "../support/issu.ts";
import { MemoryWatch } from "../support/memory.ts";
import { type CampaignReport, REPORT_VERSION } from "../support/report.ts";
import type { Scenario } from "../support/scenario.ts";
import { openSite, quietSpell } from "../support/site.ts";
import type { WindowFigures } from "../support/traffic.ts";
import { CUT_AFTER, cardLines, cardMistakes, cardReports } from "./cards.ts";
import { type Measured, restedAt } from "./measured.ts";
import { PAPER_USERS, siteRates } from "./paper.ts";
import { campaignLines, campaignMistakes, type PilotReport, pilotCampaign } from "./pilot-report.ts";
import { tableOne, tableRows } from "./table-one.ts";

/** Seconds of the field in one second of this run. */
const TIME_SCALE = 60;
const minutes = (count: number): number => (count * 60_000) / TIME_SCALE;
const SOAK_MIN = 15;
const QUIET_MIN = 40;
const SCALED = [
  `the soak at each ratio and after the switchover: ${SOAK_MIN} min are ${minutes(SOAK_MIN) / 1_000} s`,
  `the quiet spell before: ${QUIET_MIN} min are ${minutes(QUIET_MIN) / 1_000} s`,
];

const NAMESPACE = "core";
const OLD = "1.0.0";
const NEW = "1.1.0";
const USERS = PAPER_USERS["4g"] + PAPER_USERS["5g"];
const DESIGNATED = 2;
/** Percentage points. */
const SPLIT_TOLERANCE = 0.4;
const MEMORY_LIMIT = 2_000_000_000;

export const scenario: Scenario = {
  steps: [
    "Lab: control plane, nodes, load balancer, 4G and 5G subscribers, four test cards",
    `Install ${OLD}`,
    "Quiet spell: an up that changes nothing",
    `Upgrade to ${NEW}: 50 %, a while of watching, 100 %`,
    `As a week later: back to ${OLD}`,
  ],
  async run(context) {
    const { progress, root } = context;
    const mistakes: string[] = [];
    const expect = (fine: boolean, otherwise: string) => {
      if (!fine) mistakes.push(otherwise);
    };
    progress.next();
    progress.line(`time: 1 s stands for ${TIME_SCALE} s of the pilot, in these and nowhere else:`);
    for (const line of SCALED) progress.line(`  ${line}`);
    progress.line("  the week before the way back is left out");
    const subscribers = context.subscribers ?? USERS;
    const site = await openSite(context, {
      program: "examples/amf-gray-upgrade/index.ts",
      nodes: 6,
      subscribers,
      calls: Math.min(50, Math.floor(subscribers / 20)),
      lab: {
        fourG: Math.round((subscribers * PAPER_USERS["4g"]) / USERS),
        testCards: true,
        successRates: siteRates(),
      },
      stack: "pilot",
    });
    const memory = new MemoryWatch(site.lab);
    try {
      const { stack, traffic, env } = site;
      const campaign = async () => (await lastCampaign(root, env, "amf", NAMESPACE)).report;

      progress.next();
      // The site's own numbers; only the soak is shorter here.
      const stacks = path.join(import.meta.dirname, "stacks");
      await stack.takeConfig(await fs.readFile(path.join(stacks, "Pulumi.pilot.yaml"), "utf8"));
      await stack.setConfig({ soak: `${minutes(SOAK_MIN)}ms`, minSamples: 100 });
      const installed = await stack.up();
      if (installed.code !== 0) throw new Error(`the install ended with ${installed.code}`);
      const install: CampaignReport = { ...(await campaign()), impact: null };
      expect(install.outcome === "completed", `the install ended ${install.outcome}`);
      progress.line(`${await traffic.allRegistered(180_000, true)} subscribers are registered`);

      progress.next();
      const quiet = await quietSpell(traffic, minutes(QUIET_MIN), async () => {
        const unchanged = await stack.up();
        expect(unchanged.code === 0, `an up that changes nothing ended with ${unchanged.code}`);
        progress.line(`took ${(unchanged.durationMs / 1000).toFixed(1)} s; the quiet spell goes on`);
      });
      await memory.look();

      /** One `up` under traffic: its campaign, and what the record says of it. */
      const change = async (name: string, from: string, to: string, before: WindowFigures) => {
        await stack.setConfig({ amfVersion: to });
        await traffic.openWindow(name);
        const run = await stack.up();
        const figures = await traffic.closeWindow(name);
        if (run.code !== 0) throw new Error(`${name}: the up ended with ${run.code}`);
        const report: CampaignReport = { ...(await campaign()), impact: impactOf(figures, quiet) };
        expect(report.outcome === "completed", `${name} ended ${report.outcome}`);
        // Of 4G and 5G alone it is judged below, at rest.
        mistakes.push(...harm(name, report.impact, Number.POSITIVE_INFINITY));
        const faults = figures.proceduresFailed - figures.userCauses;
        expect(faults === 0, `${name}: ${faults} procedures failed for no cause of the subscriber's own`);
        expect(
          figures.longestGapMs < CUT_AFTER,
          `${name}: a call was cut: silence for ${Math.round(figures.longestGapMs)} ms`,
        );
        const rests = await traffic.rests();
        const still: Measured = {
          users: before.users,
          kpis: before.kpis,
          splitError: { "4g": 0, "5g": 0 },
          durationMs: minutes(QUIET_MIN),
        };
        const at = {
          0: still,
          50: restedAt(rests, from, to, 50),
          100: restedAt(rests, from, to, 100),
        };
        const measured = pilotCampaign(from, to, at);
        mistakes.push(...campaignMistakes(name, measured, SPLIT_TOLERANCE));
        return { report, measured };
      };

      progress.next();
      const beganAt = Date.now();
      await traffic.openWindow("pilot");
      const upgrade = await change("upgrade", OLD, NEW, quiet);
      progress.next();
      const rollback = await change("rollback", NEW, OLD, quiet);
      const whole = await traffic.closeWindow("pilot");
      await memory.look();

      const cards = cardReports(await traffic.cards(), whole.cards, quiet.cards, DESIGNATED, beganAt);
      mistakes.push(...cardMistakes(cards, NEW));
      const rows = tableRows(upgrade.measured.rests);
      const { peak } = memory;
      const pilot: PilotReport = {
        timeScale: { factor: TIME_SCALE, scaled: SCALED },
        table: rows,
        campaigns: [upgrade.measured, rollback.measured],
        cards,
        memoryPeakBytes: peak ?? null,
      };
      const shown = [
        tableOne(rows),
        "",
        campaignLines(`Upgrade ${OLD} to ${NEW}`, upgrade.measured),
        campaignLines(`Rollback ${NEW} to ${OLD}`, rollback.measured),
        "",
        "Test cards, from the beginning of the upgrade to the end of the rollback",
        cardLines(cards, beganAt),
        "",
        peak === undefined
          ? "memory of all lab processes: not told by this kernel"
          : `memory of all lab processes, at most: ${(peak / 1e6).toFixed(0)} MB for ${subscribers} subscribers` +
            ` (${peak < MEMORY_LIMIT ? "below" : "above"} ${MEMORY_LIMIT / 1e9} GB)`,
        `time: 1 s stands for ${TIME_SCALE} s of the pilot, in these and nowhere else:`,
        ...SCALED.map((line) => `  ${line}`),
        "  the week before the way back is left out",
      ].join("\n");
      return {
        report: {
          schemaVersion: REPORT_VERSION,
          example: "amf-gray-upgrade",
          campaigns: [install, upgrade.report, rollback.report],
          pilot,
        },
        mistakes,
        shown,
      };
    } finally {
      memory.close();
      await site.close();
    }
  },
};
