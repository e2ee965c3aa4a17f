import { Journal, type JournalData } from "../campaign/journal";
import { type CampaignReport, campaignReport, pastReport, REPORT_VERSION } from "./report";
import { reportText } from "./report-text";
import { openSite, type SiteOptions, targetsOf } from "./site";
import { pageOf, print } from "./terminal";
import { UsageError } from "./usage-error";

export interface ReportOptions extends SiteOptions {
  readonly campaign?: string;
  readonly json?: boolean;
}

export async function showReport(wanted: string | undefined, options: ReportOptions): Promise<void> {
  const site = await openSite(options, wanted);
  const targets = await targetsOf(site, wanted);
  const now = Date.now();
  const journals = await Promise.all(targets.map((target) => Journal.read(site.store, target)));
  const campaigns = journals.map(({ data }) => reportOf(data, options.campaign, now));
  if (options.json) {
    await print(JSON.stringify({ schemaVersion: REPORT_VERSION, campaigns }, null, 2));
    return;
  }
  const page = pageOf(process.stdout);
  await print(campaigns.map((report) => reportText(report, now, page)).join("\n\n"));
}

/** @throws UsageError that lists which campaigns there are. */
export function reportOf(data: JournalData, id: string | undefined, now: number): CampaignReport {
  const context = { target: data.target, now };
  const { campaign, history } = data;
  if (campaign && (id === undefined || campaign.id === id)) return campaignReport(campaign, context);
  const past = history.find((one) => one.id === id);
  if (past) return pastReport(past, context);
  const ids = [...history.map((one) => one.id), ...(campaign ? [campaign.id] : [])];
  throw new UsageError(
    ids.length === 0
      ? `no campaign of ${data.target} yet`
      : `no campaign ${id} of ${data.target}. There is: ${ids.join(", ")}.`,
  );
}
