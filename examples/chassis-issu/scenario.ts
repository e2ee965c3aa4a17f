/**
 * Three campaigns on a simulated chassis cluster under transit flows in both directions: to the next release, to one that does not
 * boot, which is taken back, and back by setting the version back. No control plane is needed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { buildImage, type ChassisCluster, imageName, startChassisCluster } from "../../lab/chassis/index.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { compact } from "../support/engine-lines.ts";
import { lastCampaign } from "../support/issu.ts";
import { Stack } from "../support/pulumi.ts";
import { type CampaignReport, REPORT_VERSION } from "../support/report.ts";
import type { Scenario } from "../support/scenario.ts";

const FROM = "21.2R3-S4.9";
const TO = "21.4R3-S5.4";
const BROKEN = "22.2R3-S1.9";
/** Device seconds in a second: an upgrade of three quarters of an hour in a quarter of a minute. */
const TIME_SCALE = 240;
const TRAFFIC = { flows: 20, packetsPerSecond: 2_000 };
const QUIET_MS = 10_000;

export const scenario: Scenario = {
  steps: [
    `Lab: two nodes on ${FROM}, transit flows both ways; one second is ${TIME_SCALE} of the device's`,
    "Quiet spell: an up that changes nothing",
    `Campaign 1: to ${TO}`,
    `Campaign 2: to ${BROKEN}, which does not boot`,
    `Campaign 3: back to ${FROM}`,
  ],
  async run({ root, out, progress, signal, keep }) {
    const mistakes: string[] = [];
    const expect = (fine: boolean, otherwise: string) => {
      if (!fine) mistakes.push(otherwise);
    };
    progress.next();
    const toolchain = await ensureToolchain({ signal });
    const cluster = await startChassisCluster({ name: "edge", timeScale: TIME_SCALE, release: FROM });
    try {
      const dir = path.join(out, "stack");
      await fs.rm(out, { recursive: true, force: true });
      const env = { ...process.env, ...toolchain.pulumiEnv(), ISSU_LOG_DIR: path.join(out, "log") };
      const stack = await Stack.open({
        root,
        program: path.join(root, "examples/chassis-issu/index.ts"),
        stack: "edge",
        dir,
        env,
        echo: (line) => {
          const short = compact(line);
          if (short !== undefined) progress.line(short);
        },
      });
      const journal = `file://${path.join(out, "journal")}`;
      await stack.setConfig({ user: cluster.credentials.user, journal });
      await stack.setSecret("password", cluster.credentials.password);
      await stack.setJson("nodes", nodesOf(cluster));
      const wants = async (release: string, boots = true) => {
        const content = buildImage({ release, boots });
        const at = `/var/tmp/${imageName(release)}`;
        cluster.model.node(0).files.write(at, content);
        const sha256 = createHash("sha256").update(content).digest("hex");
        await stack.setConfig({ release });
        await stack.setJson("image", { path: at, sha256, bytes: content.length });
      };
      const { traffic } = cluster;
      const shown: string[] = [];
      const window = async (name: string, work: () => Promise<unknown>) => {
        traffic.openWindow(name);
        await work();
        const { sent, lost, longestGapMs, flowsLost } = await traffic.closeWindow(name);
        expect(flowsLost === 0, `${name}: ${flowsLost} flows were lost`);
        shown.push(
          `${name.padEnd(24)}${sent} packets, ${lost} lost, longest gap ${longestGapMs.toFixed(0)} ms, ${flowsLost} of ${TRAFFIC.flows} flows lost`,
        );
      };
      const campaigns: CampaignReport[] = [];
      const campaign = async (release: string, outcome: CampaignReport["outcome"], runs: string) => {
        await window(`to ${release}`, () => stack.up());
        const { report } = await lastCampaign(root, env, "edge", "default", journal);
        campaigns.push({ ...report, impact: null });
        expect(report.outcome === outcome, `the campaign to ${release} ended ${report.outcome}`);
        const running = cluster.model.nodes.map((node) => node.release);
        expect(
          running.every((one) => one === runs),
          `the nodes run ${running.join(" and ")}, not ${runs}`,
        );
      };

      progress.next();
      await traffic.start(TRAFFIC);
      await wants(FROM);
      await window("quiet", async () => {
        const [unchanged] = await Promise.all([stack.up(), delay(QUIET_MS)]);
        expect(unchanged.code === 0, `an up that changes nothing ended with ${unchanged.code}`);
      });
      progress.next();
      await wants(TO);
      await campaign(TO, "completed", TO);
      progress.next();
      await wants(BROKEN, false);
      await campaign(BROKEN, "rolled-back", TO);
      progress.next();
      await wants(FROM);
      await campaign(FROM, "completed", FROM);
      traffic.stop();
      if (keep) {
        progress.line("the cluster stays up until Ctrl-C");
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      }
      const report = { schemaVersion: REPORT_VERSION, example: "chassis-issu", campaigns };
      return { report, mistakes, shown: shown.join("\n") };
    } finally {
      await cluster.close();
    }
  },
};

const nodesOf = (cluster: ChassisCluster) =>
  cluster.nodes.map(({ host, port, hostPublicKey }) => ({ host, port, hostKey: hostPublicKey }));
