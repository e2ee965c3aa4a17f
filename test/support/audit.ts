/**
 * What was asked of the API server, from its own audit log.
 *
 * @module
 */
import * as fs from "node:fs/promises";

export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly name?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

const READS = new Set(["get", "list", "watch"]);

/** Requests by the operator's identity since an instant that could change anything; server-side dry runs can't. */
export async function writesSince(auditLog: string, since: number): Promise<readonly AuditEvent[]> {
  const text = await fs.readFile(auditLog, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      (event) =>
        event.user.username === "issu-operator" &&
        Date.parse(event.requestReceivedTimestamp) >= since &&
        !READS.has(event.verb) &&
        !event.requestURI.includes("dryRun=All") &&
        // Asking who one is and what one may do is answered, not kept.
        !event.requestURI.includes("selfsubject"),
    );
}
