/**
 * `issu snapshot list | show | verify`: looks at what was saved before a campaign's steps (ESC-14).
 *
 * @module
 */
import { readIdentities } from "../campaign/snapshots/age";
import { find, listed } from "../campaign/snapshots/library";
import { bytesOf, isVerified, type Snapshot } from "../campaign/snapshots/record";
import { verify } from "../campaign/snapshots/verify";
import { formatDuration } from "../policy/duration";
import { table } from "./layout";
import { openSnapshots, type SnapshotOptions } from "./snapshot-site";
import { pageOf, print } from "./terminal";

export interface ListOptions extends SnapshotOptions {
  readonly json?: boolean;
}

export interface VerifyOptions extends SnapshotOptions {
  /** Path of a file with age identities. */
  readonly identity?: string;
}

export async function listSnapshots(wanted: string | undefined, options: ListOptions): Promise<void> {
  const { target, snapshots } = await openSnapshots(wanted, options);
  const all = await listed(snapshots, target);
  if (options.json) {
    return print(JSON.stringify({ schemaVersion: 1, target, store: snapshots.where, snapshots: all }));
  }
  if (all.length === 0) return print(`no snapshot of ${target} in ${snapshots.where}`);
  await print(`${target}, in ${snapshots.where}`);
  const columns = [
    { head: "SNAPSHOT" },
    { head: "AGE", right: true },
    { head: "CAMPAIGN" },
    { head: "PARTS", right: true },
    { head: "SIZE", right: true },
    { head: "STATE" },
  ];
  const rows = all.map((one) => [
    one.id,
    ageOf(one),
    one.campaign,
    String(one.parts.length),
    size(bytesOf(one)),
    `${stateOf(one)}${one.recipients ? ", encrypted" : ""}`,
  ]);
  for (const line of table(columns, rows, pageOf(process.stdout))) await print(line);
}

export async function showSnapshot(
  wanted: string | undefined,
  id: string,
  options: ListOptions,
): Promise<void> {
  const { target, snapshots } = await openSnapshots(wanted, options);
  const found = await find(snapshots, target, id);
  if (options.json)
    return print(JSON.stringify({ schemaVersion: 1, store: snapshots.where, snapshot: found }));
  const { releases, recipients = [] } = found;
  await print(`${found.id} of ${target}, in ${snapshots.where}`);
  await print(`  taken      ${found.takenAt}, before ${found.stage} of campaign ${found.campaign}`);
  await print(`  campaign   from ${releases.from?.version ?? "nothing"} to ${releases.to.version}`);
  await print(`  state      ${stateOf(found)}${found.lastCheck ? `, looked at ${found.lastCheck.at}` : ""}`);
  await print(`  encrypted  ${recipients.length > 0 ? `to ${recipients.join(", ")}` : "no"}`);
  const columns = [
    { head: "PART" },
    { head: "KIND" },
    { head: "SIZE", right: true },
    { head: "SHA-256" },
    { head: "ABOUT" },
  ];
  const rows = found.parts.map((part) => [
    part.name,
    part.kind,
    size(part.bytes),
    part.sha256.slice(0, 12),
    found.lastCheck?.damage[part.name] ??
      Object.entries(part.about ?? {})
        .map(([name, value]) => `${name} ${value}`)
        .join(", "),
  ]);
  for (const line of table(columns, rows, pageOf(process.stdout))) await print(line);
}

/** @throws Error if it is damaged: pipelines see it by the exit code. */
export async function verifySnapshot(
  wanted: string | undefined,
  id: string,
  options: VerifyOptions,
): Promise<void> {
  const identities = await readIdentities(options.identity);
  const { target, snapshots } = await openSnapshots(wanted, options);
  const found = await find(snapshots, target, id);
  const { note, content } = await verify(snapshots, found, identities, (part, damage) => {
    void print(`  ${damage === undefined ? "whole  " : "DAMAGED"}  ${part}`);
  });
  const damage = Object.values(note.damage);
  if (damage.length > 0) {
    const other = (await listed(snapshots, target)).find((one) => isVerified(one) && one.id !== found.id);
    throw new Error(
      `${found.id} of ${target} is damaged: ${damage.join("; ")}. ${other ? `The latest that is whole is ${other.id}.` : "There is no other that is whole."}`,
    );
  }
  await print(
    `${found.id} of ${target} is whole${content ? "" : ": as it lies there, encrypted. To compare the content too: --identity FILE"}`,
  );
}

export const stateOf = (one: Snapshot): string => (isVerified(one) ? "verified" : "DAMAGED");

const ageOf = ({ takenAt }: Snapshot): string =>
  formatDuration(Math.max(0, Date.now() - Date.parse(takenAt)));

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}
