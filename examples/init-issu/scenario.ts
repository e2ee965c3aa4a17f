/**
 * A network element's init and root replaced in service, the same by an ordinary reboot, an init that hangs, and a redundant pair; all
 * measured outside the elements (INI-1, INI-6, INI-7, INI-11).
 *
 * @module
 */
import * as fs from "node:fs/promises";
import * as path from "node:path";
import { type Element, type Figures, type Image, startElement } from "../../lab/element/index.ts";
import { ensureToolchain } from "../../lab/toolchain/index.ts";
import { compact } from "../support/engine-lines.ts";
import { lastCampaign } from "../support/issu.ts";
import { Stack } from "../support/pulumi.ts";
import { type CampaignReport, REPORT_VERSION } from "../support/report.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";
import { compared, type Measured, measured } from "./figures.ts";

export const scenario: Scenario = {
  steps: [
    "Lab: an element with a neighbour and traffic",
    "Campaign 1: 1.0.0 to 1.1.0, init and root replaced in service",
    "The same change by an ordinary reboot",
    "Campaign 2: 1.2.0, whose init hangs",
    "Campaign 3: a redundant pair, one after the other",
  ],
  async run(context) {
    const { progress } = context;
    const mistakes: string[] = [];
    const changes: Measured[] = [];
    const campaigns: CampaignReport[] = [];
    const expect = (fine: boolean, otherwise: string) => {
      if (!fine) mistakes.push(otherwise);
    };
    const note = (change: string, { platform }: Element, figures: Figures) => {
      const one = measured(change, platform, figures);
      changes.push(one);
      progress.line(
        `${change}: ${one.claim.reached ?? "neither ZPL nor ZTL"}${one.claim.against.length > 0 ? `; ${one.claim.against.join(", ")}` : ""}`,
      );
      return one;
    };

    progress.next();
    const alone = await open(context, "alone", ["ne1"]);
    try {
      const { element, stack } = alone;
      progress.line(`it runs on ${element.platform}${element.reason ? `: ${element.reason}` : ""}`);

      progress.next();
      await alone.want("1.0.0");
      expect((await stack.up()).code === 0, "an up that changes nothing failed");
      await alone.want("1.1.0", await element.image({ version: "1.1.0" }));
      const issu = note("ISSU", element, await element.measure(() => alone.up(0, mistakes)));
      campaigns.push(await alone.report("ne1"));
      expect(issu.claim.reached !== undefined, `ISSU: ${issu.claim.against.join(", ")}`);
      expect(issu.figures.elements.ne1?.boots === 0, "ISSU: the kernel rebooted");

      progress.next();
      // Back first, so that what is measured is the same change.
      await rebootTo(element, "1.0.0");
      const reboot = note("reboot", element, await element.measure(() => rebootTo(element, "1.1.0")));
      expect(reboot.figures.transit.lost > 0, "the reboot lost nothing: the measurement can't be trusted");
      expect(reboot.claim.reached === undefined, "the reboot claims what it can't have reached");

      progress.next();
      const hangs = await element.image({ version: "1.2.0", defect: "hang" });
      await alone.want("1.2.0", hangs, "2s");
      const bad = note("hangs", element, await element.measure(() => alone.up("fails", mistakes)));
      campaigns.push(await alone.report("ne1"));
      expect((await element.view()).version === "1.1.0", "the old root does not serve");
      expect(bad.figures.transit.lost === 0, `the way back lost ${bad.figures.transit.lost} transit packets`);
    } finally {
      await alone.close();
    }

    progress.next();
    const pair = await open(context, "pair", ["ne1", "ne2"]);
    try {
      const { element } = pair;
      await pair.want("1.1.0", await element.image({ version: "1.1.0" }));
      const both = note("pair", element, await element.measure(() => pair.up(0, mistakes)));
      for (const name of ["ne1", "ne2"]) campaigns.push(await pair.report(name));
      expect(both.claim.reached === "ZPL", `the pair: ${both.claim.against.join(", ")}`);
    } finally {
      await pair.close();
    }
    return {
      report: { schemaVersion: REPORT_VERSION, example: "init-issu", campaigns, elements: changes },
      mistakes,
      shown: compared(changes),
    };
  },
};

interface Opened {
  readonly element: Element;
  readonly stack: Stack;
  want(version: string, image?: Image, watchdog?: string): Promise<void>;
  up(expected: 0 | "fails", mistakes: string[]): Promise<void>;
  report(name: string): Promise<CampaignReport>;
  close(): Promise<void>;
}

async function open(
  { root, out, progress }: ScenarioContext,
  name: string,
  names: string[],
): Promise<Opened> {
  const toolchain = await ensureToolchain({ programs: ["pulumi", "pulumi-resource-kubernetes"] });
  const dir = path.join(out, name);
  await fs.rm(dir, { recursive: true, force: true });
  const element = await startElement({ names });
  const env = { ...process.env, ...toolchain.pulumiEnv(), ISSU_LOG_DIR: path.join(dir, "log") };
  const program = path.join(root, "examples/init-issu/index.ts");
  const echo = (line: string) => {
    const short = compact(line);
    if (short !== undefined) progress.line(short);
  };
  const stack = await Stack.open({ root, program, stack: name, dir: path.join(dir, "stack"), env, echo });
  const journal = `file://${path.join(dir, "journal")}`;
  const at = await Promise.all(names.map((one) => element.address(one)));
  const elements = at.map(({ port, hostKey }, i) => ({
    name: names[i],
    host: "127.0.0.1",
    port,
    hostKey: `ssh-ed25519 ${hostKey}`,
  }));
  await stack.setJson("elements", elements);
  await stack.setConfig({ journal, privateKeyFile: path.join(element.dir, "operator_key") });
  return {
    element,
    stack,
    async want(version, image, watchdog) {
      await stack.setConfig({ version, ...(watchdog ? { watchdog } : {}) });
      if (image) await stack.setJson("image", { path: image.path, sha256: image.sha256 });
    },
    async up(expected, mistakes) {
      const { code } = await stack.up();
      if ((code === 0) !== (expected === 0)) mistakes.push(`an up ended with ${code}, expected ${expected}`);
    },
    async report(one) {
      const { report } = await lastCampaign(root, env, `element/default/${one}`, "default", journal);
      return { ...report, impact: null };
    },
    close: () => element.close(),
  };
}

/** As an operator at the element's command line. */
async function rebootTo(element: Element, version: string): Promise<void> {
  const { partition } = await element.view();
  const { status, error } = await element.run(`request reboot ${partition === "a" ? "b" : "a"}`);
  if (status !== 0) throw new Error(error.trim());
  await element.until((view) => view.version === version && view.reported && view.rebuilt, `on ${version}`);
}
