/**
 * `issu journal rebuild`: begins a journal anew where the old one is lost, damaged or too old.
 *
 * @module
 */
import * as fs from "node:fs";
import type { JournalData } from "../campaign/journal";
import { LogFile, logFileOf } from "../campaign/log-file";
import { rebuild } from "../campaign/rebuild";
import type { Target } from "../contract/target";
import { personAt } from "./command-unlock";
import { reach } from "./reach";
import { openSite, partsOf, type SiteOptions } from "./site";
import { print } from "./terminal";
import { UsageError } from "./usage-error";

export interface RebuildOptions extends SiteOptions {
  readonly reason: string;
}

export async function rebuildJournal(wanted: string, options: RebuildOptions): Promise<void> {
  const parts = partsOf(wanted);
  // A journal that is lost can't be looked up by a short name.
  if (!parts) throw new UsageError(`got ${wanted}, expected the target in full, like cnf/core/amf`);
  const site = await openSite(options, wanted);
  const { kind, target } = await reach(site, wanted);
  const { why, journal, kept } = await rebuild({
    store: site.store,
    target: target as Target,
    shown: (inventory) => kind.shown(inventory, site.address(parts)),
    by: await personAt(site, wanted),
    reason: options.reason,
    log: new LogFile(wanted),
    waiting: (heldBy) => void print(`  waiting for the lease that ${heldBy} left behind…`),
    keep: (text) => {
      const file = `${logFileOf(wanted)}.damaged-${Date.now()}`;
      fs.writeFileSync(file, text, { mode: 0o600 });
      return file;
    },
  });
  await print(`the journal of ${wanted} was ${why}; it begins anew from what the target shows:`);
  for (const line of summaryOf(journal)) await print(`  ${line}`);
  if (kept !== undefined) await print(`  what could not be read is in ${kept}`);
}

function summaryOf({ serving, campaign, quarantine }: JournalData): string[] {
  return [
    ...(campaign
      ? [
          `campaign ${campaign.id} from ${campaign.from?.version ?? "nothing"} to ${campaign.to.version} is open.`,
          `pulumi up with version ${campaign.to.version} goes on${campaign.from ? `, with ${campaign.from.version} it returns` : ""}. If you don't know why it stopped, return.`,
        ]
      : [serving ? `${serving.version} serves alone.` : "nothing serves."]),
    quarantine.length > 0
      ? `quarantined as before: ${quarantine.map(({ version }) => version).join(", ")}.`
      : "nothing is quarantined; if a version was, don't ask for it.",
  ];
}
