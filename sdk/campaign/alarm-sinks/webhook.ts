/**
 * Alarms as JSON to an address of the user's own. The body is described in `docs/alarms.md`.
 *
 * @module
 */
import type { ResolvedEndpoint } from "../../policy/alarm-policy";
import type { AlarmNotice } from "../alarms";
import { post } from "./post";
import type { AlarmSink } from "./sink";

const SCHEMA_VERSION = 1;

export class WebhookSink implements AlarmSink {
  readonly name = "webhook";
  private readonly to: ResolvedEndpoint;
  private readonly link: string | undefined;

  constructor(to: ResolvedEndpoint, link?: string) {
    this.to = to;
    this.link = link;
  }

  async send(notices: readonly AlarmNotice[], signal: AbortSignal): Promise<void> {
    const alarms = notices.map((notice) => ({
      event: notice.clearedAt === undefined ? "raised" : "cleared",
      // The same for both events, so that a receiver finds what it opened.
      id: [
        notice.target,
        notice.campaign,
        notice.code,
        notice.stage ?? notice.receiver ?? "",
        notice.raisedAt,
      ].join("|"),
      ...notice,
      ...(this.link === undefined ? {} : { link: this.link }),
    }));
    await post(this.to, this.to.url, { schemaVersion: SCHEMA_VERSION, alarms }, signal);
  }
}
