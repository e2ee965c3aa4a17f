/**
 * Nodes go from Kubernetes 1.33 to 1.34 under an AMF with live traffic: one spare machine, one node after the other.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Api } from "../../lab/cluster/api.ts";
import type { Lab } from "../../lab/lab.ts";
import { harm, impactOf } from "../support/impact.ts";
import { lastCampaign } from "../support/issu.ts";
import { type CampaignReport, REPORT_VERSION } from "../support/report.ts";
import type { Scenario } from "../support/scenario.ts";
import { openSite, quietSpell } from "../support/site.ts";

const NAMESPACE = "core";
const OLD = "1.33.6";
const NEW = "1.34.2";
const QUIET_MS = 20_000;
/** Nobody is moved from side to side here. */
const SPLIT_TOLERANCE = 0.4;

interface Node {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly unschedulable?: boolean };
  readonly status: { readonly nodeInfo: { readonly kubeletVersion: string } };
}

async function kubelets(lab: Lab): Promise<readonly { name: string; version: string; cordoned: boolean }[]> {
  const api = new Api(lab.kubeconfigPath);
  try {
    const nodes = (await api.list("/api/v1/nodes")) as unknown as readonly Node[];
    return nodes.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      version: status.nodeInfo.kubeletVersion,
      cordoned: spec.unschedulable === true,
    }));
  } finally {
    api.close();
  }
}

export const scenario: Scenario = {
  steps: [
    `Lab: control plane, nodes with ${OLD}, a spare machine, subscribers`,
    "Install the AMF",
    "Quiet spell: an up that changes nothing",
    `The cluster's nodes: ${OLD} -> ${NEW}`,
    "An up that changes nothing",
  ],
  async run(context) {
    const { progress } = context;
    const mistakes: string[] = [];
    const expect = (fine: boolean, otherwise: string) => {
      if (!fine) mistakes.push(otherwise);
    };
    progress.next();
    const site = await openSite(context, {
      program: "examples/caas-rolling-upgrade/index.ts",
      nodes: 4,
      subscribers: 2_000,
      calls: 20,
      stack: "edge",
      lab: { machines: { release: OLD, spares: 1, scale: 0.01 } },
    });
    try {
      const { stack, traffic, env, lab } = site;
      const { redfish } = lab;
      if (!redfish) throw new Error("the lab has no machines");
      const passwordFile = join(lab.dir, "machines-password");
      writeFileSync(passwordFile, redfish.password, { mode: 0o600 });
      const amf = () => lastCampaign(context.root, env, "amf", NAMESPACE);

      progress.next();
      await stack.setConfig({
        namespace: NAMESPACE,
        amfVersion: "1.0.0",
        kubernetesVersion: OLD,
        machinesUrl: redfish.url,
        machinesUser: redfish.username,
        machinesLoginFile: passwordFile,
        machinesCaFile: redfish.caPath,
        images: "https://images.lab.example",
        surge: 1,
        soak: "2s",
        bootExpected: "10s",
      });
      const installed = await stack.up();
      if (installed.code !== 0) throw new Error(`the install ended with ${installed.code}`);
      const install: CampaignReport = { ...(await amf()).report, impact: null };
      const subscribers = await traffic.allRegistered(60_000);
      progress.line(`${subscribers} subscribers are registered`);

      progress.next();
      const quiet = await quietSpell(traffic, QUIET_MS, async () => {
        const unchanged = await stack.up();
        expect(unchanged.code === 0, `an up that changes nothing ended with ${unchanged.code}`);
      });

      progress.next();
      await stack.setConfig({ kubernetesVersion: NEW });
      await traffic.openWindow("nodes");
      const startedAt = new Date();
      const upgraded = await stack.up();
      const durationMs = Date.now() - startedAt.getTime();
      const figures = await traffic.closeWindow("nodes");
      expect(upgraded.code === 0, `the upgrade of the nodes ended with ${upgraded.code}`);
      progress.line(`it took ${(durationMs / 1000).toFixed(1)} s`);
      const impact = impactOf(figures, quiet);
      mistakes.push(...harm("nodes", impact, SPLIT_TOLERANCE));
      expect(figures.proceduresFailed === 0, `nodes: ${figures.proceduresFailed} procedures failed`);
      const nodes = await kubelets(lab);
      for (const { name, version, cordoned } of nodes) {
        expect(version === `v${NEW}`, `${name} runs ${version}`);
        expect(!cordoned, `${name} is cordoned`);
      }
      expect(nodes.length === 4, `there are ${nodes.length} nodes, not 4`);

      progress.next();
      const unchanged = await stack.up();
      expect(unchanged.code === 0, `the last up ended with ${unchanged.code}`);
      return {
        report: {
          schemaVersion: REPORT_VERSION,
          example: "caas-rolling-upgrade",
          campaigns: [
            install,
            {
              target: "caas/core/edge",
              from: OLD,
              to: NEW,
              outcome: upgraded.code === 0 ? "completed" : "failed",
              startedAt: startedAt.toISOString(),
              durationMs,
              rollbackMs: null,
              // What each stage took is in the journal; `issu report` knows no clusters yet.
              stages: [],
              impact,
            },
          ],
        },
        mistakes,
      };
    } finally {
      await site.close();
    }
  },
};
