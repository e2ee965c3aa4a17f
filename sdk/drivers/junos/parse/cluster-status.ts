/**
 * `show chassis cluster status`, from 10.4 to today: with and without the legend, wide and narrow.
 *
 * @module
 */

export interface GroupRow {
  readonly node: string;
  readonly priority: number;
  /** `primary`, `secondary`, `secondary-hold`, `hold`, `lost`, `ineligible`, `disabled`. */
  readonly status: string;
  readonly preempt: boolean;
  readonly manual: boolean;
  /** e.g. `CS`, `IF`; empty where releases before 12.1 don't tell. */
  readonly failures: readonly string[];
}

export interface GroupStatus {
  readonly id: number;
  readonly failovers: number;
  readonly rows: readonly GroupRow[];
}

export type ClusterStatus =
  | { readonly clustered: false; readonly why: string }
  | { readonly clustered: true; readonly clusterId: number; readonly groups: readonly GroupStatus[] };

const GROUP = /^\s*Redundancy group:\s*(\d+)\s*,\s*Failover count:\s*(\d+)/i;
const ROW = /^\s*(node\d)\s+(\d+)\s+([a-z][a-z-]*)\s+(yes|no|n\/a)\s+(yes|no|n\/a)(?:\s+(\S.*))?$/i;

/** @throws Error if it is neither a status nor the word that there is no cluster. */
export function parseClusterStatus(output: string): ClusterStatus {
  const none = /^(?:error:\s*)?(chassis cluster is not enabled\.?)/im.exec(output)?.[1];
  if (none !== undefined) return { clustered: false, why: none };
  const clusterId = /^\s*Cluster ID:\s*(\d+)/im.exec(output)?.[1];
  const groups: { id: number; failovers: number; rows: GroupRow[] }[] = [];
  for (const line of output.split("\n")) {
    const group = GROUP.exec(line);
    if (group) groups.push({ id: Number(group[1]), failovers: Number(group[2]), rows: [] });
    const row = ROW.exec(line.trimEnd());
    if (!row) continue;
    const [, node = "", priority, status = "", preempt, manual, failures = ""] = row;
    groups.at(-1)?.rows.push({
      node,
      priority: Number(priority),
      status: status.toLowerCase(),
      preempt: preempt === "yes",
      manual: manual === "yes",
      failures: failuresIn(failures),
    });
  }
  if (clusterId === undefined || groups.length === 0)
    throw new Error(`no cluster status in ${JSON.stringify(output.slice(0, 200))}`);
  return { clustered: true, clusterId: Number(clusterId), groups };
}

/** Monitors that fail, from the last column: `None`, or one or more of them. */
export const failuresIn = (text: string): readonly string[] =>
  /^(?:none|n\/a)$/i.test(text.trim())
    ? []
    : text
        .trim()
        .split(/[\s,]+/)
        .filter(Boolean);
