/**
 * What operators ask of a campaign: `issu abort | pause | resume | approve` (ESC-12, ESC-18, ESC-21).
 *
 * @module
 */
import { type CampaignRecord, Journal } from "../campaign/journal";
import { requestsAt } from "../campaign/store-at";
import type { Asking, OperatorRequest, RequestBook, RequestKind } from "../contract/requests";
import { kinds } from "../kinds";
import { followAbort } from "./follow-abort";
import { reach } from "./reach";
import { oneTarget, openSite, partsOf, type Site, type SiteOptions } from "./site";
import { print } from "./terminal";
import { UsageError } from "./usage-error";

export interface RequestOptions extends SiteOptions {
  readonly reason: string;
  readonly stage?: string;
  readonly role?: string;
}

export async function makeRequest(
  kind: RequestKind,
  wanted: string | undefined,
  options: RequestOptions,
): Promise<void> {
  const site = await openSite(options, wanted);
  const target = await oneTarget(site, wanted);
  const campaign = inHand(target, (await Journal.read(site.store, target)).data.campaign);
  const { reason } = options;
  const asking: Asking = {
    kind,
    campaign: campaign.id,
    reason,
    ...(kind === "approve" ? approvalOf(campaign, options) : {}),
  };
  const request = await (await bookOf(site, target, options)).ask(target, asking);
  await print(said(request, target));
  if (kind === "abort") await followAbort(site, target, request);
}

/** @throws UsageError unless the campaign is neither completed nor rolled back. */
function inHand(target: string, campaign: CampaignRecord | undefined): CampaignRecord {
  if (campaign && ["open", "held", "stopped", "rolling-back"].includes(campaign.state)) return campaign;
  throw new UsageError(
    campaign
      ? `campaign ${campaign.id} of ${target} is ${campaign.state}${campaign.closedAt ? ` since ${campaign.closedAt}` : ""}; no other is open. ${campaign.from ? `To go back, set the version to ${campaign.from.version} and run pulumi up.` : ""}`.trimEnd()
      : `no campaign of ${target} yet.`,
  );
}

/** What is waited for, unless it is said. */
export function approvalOf(
  campaign: CampaignRecord,
  { stage, role }: Pick<RequestOptions, "stage" | "role">,
): Pick<Asking, "stage" | "role"> {
  const waiting = campaign.stages.find(({ plan }) => plan.waitsFor !== undefined);
  const at = stage ?? waiting?.name;
  const roles = campaign.stages.find(({ name }) => name === at)?.plan.waitsFor ?? [];
  const inNameOf = role ?? (roles.length === 1 ? roles[0] : undefined);
  if (at !== undefined && inNameOf !== undefined) return { stage: at, role: inNameOf };
  throw new UsageError(
    at === undefined
      ? `campaign ${campaign.id} waits for nobody's approval. To approve ahead, say --stage and --role.`
      : `${at} ${roles.length > 0 ? `waits for ${roles.join(" and ")}` : "waits for nobody yet"}. Say --role.`,
  );
}

/** Nothing but an abort touches the target, so no other asks how it is reached. */
async function bookOf(
  site: Site,
  target: string,
  { journal, kubeconfig, context }: RequestOptions,
): Promise<RequestBook> {
  const apart =
    kinds[partsOf(target)?.kind ?? ""]?.apart && kubeconfig === undefined && context === undefined;
  const beside = apart ? requestsAt(journal) : undefined;
  if (beside) return beside;
  const { requests } = await reach(site, target);
  if (requests) return requests;
  throw new UsageError(
    `nobody vouches for who asks something of ${target}: it is on no cluster, none is named, and its journal is in no folder. Give --kubeconfig and --namespace of the cluster that its program names.`,
  );
}

function said({ kind, campaign, stage, role, by }: OperatorRequest, target: string): string {
  const of = `campaign ${campaign} of ${target}`;
  switch (kind) {
    case "abort":
      return `${by} aborts ${of}`;
    case "pause":
      return `${by} pauses ${of}: it stops at its next safe point; issu resume lets it go on`;
    case "resume":
      return `${by} lets ${of} go on. If no run works on it, pulumi up does.`;
    case "approve":
      return `${by} approves ${stage} of ${of} as ${role}. pulumi up goes on.`;
  }
}
