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
  readonly objectRef?: {
    readonly resource?: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly subresource?: string;
    readonly apiGroup?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

const READS = new Set(["get", "list", "watch"]);

async function operators(auditLog: string, since: number): Promise<readonly AuditEvent[]> {
  const text = await fs.readFile(auditLog, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditEvent)
    .filter(
      (event) =>
        event.user.username === "issu-operator" && Date.parse(event.requestReceivedTimestamp) >= since,
    );
}

/** What the operator's identity asked for since an instant, e.g. `patch pods`; `namespace` undefined: of the whole cluster. */
export async function rightsUsed(
  auditLog: string,
  since: number,
): Promise<readonly { readonly right: string; readonly namespace?: string; readonly code: number }[]> {
  return (await operators(auditLog, since)).flatMap(({ verb, objectRef, responseStatus }) => {
    if (!objectRef?.resource || objectRef.resource.startsWith("selfsubject")) return [];
    const { resource, subresource, apiGroup, namespace } = objectRef;
    const name = `${resource}${subresource ? `/${subresource}` : ""}${apiGroup ? `.${apiGroup}` : ""}`;
    const code = responseStatus?.code ?? 0;
    // Server-side apply of what was not there takes both rights.
    const verbs = verb === "patch" && code === 201 ? [verb, "create"] : [verb];
    return verbs.map((one) => ({ right: `${one} ${name}`, ...(namespace ? { namespace } : {}), code }));
  });
}

/** Requests by the operator's identity since an instant that could change anything; server-side dry runs can't. */
export async function writesSince(auditLog: string, since: number): Promise<readonly AuditEvent[]> {
  return (await operators(auditLog, since)).filter(
    (event) =>
      !READS.has(event.verb) &&
      !event.requestURI.includes("dryRun=All") &&
      // Asking who one is and what one may do is answered, not kept.
      !event.requestURI.includes("selfsubject"),
  );
}

/** The same by campaigns alone, not by Pulumi's own Kubernetes provider. */
export const campaignWrites = async (auditLog: string, since: number): Promise<readonly AuditEvent[]> =>
  (await writesSince(auditLog, since)).filter(({ userAgent }) => userAgent?.startsWith("pulumi-issu"));

/** Whether it was carried out. */
export const wasTaken = ({ responseStatus }: AuditEvent): boolean => (responseStatus?.code ?? 0) < 300;
