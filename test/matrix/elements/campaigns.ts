/**
 * One pair of network elements and one long-lived stack, on which campaign after campaign meets its trouble, is brought to its end by
 * the next `up`, and is looked at.
 *
 * @module
 */
import assert from "node:assert/strict";
import * as path from "node:path";
import { pathToFileURL } from "node:url";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { ElementUpgradePolicy, RootImage } from "pulumi-issu";
import type { ElementCounts, Figures, Image } from "../../../lab/element/index.ts";
import type { Running } from "../../support/command.ts";
import { type CutLine, cutLine } from "../../support/cut-line.ts";
import { type ElementSite, openElementSite } from "../../support/element-site.ts";
import { settled } from "../../support/elements.ts";
import { FileJournalWatch } from "../../support/file-journal-watch.ts";
import type { CampaignSeen } from "../../support/journal-watch.ts";
import { note } from "../../support/observed.ts";
import { until } from "../../support/until.ts";
import type { Kept } from "../parts.ts";
import type { Point } from "../points.ts";
import type { First } from "../troubles.ts";
import type { Case, Wanted } from "./cases.ts";
import { other, type Trouble } from "./troubles.ts";

/** What became of a case. */
export interface Outcome extends Kept {
  readonly pair: boolean;
  readonly first: First;
  readonly wanted: Wanted;
  readonly end: "new root" | "old root";
  /** From the trouble until all was at rest, ms. */
  readonly convergedMs: number;
  readonly transitLost: number;
  readonly puntedLost: number;
  readonly adjacencyDrops: number;
  readonly resets: number;
  readonly boots: number;
  /** Longest time without a control plane, ms. */
  readonly awayMs: number;
}

const NAME = "ne1";

export class ElementCampaigns {
  readonly #site: ElementSite;
  readonly #line: CutLine;
  readonly #journal: FileJournalWatch;
  readonly #recipient: string;
  #serving = "1.0.0";
  #sha256: string;
  #count = 0;

  private constructor(site: ElementSite, line: CutLine, recipient: string, sha256: string) {
    this.#site = site;
    this.#line = line;
    this.#recipient = recipient;
    this.#sha256 = sha256;
    this.#journal = new FileJournalWatch(site.journals, `element/default/${NAME}`);
  }

  static async open(name: string): Promise<ElementCampaigns> {
    const site = await openElementSite({ name, names: [NAME, "ne2"], bootMs: 300, resetMs: 100 });
    const { port } = await site.element.address(NAME);
    const line = await cutLine(port);
    site.reachBy({ [NAME]: line.port });
    const recipient = await identityToRecipient(await generateX25519Identity());
    const { sha256 } = await site.element.image({ version: "1.0.0" });
    const campaigns = new ElementCampaigns(site, line, recipient, sha256);
    await site.stack.mustUp(await campaigns.#wants("1.0.0", { sha256 }, {}, false));
    return campaigns;
  }

  async close(): Promise<void> {
    await this.#line.close();
    await this.#site.close();
  }

  /**
   * Runs a case to its end.
   *
   * @throws AssertionError if the element is not as it has to be afterwards.
   */
  async run({ trouble, point, wanted, pair }: Case): Promise<Outcome> {
    const { element, stack } = this.#site;
    const version = `1.0.${++this.#count}`;
    // For the modules that an earlier case left loaded.
    const { modules } = await element.view(NAME);
    const image = await element.image({ version, modules, ...trouble.image });
    if (trouble.ready) await element.place(image, other((await element.view(NAME)).partition), NAME);
    const source: RootImage = trouble.ready
      ? { sha256: image.sha256 }
      : { path: image.path, sha256: image.sha256 };
    const aside = { site: this.#site, element, line: this.#line };
    await trouble.prepare?.(aside, image);
    const old = { version: this.#serving, sha256: this.#sha256 };
    const goal = await this.#wants(version, source, trouble.upgrade, pair);
    const back = await this.#wants(old.version, { sha256: old.sha256 }, {}, pair);
    let first = "stopped" as First;
    let struck = Date.now();
    const figures = await element.measure(
      async () => {
        const up = await stack.startUp(goal);
        if (point && trouble.strike) struck = await this.#strike({ ...aside, up }, trouble, version, point);
        const { code, output } = await up.ended;
        first = await this.#cameTo(code, version);
        note(`${trouble.name}, ${point?.name ?? "at once"}`, { code, first });
        const { campaign } = await this.#journal.data();
        assert(
          trouble.first.includes(first),
          `the up came to "${first}", campaign ${campaign?.to.version} ${campaign?.state}:\n${output}`,
        );
        if (first === "rolled-back" && trouble.says) {
          const { reason = "" } = (await this.#journal.data()).campaign?.rollback ?? {};
          assert.match(reason, trouble.says);
        }
        await element.clear("", NAME);
        if (first === "completed") return;
        if (await stack.stack.locked()) await stack.stack.cancel();
        await stack.mustUp(first === "stopped" && wanted === "goal" ? goal : back);
      },
      { settleMs: 15_000 },
    );
    const end = first === "completed" || (first === "stopped" && wanted === "goal") ? "new root" : "old root";
    if (end === "new root") [this.#serving, this.#sha256] = [version, image.sha256];
    const counts = await this.#atRest(end === "new root" ? goal : back, figures, image, end);
    this.#judge(trouble, figures);
    return {
      trouble: trouble.name,
      point: point?.name ?? "from the beginning",
      pair,
      first,
      wanted,
      end,
      convergedMs: Date.now() - struck,
      transitLost: figures.transit.lost,
      puntedLost: figures.punted.lost,
      adjacencyDrops: counts.adjacencyDrops,
      resets: counts.hardwareResets,
      boots: counts.boots,
      awayMs: counts.awayMs,
    };
  }

  /** After a case that failed: whatever it takes to begin anew. */
  async recover(): Promise<void> {
    const { element, stack } = this.#site;
    this.#line.down(false);
    await element.clear("", NAME);
    await settled(element, { name: NAME });
    const { version, partition } = await element.view(NAME);
    if (await stack.stack.locked()) await stack.stack.cancel();
    const { out } = await element.run("show status json", { name: NAME });
    const { partitions } = JSON.parse(out) as { partitions: Record<string, { sha256: string } | null> };
    [this.#serving, this.#sha256] = [version, partitions[partition]?.sha256 ?? ""];
    await stack.mustUp(await this.#wants(version, { sha256: this.#sha256 }, {}, false));
  }

  #wants(version: string, image: RootImage, upgrade: ElementUpgradePolicy = {}, pair: boolean) {
    return this.#site.wants(
      version,
      image,
      {
        snapshot: {
          store: pathToFileURL(path.join(this.#site.dir, "snapshots")).href,
          recipients: [this.#recipient],
        },
        ...(pair ? { traffic: "partner", settle: "2s" } : {}),
        ...upgrade,
      },
      [NAME],
    );
  }

  async #strike(
    context: { readonly up: Running } & Parameters<NonNullable<Trouble["strike"]>>[0],
    trouble: Trouble,
    version: string,
    { name, reached }: Point,
  ): Promise<number> {
    const { up } = context;
    try {
      if (reached) {
        const over = new AbortController();
        void up.ended.then(() => over.abort());
        const here = (campaign: CampaignSeen) => campaign.to.version === version && reached(campaign);
        await this.#journal.reaches(name, here, over.signal);
      } else await up.said(/Updating/, 60_000);
      const struck = Date.now();
      await trouble.strike?.(context);
      return struck;
    } catch (error) {
      await up.killAll();
      await up.ended;
      throw error;
    }
  }

  async #cameTo(code: number, version: string): Promise<First> {
    if (code === 0) return "completed";
    const { campaign } = await this.#journal.data();
    return campaign?.to.version === version && campaign.state === "rolled-back" ? "rolled-back" : "stopped";
  }

  /** On one of the two roots, whole, by its own account, seen from outside and by the journal. */
  async #atRest(args: object, figures: Figures, image: Image, end: Outcome["end"]): Promise<ElementCounts> {
    const { element, stack } = this.#site;
    const { view, own } = await settled(element, { name: NAME });
    assert.equal(view.version, this.#serving, "root in service, seen from outside");
    assert.equal(own.version, this.#serving, "root in service, by its own account");
    assert.equal(own.partition, view.partition);
    if (end === "new root") assert.equal(view.exeSha256, image.initSha256, "what process 1 executes");
    const counts = figures.elements[NAME];
    assert(counts);
    const { left } = (await element.measure(async () => {})).elements[NAME] ?? counts;
    assert.deepEqual(left, { processes: [], mounts: [], ipc: [] });
    const { out } = await element.run("show status json", { name: NAME });
    assert.equal((JSON.parse(out) as { overload: boolean }).overload, false, "asked to go another way");
    await until("a killed run's lease to be over", async () => !(await this.#journal.heldBy()), 20_000);
    const { campaign, serving } = await this.#journal.data();
    assert(!campaign || ["completed", "rolled-back"].includes(campaign.state), `campaign ${campaign?.state}`);
    // Before the first campaign that completes it knows of none.
    if (serving) assert.equal(serving.version, this.#serving, "what the journal says");
    const { code, output } = await stack.preview(args, "--expect-no-changes");
    assert.equal(code, 0, output);
    return counts;
  }

  #judge({ loses }: Trouble, { transit }: Figures): void {
    if (loses === "any") return;
    if (loses === "some") assert(transit.lost > 0, "a loss that was not measured");
    else assert.equal(transit.lost, 0, "transit packets lost");
  }
}
