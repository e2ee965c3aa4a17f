/**
 * Alarms to an Alertmanager, by its API v2 (`POST /api/v2/alerts`).
 *
 * @module
 */
import type { ResolvedEndpoint } from "../../policy/alarm-policy";
import { type AlarmCode, alarmCatalogue } from "../alarm-catalogue";
import type { AlarmNotice } from "../alarms";
import { post } from "./post";
import type { AlarmSink } from "./sink";

/** An Alertmanager ends what is not sent again within its `resolve_timeout`, 5 min unless configured; Prometheus does as we do. */
export const RESEND_MS = 60_000;

/** Active alarms carry an end of their own, this many sendings away: then it does not matter what `resolve_timeout` says. */
const SENDINGS = 4;

/** Label `source` of what is sent from here. */
const SOURCE = "pulumi-issu";

/** Whether an alert is one that campaigns on this target raised. */
export const isOwnAlert = (labels: { readonly [name: string]: string }, target: string): boolean =>
  labels.source === SOURCE && labels.target === target;

export class AlertmanagerSink implements AlarmSink {
  readonly name = "alertmanager";
  readonly resendMs = RESEND_MS;
  private readonly to: ResolvedEndpoint;
  private readonly url: string;
  private readonly link: string | undefined;

  constructor(to: ResolvedEndpoint, link?: string) {
    this.to = to;
    this.url = `${to.url.replace(/\/+$/, "")}/api/v2/alerts`;
    this.link = link;
  }

  async send(notices: readonly AlarmNotice[], signal: AbortSignal, staysUntil?: number): Promise<void> {
    const alerts = notices.map((notice) => this.alert(notice, staysUntil));
    await post(this.to, this.url, alerts, signal);
  }

  private alert(notice: AlarmNotice, staysUntil = Date.now() + SENDINGS * RESEND_MS) {
    const { code, severity, cause, campaign, stage, receiver, target, text, raisedAt, clearedAt } = notice;
    return {
      labels: {
        alertname: code,
        severity,
        source: SOURCE,
        target,
        campaign,
        ...(stage === undefined ? {} : { stage }),
        ...(receiver === undefined ? {} : { receiver }),
      },
      annotations: { summary: `${target}: ${titleOf(code)}`, description: text, probable_cause: cause },
      startsAt: raisedAt,
      endsAt: clearedAt ?? new Date(staysUntil).toISOString(),
      ...(this.link === undefined ? {} : { generatorURL: this.link }),
    };
  }
}

/** e.g. `STAGE_OVER_LIMIT` → `stage over limit`. */
const titleOf = (code: AlarmCode): string =>
  code in alarmCatalogue ? code.toLowerCase().replaceAll("_", " ") : code;
