/**
 * Three campaigns under live traffic: install 1.0.0, upgrade to 1.1.0 by ratio, and 1.2.0, whose registrations fail for 3 %
 * of the subscribers: a gate catches it, and the campaign takes itself back.
 *
 * @module
 */

import { harm, impactOf } from "../support/impact.ts";
import { lastCampaign } from "../support/issu.ts";
import { type CampaignReport, REPORT_VERSION } from "../support/report.ts";
import type { Scenario } from "../support/scenario.ts";
import { openSite, quietSpell } from "../support/site.ts";

const NAMESPACE = "core";
/** What the site sets for this run; a real one soaks for minutes. */
const SITE = {
  namespace: NAMESPACE,
  gsuInstances: 8,
  soak: "8s",
  grayRatios: [1, 50, 100],
  minSamples: 20,
} as const;
const GATE = {
  procedure: "registration",
  atLeast: 99.5,
  minSamples: SITE.minSamples,
  side: "right",
} as const;
const QUIET_MS = 30_000;
/** The rollback has to begin this soon after the record shows what the gate forbids. */
const REACT_WITHIN_MS = 1_000;
const SPLIT_TOLERANCE = 0.4;

export const scenario: Scenario = {
  steps: [
    "Lab: control plane, nodes, load balancer, subscribers",
    "Campaign 1: install 1.0.0",
    "Quiet spell: an up that changes nothing",
    "Campaign 2: upgrade to 1.1.0, 1 -> 50 -> 100 % of the subscribers",
    "Campaign 3: 1.2.0, which fails registrations for 3 % of its subscribers",
    "Back in the program: 1.1.0 again",
  ],
  async run(context) {
    const { progress, root } = context;
    const mistakes: string[] = [];
    const expect = (fine: boolean, otherwise: string) => {
      if (!fine) mistakes.push(otherwise);
    };
    progress.next();
    const site = await openSite(context, {
      program: "examples/cnf-gray-upgrade/index.ts",
      nodes: 6,
      subscribers: 10_000,
      calls: 50,
      stack: "demo",
    });
    try {
      const { stack, traffic, env, lab } = site;
      const campaign = () => lastCampaign(root, env, "amf", NAMESPACE);

      progress.next();
      await stack.setConfig({ amfVersion: "1.0.0", ...SITE });
      const installed = await stack.up();
      if (installed.code !== 0) throw new Error(`the install ended with ${installed.code}`);
      const install: CampaignReport = { ...(await campaign()).report, impact: null };
      expect(install.outcome === "completed", `the install ended ${install.outcome}`);
      progress.line("subscribers register");
      const subscribers = await traffic.allRegistered(60_000);
      progress.line(`${subscribers} subscribers are registered`);

      progress.next();
      const quiet = await quietSpell(traffic, QUIET_MS, async () => {
        const unchanged = await stack.up();
        expect(unchanged.code === 0, `an up that changes nothing ended with ${unchanged.code}`);
        progress.line(`took ${(unchanged.durationMs / 1000).toFixed(1)} s; the quiet spell goes on`);
      });

      progress.next();
      await stack.setConfig({ amfVersion: "1.1.0" });
      await traffic.openWindow("upgrade");
      const upgraded = await stack.up();
      const upgradeFigures = await traffic.closeWindow("upgrade");
      expect(upgraded.code === 0, `the upgrade ended with ${upgraded.code}`);
      const upgrade: CampaignReport = {
        ...(await campaign()).report,
        impact: impactOf(upgradeFigures, quiet),
      };
      expect(upgrade.outcome === "completed", `the upgrade ended ${upgrade.outcome}`);
      mistakes.push(...harm("upgrade", upgrade.impact, SPLIT_TOLERANCE));
      expect(
        upgradeFigures.proceduresFailed === 0,
        `upgrade: ${upgradeFigures.proceduresFailed} procedures failed`,
      );

      progress.next();
      await lab.fault("procedure-failures", {
        version: "1.2.0",
        procedure: "registration",
        percentOfSubscribers: 3,
      });
      await traffic.watchRule({ name: "gate", ...GATE });
      await stack.setConfig({ amfVersion: "1.2.0" });
      await traffic.openWindow("rollback");
      const refused = await stack.up();
      const badFigures = await traffic.closeWindow("rollback");
      expect(refused.code !== 0, "the bad version's up ended with success");
      const { report: badReport, rollbackStartedAt } = await campaign();
      const bad: CampaignReport = { ...badReport, impact: impactOf(badFigures, quiet) };
      expect(bad.outcome === "rolled-back", `the bad version ended ${bad.outcome}`);
      mistakes.push(...harm("rollback", bad.impact, SPLIT_TOLERANCE));
      const met = badFigures.metVersions["1.2.0"];
      expect((met?.subscribers ?? 0) > 0, "nobody met the bad version: the gate was not what stopped it");
      expect(
        met?.outsideRatio === 0,
        `${met?.outsideRatio} subscribers beyond the ratio met the bad version`,
      );
      const metAt = await traffic.ruleMetAt("gate");
      const reaction = metAt && rollbackStartedAt ? rollbackStartedAt - metAt : undefined;
      expect(
        reaction !== undefined && reaction <= REACT_WITHIN_MS,
        `the rollback began ${reaction ?? "?"} ms after the record met the gate's rule, within ${REACT_WITHIN_MS} ms is wanted`,
      );
      progress.line(`the rollback began ${reaction} ms after the traffic's record met the gate's rule`);

      progress.next();
      await stack.setConfig({ amfVersion: "1.1.0" });
      const back = await stack.up();
      expect(back.code === 0, `the up with the old version ended with ${back.code}`);

      return {
        report: {
          schemaVersion: REPORT_VERSION,
          example: "cnf-gray-upgrade",
          campaigns: [install, upgrade, bad],
        },
        mistakes,
      };
    } finally {
      await site.close();
    }
  },
};
