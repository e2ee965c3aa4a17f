/**
 * Alerts that fire, by Alertmanager's API v2 (ESC-13, ESC-17, ESC-19).
 *
 * @module
 */
import { type AlertSource, type FiringAlert, SourceError } from "../../contract/monitoring";
import type { ResolvedMonitor } from "../../policy/gate-policy";
import { JsonClient } from "../get-json";

/** As far as it is looked at. */
interface GettableAlert extends FiringAlert {
  readonly status?: { readonly state?: string };
}

export class AlertmanagerSource implements AlertSource {
  readonly name = "alertmanager";
  private readonly client: JsonClient;

  constructor(settings: ResolvedMonitor) {
    this.client = new JsonClient(settings);
  }

  async firing(matchers: readonly string[], signal?: AbortSignal): Promise<readonly FiringAlert[]> {
    const query = new URLSearchParams({ active: "true", silenced: "false", inhibited: "false" });
    query.set("unprocessed", "false");
    for (const matcher of matchers) query.append("filter", matcher);
    const { status, body } = await this.client.get("api/v2/alerts", query, signal);
    const { host } = this.client;
    if (status === 400) throw new SourceError("BAD_QUERY", `${host} says ${saidOf(body)}`);
    if (status >= 500) throw new SourceError("UNREACHABLE", `${host} answers HTTP ${status}`);
    if (status !== 200 || !Array.isArray(body) || !body.every(isAlert)) {
      throw new SourceError(
        "BAD_ANSWER",
        `${host} does not answer as Alertmanager's API v2 does (HTTP ${status})`,
      );
    }
    // Asked for as such already; what is suppressed is left out whatever the server makes of the parameters.
    return body
      .filter(({ status: of }) => of?.state === undefined || of.state === "active")
      .map(({ fingerprint, labels, startsAt }) => ({ fingerprint, labels, startsAt }));
  }
}

function isAlert(one: unknown): one is GettableAlert {
  const { fingerprint, labels } = (one ?? {}) as Partial<GettableAlert>;
  return typeof fingerprint === "string" && typeof labels === "object" && labels !== null;
}

function saidOf(body: unknown): string {
  if (typeof body === "string") return body;
  const { message } = (body ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : "bad request";
}
