/**
 * Names of workloads and releases. A workload is named by version and content, so that no change of content rolls
 * anything behind a campaign's back: it is another workload.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** Longest DNS label (RFC 1123), and longest Kubernetes label value. */
const LONGEST = 63;

const digest = (text: string, length: number): string =>
  createHash("sha256").update(text).digest("hex").slice(0, length);

/** @returns the text as a DNS label: lower case, letters, digits and single dashes, e.g. `1-1-0-rc-1`. */
export function dnsSafe(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "") || "x"
  );
}

/** JSON with sorted keys and without undefined, so that the same content always reads the same. */
export function canonicalJson(content: unknown): string {
  return (
    JSON.stringify(content, (_key, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
        : value,
    ) ?? "null"
  );
}

/** @returns 8 hex digits of the SHA-256 of the content's canonical JSON. */
export const contentHash = (content: unknown): string => digest(canonicalJson(content), 8);

/**
 * Name of the Deployment that runs one version and content of one component, e.g. `amf-gsu-1-1-0-9f3c21ab`. At most 63
 * characters, a DNS label. Names that had to be cut or lost characters carry a digest of what was lost, so they stay apart.
 *
 * @param hash the component's content hash; the name ends in it.
 */
export function workloadName(cnf: string, component: string, version: string, hash: string): string {
  const exact = `${cnf}-${component}-${version}`;
  const readable = `${dnsSafe(cnf)}-${dnsSafe(component)}-${dnsSafe(version)}`;
  const lossless = readable === exact.replace(/\./g, "-") && /^[a-z]/.test(readable);
  const room = LONGEST - hash.length - 1;
  if (lossless && readable.length <= room) return `${readable}-${hash}`;
  const head = (/^[a-z]/.test(readable) ? readable : `x${readable}`).slice(0, room - 7).replace(/-+$/, "");
  return `${head}-${digest(exact, 6)}-${hash}`;
}

/** Content hash of the component that a workload runs: what its name ends in, else (a name not of ours) a hash of the name. */
export const hashOfWorkload = (workload: string): string =>
  /-([0-9a-f]{8})$/.exec(workload)?.[1] ?? contentHash(workload);

/** @returns the version as a Kubernetes label value: `+`, which a label cannot have, becomes `_`; at most 63 characters. */
export function labelValue(version: string): string {
  const safe = version
    .replace(/\+/g, "_")
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
  return safe.length <= LONGEST ? safe : `${safe.slice(0, LONGEST - 9)}-${digest(version, 8)}`;
}

/**
 * Id of a version together with the content of all its components, e.g. `1.1.0-9f3c21ab`.
 *
 * @param componentHashes in any order.
 */
export const releaseId = (version: string, componentHashes: readonly string[]): string =>
  `${version}-${digest([...componentHashes].sort().join("\n"), 8)}`;
